"""The panel of an evaluation: what it says, and which boxes each bar and cell opens."""

from __future__ import annotations

import csv
import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.resources import data_file

from tests.panels.driven import DrivenPanel, plugin_module
from tests.support.predicted import predicted_dataset

KEY = "eval_model_predictions"
NASTY = "<script>alert('1')</script> a|b *c* $d"


class Box(NamedTuple):
    """An annotated box and what is predicted of it, read from the dataset."""

    id: str
    true: str
    predicted: str | None
    prediction: str | None


@pytest.fixture(scope="module")
def lineages() -> dict[str, tuple[str, ...]]:
    """The seven slots of each concept, from the file."""
    with data_file("taxonomy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["concept"]: tuple(row[rank] for rank in RANKS) for row in rows}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """300 images and 800 boxes; some predictions are missing, and one name is a nasty one."""
    dataset = predicted_dataset(tmp_path_factory.mktemp("synthetic"), "test-panel")
    for number, sample in enumerate(dataset.limit(30).iter_samples(autosave=True)):
        if number % 3 == 0:
            sample["model_predictions"].detections = sample["model_predictions"].detections[1:]
        elif number % 3 == 1 and sample["ground_truth"].detections:
            sample["ground_truth"].detections[0].label = NASTY
    evaluate_predictions(dataset)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def boxes(dataset: Any) -> list[Box]:
    """What there is, matched by annotation id here."""
    names = [
        f"{field}.detections.{name}"
        for field in ("ground_truth", "model_predictions")
        for name in ("annotation_id", "id", "label")
    ]
    found = []
    for image in zip(*dataset.values(names), strict=True):
        numbers, ids, labels, others, other_ids, other_labels = (column or [] for column in image)
        named = zip(other_ids, other_labels, strict=True)
        partners = dict(zip(others, named, strict=True))
        for number, id_, label in zip(numbers, ids, labels, strict=True):
            prediction, predicted = partners.get(number, (None, None))
            found.append(Box(id_, label, predicted, prediction))
    assert sum(box.predicted is None for box in found) >= 10
    return found


@pytest.fixture
def panel(dataset: Any) -> DrivenPanel:
    panel = DrivenPanel("evaluation_by_rank", dataset)
    panel.fire("on_load")
    return panel


@pytest.fixture(params=["by id", "by name"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test is run both ways of finding boxes: few of them, and many."""
    if request.param == "by name":
        monkeypatch.setattr(plugin_module("evaluation.finished"), "MOST_IDS", 0)
    return str(request.param)


def at(level: str, name: str | None, lineages: dict[str, tuple[str, ...]]) -> str | None:
    if level == "concept":
        return name
    return lineages[name][RANKS.index(level)] or None if name in lineages else None


def opened_boxes(panel: DrivenPanel, told: Any) -> set[str]:
    """The ids of the annotated boxes of the view that was opened; only their predictions show."""
    view = panel.opened(told)
    path = "ground_truth.id" if view._is_patches else "ground_truth.detections.id"
    return set(view.values(path, unwind=not view._is_patches))


def opened_predictions(panel: DrivenPanel, told: Any) -> set[str]:
    return set(panel.opened(told).values("model_predictions.detections.id", unwind=True))


@pytest.mark.parametrize("level", ["concept", "family"])
def test_every_cell_counts_and_opens_its_boxes(
    panel: DrivenPanel,
    boxes: list[Box],
    lineages: dict[str, tuple[str, ...]],
    level: str,
    either_way: str,
) -> None:
    expected: dict[tuple[str, str | None], list[Box]] = {}
    for box in boxes:
        true = at(level, box.true, lineages)
        if true is not None:
            expected.setdefault((true, at(level, box.predicted, lineages)), []).append(box)
    panel.fire("choose", path="choices.level", value=level)
    (cells,) = panel.data["matrix"]
    rows, columns = ([html.unescape(name) for name in cells[axis]] for axis in "yx")
    shown = {
        (rows[row], columns[column] if column < len(rows) - 1 else None): (row, column)
        for row, facts in enumerate(cells["customdata"][:-1])
        for column, fact in enumerate(facts[:-1])
        if fact is not None
    }
    assert shown.keys() == expected.keys()
    for pair, (row, column) in shown.items():
        assert cells["customdata"][row][column][0] == len(expected[pair])
    largest = sorted(expected, key=lambda pair: -len(expected[pair]))[:4]
    nasty = [pair for pair in expected if pair[0] == NASTY][:1]
    unnamed = [pair for pair in expected if pair[1] is None][:2]
    for pair in (*largest, *nasty, *unnamed):
        told = panel.fire("open_cell", idx=list(shown[pair]), trace=level)
        assert opened_boxes(panel, told) == {box.id for box in expected[pair]}, pair
        predictions = {box.prediction for box in expected[pair]} - {None}
        assert opened_predictions(panel, told) == predictions, pair


@pytest.mark.parametrize("level", ["concept", "family"])
def test_the_edges_of_the_matrix_open_all_that_is_wrong_of_a_name(
    panel: DrivenPanel, boxes: list[Box], lineages: dict[str, tuple[str, ...]], level: str
) -> None:
    named = [
        (box, at(level, box.true, lineages), at(level, box.predicted, lineages)) for box in boxes
    ]
    wrong = [one for one in named if one[1] is not None and one[1] != one[2]]
    panel.fire("choose", path="choices.level", value=level)
    (cells,) = panel.data["matrix"]
    rows, columns = ([html.unescape(name) for name in cells[axis]] for axis in "yx")
    facts = cells["customdata"]
    size = len(rows) - 1
    for place, name in enumerate([*rows[:-1], None]):
        of_row = {box.id for box, true, _ in wrong if name is not None and true == name}
        of_column = {box.id for box, _, predicted in wrong if predicted == name}
        for (row, column), expected in {
            **({(place, size + 1): of_row} if name is not None else {}),
            (size, place): of_column,
        }.items():
            if not expected:
                assert facts[row][column] is None
                continue
            assert facts[row][column][0] == len(expected), (columns[column], rows[row])
            if len(expected) > 5:
                told = panel.fire("open_cell", idx=[row, column], trace=level)
                assert opened_boxes(panel, told) == expected
    told = panel.fire("open_cell", idx=[size, size + 1], trace=level)
    assert opened_boxes(panel, told) == {box.id for box, _, _ in wrong}


def test_names_stand_in_the_order_of_the_tree(
    panel: DrivenPanel, lineages: dict[str, tuple[str, ...]]
) -> None:
    (cells,) = panel.data["matrix"]
    known = [name for name in cells["y"] if name in lineages]
    # Two names that share their slots, a subfamily and its family, may stand either way.
    assert [lineages[name] for name in known] == sorted(lineages[name] for name in known)
    assert html.escape(NASTY, quote=False) in cells["y"][len(known) :]


def test_the_bars_of_a_rank_open_what_is_right_and_what_is_wrong(
    panel: DrivenPanel,
    boxes: list[Box],
    lineages: dict[str, tuple[str, ...]],
    either_way: str,
) -> None:
    for number, rank in enumerate(RANKS):
        names = [(box, at(rank, box.true, lineages)) for box in boxes]
        sides: dict[bool, set[str]] = {True: set(), False: set()}
        for box, true in names:
            if true is not None:
                sides[true == at(rank, box.predicted, lineages)].add(box.id)
        share = len(sides[True]) / (len(sides[True]) + len(sides[False]))
        assert panel.data["ranks"][0]["y"][number] == pytest.approx(share)
        if rank in ("class", "species"):
            for trace, right in ((0, True), (1, False)):
                told = panel.fire("open_rank", idx=number, trace_idx=trace)
                assert opened_boxes(panel, told) == sides[right]


def test_a_click_on_a_picture_of_the_rank_before_opens_what_is_drawn(panel: DrivenPanel) -> None:
    opened = panel.opened(panel.fire("open_pair", idx=0, trace="concept")).values("id")
    panel.fire("choose", path="choices.level", value="kingdom")
    late = panel.opened(panel.fire("open_pair", idx=0, trace="concept")).values("id")
    assert late == opened


def test_a_mark_of_f1_chooses_its_rank(panel: DrivenPanel) -> None:
    told = panel.fire("open_rank", idx=RANKS.index("order"), trace_idx=2)
    assert not told.of("set_view")
    assert panel.state["choices"]["level"] == "order"
    assert "Macro F1 at order" in panel.texts()


def test_the_kinds_of_agreement_open_their_boxes(
    panel: DrivenPanel,
    boxes: list[Box],
    lineages: dict[str, tuple[str, ...]],
    either_way: str,
) -> None:
    def kind(box: Box) -> str:
        if box.predicted is None:
            return "missing"
        if box.true == box.predicted:
            return "right"
        if box.predicted in lineages.get(box.true, ()):
            return "too_coarse"
        return "too_fine" if box.true in lineages.get(box.predicted, ()) else "elsewhere"

    kinds = ["right", "too_coarse", "too_fine", "elsewhere", "missing"]
    for number, name in enumerate(kinds):
        expected = {box.id for box in boxes if kind(box) == name}
        told = panel.fire("open_kind", trace_idx=number)
        assert opened_boxes(panel, told) == expected, name
        assert panel.data["kinds"][number]["x"] == [pytest.approx(len(expected) / len(boxes))]


def test_the_most_confused_pairs_open_their_boxes_and_say_how_far_apart_they_are(
    panel: DrivenPanel, dataset: Any, boxes: list[Box]
) -> None:
    wrong = [box for box in boxes if box.predicted and box.true != box.predicted]
    counts = Counter((box.true, box.predicted) for box in wrong)
    (bars,) = panel.data["pairs"]
    assert bars["x"] == sorted(counts.values(), reverse=True)[: len(bars["x"])]
    told = panel.fire("open_pair", idx=0, trace="concept")
    view = panel.opened(told)
    (pair,) = {
        (box.true, box.predicted) for box in wrong if box.id in set(view.values("ground_truth.id"))
    }
    assert len(view) == counts[pair] == bars["x"][0]
    assert set(view.values(f"ground_truth.{KEY}_distance")) == {bars["marker"]["color"][0]}
    assert panel.state["opened"] == f"{counts[pair]} boxes: {pair[0]} taken for {pair[1]}"


def test_the_cards_say_how_good_it_is(
    panel: DrivenPanel,
    dataset: Any,
    boxes: list[Box],
    lineages: dict[str, tuple[str, ...]],
) -> None:
    accuracy = sum(box.true == box.predicted for box in boxes) / len(boxes)
    columns = (f"ground_truth.detections.{name}" for name in ("label", f"{KEY}_distance"))
    marks = list(zip(*(dataset.values(column, unwind=True) for column in columns), strict=True))
    distances = [distance for name, distance in marks if name in lineages]
    text = panel.texts()
    assert f"##### {accuracy:.1%}" in text
    assert f"##### {sum(distances) / len(distances):.2f}" in text
    missing = sum(box.predicted is None for box in boxes)
    assert f"{missing} have no prediction" in text
    strangers = len(marks) - len(distances)
    assert strangers and f"{strangers} boxes have such a true name, and no distance" in text


def test_an_event_draws_the_pictures_once(
    panel: DrivenPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    evaluation_figures = plugin_module("panels.evaluation.figures")
    matrix_figure = evaluation_figures.matrix_figure

    def counted(*arguments: Any) -> Any:
        drawn.append(arguments)
        return matrix_figure(*arguments)

    monkeypatch.setattr(evaluation_figures, "matrix_figure", counted)
    panel.fire("choose", path="choices.level", value="phylum")
    panel.fire("choose", path="choices.open_as", value="images")
    assert len(drawn) == 1
    assert panel.data["matrix"][0]["name"] == "phylum"


def test_boxes_can_be_opened_on_their_images(panel: DrivenPanel, boxes: list[Box]) -> None:
    panel.fire("choose", path="choices.open_as", value="images")
    told = panel.fire("open_kind", trace_idx=3)
    assert not panel.opened(told)._is_patches
    told = panel.fire("show_everything")
    assert told.of("clear_view") and panel.state["opened"] is None


def test_no_name_is_ever_markup(panel: DrivenPanel) -> None:
    (cells,) = panel.data["matrix"]
    row = cells["y"].index(html.escape(NASTY, quote=False))
    column = next(place for place, fact in enumerate(cells["customdata"][row]) if fact)
    panel.fire("open_cell", idx=[row, column], trace="concept")
    assert panel.state["opened"].split(": ", 1)[1].startswith(NASTY)
    assert "<script" not in str(panel.data)
    assert html.escape(NASTY, quote=False) in str(panel.data)
    said = panel.texts().replace("\\\\", "\\")
    assert not re.search(r"(?<!\\)<script", said)
    assert r"\<script\>alert('1')\</script\> a\|b \*c\* $d" in said


def test_boxes_that_the_app_does_not_show_yet_are_not_taken_for_all(panel: DrivenPanel) -> None:
    """The panel says what was opened before the App shows it."""
    told = panel.fire("review_opened", field="ground_truth")
    assert "does not show these boxes" in told.of("notify")[0]["message"]
    assert not told.of("open_panel")


def test_an_evaluation_that_was_made_again_is_read_again(
    panel: DrivenPanel, dataset: Any, boxes: list[Box]
) -> None:
    labels = dataset.values("model_predictions.detections.label")
    path = "model_predictions.detections.label"
    dataset.set_values(path, [["Animalia"] * len(names or ()) for names in labels])
    evaluate_predictions(dataset)
    told = panel.fire("open_kind", trace_idx=0)
    assert not told.of("set_view"), "what was clicked was drawn of the old one"
    assert panel.data["kinds"][0]["x"] == [0]
    dataset.set_values(path, labels)
    evaluate_predictions(dataset)
    panel.fire("on_load")
    assert panel.data["kinds"][0]["x"] != [0]


@pytest.fixture
def small(dataset_name: str) -> Callable[..., Any]:
    """Makes a dataset of one image with these fields of boxes, each with one Sebastes."""

    def make(*fields: str) -> Any:
        dataset = fo.Dataset(dataset_name)
        box = {"label": "Sebastes", "bounding_box": [0.1, 0.1, 0.2, 0.2]}
        boxes = {name: fo.Detections(detections=[fo.Detection(**box)]) for name in fields}
        dataset.add_sample(fo.Sample(filepath="/a.png", **boxes))
        return dataset

    return make


@pytest.mark.parametrize(
    ("fields", "title", "operator"),
    [
        ((), "There are no predictions to evaluate", "import_predictions"),
        (("ground_truth",), "There are no predictions to evaluate", "import_predictions"),
        (
            ("ground_truth", "model_predictions"),
            "There is no evaluation yet",
            "evaluate_predictions",
        ),
    ],
)
def test_where_nothing_can_be_shown_it_says_what_to_run(
    small: Callable[..., Any], fields: tuple[str, ...], title: str, operator: str
) -> None:
    panel = DrivenPanel("evaluation_by_rank", small(*fields))
    panel.fire("on_load")
    assert title in panel.texts()
    told = panel.fire("open_form", operator=operator)
    (prompt,) = told.of("prompt_user_for_operation")
    assert prompt["operator_uri"] == f"@fathomnet/voxel51/{operator}"


def test_without_a_dataset_it_says_so() -> None:
    panel = DrivenPanel("evaluation_by_rank", None)
    panel.fire("on_load")
    assert "No dataset is open" in panel.texts()


@pytest.mark.parametrize("deleted", ["model_predictions", "ground_truth"])
def test_an_evaluation_whose_field_was_deleted_is_explained(
    small: Callable[..., Any], deleted: str
) -> None:
    dataset = small("ground_truth", "model_predictions", "others")
    evaluate_predictions(dataset)
    evaluate_predictions(dataset, pred_field="others")
    panel = DrivenPanel("evaluation_by_rank", dataset)
    panel.fire("on_load")
    dataset.delete_sample_field(deleted)
    panel.fire("choose", path="choices.evaluation", value=KEY)
    assert "This evaluation cannot be shown" in panel.texts()
    assert deleted.replace("_", r"\\_") in panel.texts()
    if deleted == "model_predictions":
        panel.fire("choose", path="choices.evaluation", value="eval_others")
        assert "cannot be shown" not in panel.texts()


def test_an_evaluation_that_never_ended_is_explained(small: Callable[..., Any]) -> None:
    dataset = small("ground_truth", "model_predictions")
    evaluate_predictions(dataset)
    dataset._doc.evaluations[KEY].results.delete()
    dataset._doc.evaluations[KEY].results = None
    dataset._doc.evaluations[KEY].save()
    panel = DrivenPanel("evaluation_by_rank", dataset)
    panel.fire("on_load")
    assert "never came to its end" in panel.texts()


def test_boxes_that_were_removed_since_are_not_opened(small: Callable[..., Any]) -> None:
    dataset = small("ground_truth", "model_predictions")
    evaluate_predictions(dataset)
    panel = DrivenPanel("evaluation_by_rank", dataset)
    panel.fire("on_load")
    dataset.set_values("ground_truth.detections", [[]])
    told = panel.fire("open_cell", idx=[0, 0], trace="concept")
    assert not told.of("set_view")
    assert "removed since" in told.of("notify")[0]["message"]


def test_filters_that_would_hide_what_is_opened_are_cleared(panel: DrivenPanel) -> None:
    assert not panel.fire("open_kind", trace_idx=0).of("clear_sidebar_filters")
    panel.sent = {"filters": {"split": {"values": ["test"], "exclude": False, "isMatching": True}}}
    told = panel.fire("open_kind", trace_idx=0)
    names = [name for name, _ in told.requests]
    assert names.index("clear_sidebar_filters") < names.index("set_view")


def test_labels_that_changed_since_are_told_with_a_form_that_evaluates_again(
    panel: DrivenPanel, dataset: Any
) -> None:
    assert "Out of date" not in panel.texts()
    sample = dataset.match(fo.ViewField("ground_truth.detections").length() > 0).first()
    box = sample.ground_truth.detections[0]
    before, box.label = box.label, f"{box.label} corrected"
    sample.save()
    try:
        panel.fire("on_load")
        said = panel.texts().replace("\\\\", "")
        assert f"Out of date: evaluation {KEY}" in said
        assert "labels of ground_truth changed" in said
        assert f"{KEY} (out of date)" in said
        values = {"pred_field": "model_predictions", "gt_field": "ground_truth", "eval_key": KEY}
        told = panel.fire("open_form", operator="evaluate_predictions", values=values)
        (prompt,) = told.of("prompt_user_for_operation")
        assert prompt["operator_uri"].endswith("/evaluate_predictions")
        assert prompt["params"] == values
        assert json.dumps(values) in said
    finally:
        box.label = before
        sample.save()
    panel.fire("on_load")
    assert "Out of date" not in panel.texts()
