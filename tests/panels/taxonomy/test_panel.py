"""The panel of the tree of life: its counts, and which boxes each click shows."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.panels.taxonomy import state
from fathomnet_voxel51.panels.taxonomy.tree import count_labels
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext

from tests.panels.driven import DrivenPanel, plugin_module
from tests.support.predicted import predicted_dataset

KEY = "eval_model_predictions"
HOSTILE = (
    "<script>alert(1)</script>",
    "a|b **bold** _x_",
    "$label",
    "$$this.label",
    "taxon:Cnidaria",
)
PATH = "ground_truth.detections.label"


class Row(NamedTuple):
    """A concept, from the file of the taxonomy."""

    concept: str
    rank: str
    lineage: tuple[str, ...]


@pytest.fixture(scope="module")
def table() -> list[Row]:
    with data_file("taxonomy.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [Row(row["concept"], row["rank"], tuple(row[rank] for rank in RANKS)) for row in rows]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """300 images and 800 boxes; some have no label, some one that the taxonomy does not know."""
    dataset = predicted_dataset(tmp_path_factory.mktemp("synthetic"), "test-taxonomy")
    labels = dataset.values(PATH)
    for number, image in enumerate(labels[:60]):
        if image:
            image[0] = (*HOSTILE, None)[number % 6]
    dataset.set_values(PATH, labels)
    evaluate_predictions(dataset)
    yield dataset
    dataset.delete()


@pytest.fixture
def panel(dataset: Any) -> DrivenPanel:
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    return panel


@pytest.fixture
def make_dataset() -> Iterator[Callable[..., Any]]:
    """Makes a dataset of an image a list of labels; None for an image without the field."""
    made: list[Any] = []

    def make(*images: list[str | None] | None) -> Any:
        dataset = fo.Dataset()
        made.append(dataset)
        for number, labels in enumerate(images):
            sample = fo.Sample(filepath=f"/{number}.png")
            if labels is not None:
                boxes = [fo.Detection(label=one, bounding_box=[0, 0, 1, 1]) for one in labels]
                sample["ground_truth"] = fo.Detections(detections=boxes)
            dataset.add_sample(sample)
        return dataset

    yield make
    for dataset in made:
        dataset.delete()


def shown(panel: DrivenPanel, name: str) -> Any:
    """What the panel shows under a name."""
    return panel.page["type"]["properties"].get(name)


def slices(panel: DrivenPanel) -> dict[str, int]:
    """The boxes of every slice of the picture, by key."""
    traces = shown(panel, "tree")["view"]["data"]
    found: dict[str, int] = {}
    for ring in traces:
        found |= dict(zip(ring["labels"], ring["values"], strict=True))
    return {key: boxes for key, boxes in found.items() if not key.startswith("gap ")}


def rows(panel: DrivenPanel, name: str) -> list[dict[str, str]]:
    """The rows of one of the lists."""
    there = shown(panel, path_of(panel, name))
    return there["default"] if there else []


def path_of(panel: DrivenPanel, name: str) -> str:
    """The name under which one of the lists is on the page; empty where it is not."""
    listed = [
        one
        for one in panel.page["type"]["properties"]
        if re.fullmatch(f"{name}_[0-9a-f]{{8}}", one)
    ]
    return listed[0] if listed else ""


def labels_of(view: Any) -> Counter[str | None]:
    """The labels of the boxes that a view shows."""
    return Counter(label for image in view.values(PATH) for label in image or ())


def below(table: list[Row], taxon: str) -> set[str]:
    return {row.concept for row in table if row.concept == taxon or taxon in row.lineage}


def test_every_slice_has_as_many_boxes_as_the_labels_below_its_taxon(
    panel: DrivenPanel, dataset: Any, table: list[Row]
) -> None:
    counts = labels_of(dataset)
    found = slices(panel)
    taxa = {key.removeprefix("taxon:"): boxes for key, boxes in found.items() if ":" in key}
    phyla = {row.lineage[1] for row in table if row.lineage[1]}
    assert phyla & set(taxa) == {
        phylum for phylum in phyla if any(counts[name] for name in below(table, phylum))
    }
    for taxon, boxes in taxa.items():
        if taxon in {row.concept for row in table} | {s for row in table for s in row.lineage}:
            assert boxes == sum(counts[name] for name in below(table, taxon)), taxon
    assert found["unlabelled"] == counts[None] == 10
    assert found["others"] == sum(counts[label] for label in HOSTILE) == 50


def test_a_click_at_any_rank_shows_exactly_the_boxes_below(
    panel: DrivenPanel, dataset: Any, table: list[Row]
) -> None:
    counts = labels_of(dataset)
    taxa = {slot for row in table for slot in row.lineage if slot} | {row.concept for row in table}
    between = {row.concept for row in table if row.rank not in RANKS}
    clicked = 0
    for taxon in sorted(taxa):
        expected = Counter({name: counts[name] for name in below(table, taxon) if counts[name]})
        told = panel.fire("on_node", key=f"taxon:{taxon}")
        if expected:
            assert labels_of(panel.opened(told)) == expected, taxon
            clicked += 1
        else:
            assert not told.of("set_view")
    assert clicked > 100
    assert between <= taxa
    assert any(counts[name] for name in between), "a concept between the ranks was clicked too"


@pytest.mark.parametrize("label", HOSTILE)
def test_a_label_that_nobody_knows_shows_its_boxes_whatever_it_looks_like(
    panel: DrivenPanel, dataset: Any, label: str
) -> None:
    (row,) = (n for n, one in enumerate(rows(panel, "others")) if one["name"] == label)
    view = panel.opened(panel.fire("on_row", path=path_of(panel, "others"), row=row))
    assert labels_of(view) == {label: 10}


def test_boxes_without_a_label_and_unknown_ones_are_shown_apart(
    panel: DrivenPanel, dataset: Any
) -> None:
    unlabelled = panel.opened(panel.fire("on_slice", label="unlabelled"))
    assert labels_of(unlabelled) == {None: 10}
    others = panel.opened(panel.fire("on_slice", label="others"))
    assert labels_of(others) == dict.fromkeys(HOSTILE, 10)
    assert {one["name"] for one in rows(panel, "known")}.isdisjoint(HOSTILE)


def test_the_panel_knows_from_the_view_where_one_is_and_the_way_back(
    panel: DrivenPanel, dataset: Any
) -> None:
    panel.view = panel.fire("on_slice", label="taxon:Cnidaria").of("set_view")[0]["view"]
    again = DrivenPanel("taxonomy", dataset)
    again.view = panel.view
    again.fire("on_load")
    path = shown(again, "path")["type"]["properties"]
    assert [path[name]["view"]["label"] for name in ("up_0", "up_1")] == ["All >", "Animalia >"]
    assert path["here"]["view"]["title"] == "Cnidaria"
    back = again.opened(again.fire("on_node", key="all"))
    assert labels_of(back) == labels_of(dataset)
    assert not back._stages


def test_counts_are_of_what_the_app_shows(panel: DrivenPanel, dataset: Any) -> None:
    half = dataset.limit(100)
    panel.view = half._serialize()
    panel.fire("on_change_view")
    boxes = sum(labels_of(half).values())
    assert f"{boxes:,} boxes of what the App shows" in shown(panel, "where")["view"]["title"]
    told = panel.fire("on_slice", label="taxon:Cnidaria")
    taken = panel.opened(told)
    assert taken.values("id") == [
        id_ for id_ in half.values("id") if id_ in set(taken.values("id"))
    ]
    panel.view = told.of("set_view")[0]["view"]
    panel.fire("on_change_view")
    assert f" of {boxes:,} boxes of what the App shows" in shown(panel, "where")["view"]["title"]
    back = panel.opened(panel.fire("on_node", key="all"))
    assert back.values("id") == half.values("id")


def test_a_filter_of_the_sidebar_stays_when_another_taxon_is_chosen(
    panel: DrivenPanel, dataset: Any
) -> None:
    chosen = panel.opened(panel.fire("on_slice", label="taxon:Cnidaria"))
    some = chosen.match(F("image_id") < 150)
    panel.view = some._serialize()
    other = panel.opened(panel.fire("on_slice", label="taxon:Echinodermata"))
    assert max(other.values("image_id")) < 150
    alone = panel.opened(panel.fire("on_node", key="all"))
    assert alone.values("id") == dataset.match(F("image_id") < 150).values("id")


def test_accuracy_and_distance_are_those_of_the_evaluation(
    panel: DrivenPanel, dataset: Any
) -> None:
    paths = [f"ground_truth.detections.{name}" for name in ("label", KEY, f"{KEY}_distance")]
    columns = [[one for image in column for one in image or ()] for column in dataset.values(paths)]
    boxes = list(zip(*columns, strict=True))
    listed = rows(panel, "known")
    assert len(listed) > 50
    for row in listed:
        of_concept = [box for box in boxes if box[0] == row["name"] and box[1]]
        right = sum(box[1] == "tp" for box in of_concept) / len(of_concept)
        steps = sum(box[2] for box in of_concept) / len(of_concept)
        assert (row["right"], row["steps"]) == (f"{right:.0%}", f"{steps:.2f}"), row["name"]


def test_the_other_field_is_counted_when_it_is_chosen(panel: DrivenPanel, dataset: Any) -> None:
    panel.state["choices"] = {"field": "model_predictions"}
    panel.fire("on_field", value="model_predictions")
    predicted = dataset.count_values("model_predictions.detections.label")
    listed = {row["name"]: int(row["boxes"]) for row in rows(panel, "known")}
    assert listed == predicted
    view = panel.opened(panel.fire("on_slice", label="taxon:Cnidaria"))
    assert view._stages[-1].field == "model_predictions"


@pytest.mark.parametrize(
    ("text", "found"),
    [("  cnidaria ", "Cnidaria, phylum"), ("Cnidarai", "Cnidaria, phylum"), ("$LABEL", "$label,")],
)
def test_a_name_is_found_in_any_case_and_if_it_is_misspelt(
    panel: DrivenPanel, text: str, found: str
) -> None:
    panel.state["choices"] = {"search": text}
    panel.fire("on_search", value=text)
    button = shown(panel, "found_0")["view"]
    assert button["label"].startswith(found)
    told = panel.fire("on_node", **button["params"])
    assert len(panel.opened(told)) > 0
    panel.follow(told)
    assert shown(panel, "found_0") is None, "what was looked for is forgotten"


def test_what_is_not_there_is_said(panel: DrivenPanel) -> None:
    panel.state["choices"] = {"search": "qqqqqq"}
    panel.fire("on_search", value="qqqqqq")
    assert "No name is like" in shown(panel, "absent")["view"]["title"]


def test_plotly_is_given_no_markup_of_a_label(panel: DrivenPanel) -> None:
    panel.fire("on_slice", label="others")
    panel.view = panel.fire("on_slice", label="others").of("set_view")[0]["view"]
    panel.fire("on_change_view")
    for trace in shown(panel, "tree")["view"]["data"]:
        for text in (*trace["text"], *trace["hovertext"]):
            assert "<script" not in text
    assert any("&lt;script" in text for text in trace["text"])


def test_counts_are_taken_anew_when_a_label_changes(make_dataset: Callable[..., Any]) -> None:
    dataset = make_dataset(["Cnidaria", "Cnidaria"], ["Porifera"])
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    assert slices(panel)["taxon:Cnidaria"] == 2
    sample = dataset.first()
    sample["ground_truth"].detections[0].label = "Porifera"
    sample.save()
    panel.fire("on_change_view")
    assert slices(panel) == {"taxon:Cnidaria": 1, "taxon:Porifera": 2}


def test_a_click_has_the_page_drawn_once_and_anything_else_that_is_shown_too(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(["Cnidaria", "Cnidaria"], ["Porifera"])
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    told = panel.fire("on_slice", label="taxon:Cnidaria")
    # What a panel remembers goes to all tabs, and the App asks for the dataset again.
    assert [name for name, _ in told.requests] == ["set_view"]
    assert panel.follow(told).of("show_panel_output")
    assert "Cnidaria, phylum: 2 of 3" in shown(panel, "where")["view"]["title"]
    # The App tells of the sidebar's filters and of what extends the view along with each view.
    for told_too in ({}, {}, None):
        assert panel.fire("on_change_view", value=told_too).requests == []
    # Another tab, in which the panel has the same name, is told of the view, too.
    assert panel.fire("on_change_view", value=panel.view).of("show_panel_output")

    panel.sent["filters"] = {PATH: {"values": ["Porifera"], "exclude": False, "isMatching": False}}
    # The second time in another tab, which has had no filter so far.
    for _ in range(2):
        assert panel.fire("on_change_view", value=panel.sent["filters"]).of("show_panel_output")
    assert "no such boxes" in panel.texts()
    panel.sent["filters"] = {}
    assert panel.fire("on_change_view", value={}).of("show_panel_output")
    assert "Cnidaria, phylum: 2 of 3" in shown(panel, "where")["view"]["title"]
    sample = dataset.first()
    sample["ground_truth"].detections[0].label = "Porifera"
    sample.save()
    assert panel.fire("on_change_view", value={}).of("show_panel_output")
    assert "Cnidaria, phylum: 1 of 3" in shown(panel, "where")["view"]["title"]
    # Where the App has nothing to tell, the click itself draws.
    again = panel.fire("on_slice", label="taxon:Cnidaria")
    assert [name for name, _ in again.requests] == ["set_view", "show_panel_output"]


def test_a_row_of_a_list_that_is_another_by_now_means_the_name_that_was_drawn(
    make_dataset: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(["Cnidaria", "Cnidaria"], ["Porifera"])
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    path = path_of(panel, "known")
    assert [row["name"] for row in rows(panel, "known")] == ["Cnidaria", "Porifera"]
    sample = dataset.first()
    for box in sample["ground_truth"].detections:
        box.label = "Porifera"
    sample["ground_truth"].detections.append(fo.Detection(label="Annelida", bounding_box=[0] * 4))
    sample.save()
    told = panel.fire("on_row", path=path, row=1)
    assert labels_of(panel.opened(told)) == {"Porifera": 3}
    assert not told.of("notify")
    assert not panel.fire("on_row", path=path, row=2).of("set_view")
    # A process that has not drawn it cannot tell.
    monkeypatch.setattr(plugin_module("panels.taxonomy.state"), "_listed", {})
    told = panel.fire("on_row", path=path, row=1)
    assert not told.of("set_view")
    assert "when the list was drawn: choose again" in told.of("notify")[0]["message"]


def test_a_row_of_a_list_whose_name_no_box_has_by_now_shows_no_boxes(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(["Cnidaria", "Cnidaria"], ["Porifera"])
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    path = path_of(panel, "known")
    for sample in dataset:
        for box in sample["ground_truth"].detections:
            box.label = "Porifera"
        sample.save()
    told = panel.fire("on_row", path=path, row=0)
    assert not told.of("set_view")
    assert "when the list was drawn: choose again" in told.of("notify")[0]["message"]
    assert [row["name"] for row in rows(panel, "known")] == ["Porifera"]
    told = panel.fire("on_row", path=path_of(panel, "known"), row=0)
    assert labels_of(panel.opened(told)) == {"Porifera": 3}


def test_patches_are_counted_and_filtered_as_boxes_are(panel: DrivenPanel, dataset: Any) -> None:
    panel.view = dataset.to_patches("ground_truth")._serialize()
    panel.fire("on_change_view")
    assert slices(panel)["others"] == 50
    view = panel.opened(panel.fire("on_slice", label="others"))
    assert Counter(view.values("ground_truth.label")) == dict.fromkeys(HOSTILE, 10)


def test_one_label_an_image_is_counted_as_well(make_dataset: Callable[..., Any]) -> None:
    dataset = make_dataset(None, None, None)
    dataset.add_sample_field(
        "concept", fo.EmbeddedDocumentField, embedded_doc_type=fo.Classification
    )
    values = [fo.Classification(label="Porifera"), None, fo.Classification(label="sponge")]
    dataset.set_values("concept", values)
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    assert {"taxon:Porifera": 1, "others": 1}.items() <= slices(panel).items()
    view = panel.opened(panel.fire("on_slice", label="others"))
    assert view.values("concept.label") == ["sponge"]


def test_the_public_api_counts_the_same(dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for view in (dataset, dataset.limit(50), dataset.to_patches("ground_truth")):
        monkeypatch.setenv(PUBLIC_API, "0")
        ours = count_labels(view, "ground_truth", KEY)
        monkeypatch.setenv(PUBLIC_API, "1")
        assert count_labels(view, "ground_truth", KEY) == ours
        assert sum(count.boxes for count in ours.values()) > 0


def test_what_is_missing_is_said_with_what_to_run(make_dataset: Callable[..., Any]) -> None:
    for dataset, title, operator in (
        (None, "No dataset is open", None),
        (make_dataset(None), "There are no labels to show", "ingest_dataset"),
        (make_dataset([None, None], []), "No box has a label yet", "import_predictions"),
    ):
        panel = DrivenPanel("taxonomy", dataset)
        panel.fire("on_load")
        assert shown(panel, "gap")["view"]["label"] == title
        button = shown(panel, "fill_gap")
        assert (button["view"]["params"]["operator"] if button else None) == operator


def test_a_view_without_such_boxes_leaves_the_way_back(panel: DrivenPanel, dataset: Any) -> None:
    panel.view = dataset.match(F("image_id") < 0)._serialize()
    panel.fire("on_change_view")
    assert "no such boxes" in json.dumps(shown(panel, "nothing"))


@pytest.mark.parametrize("open_view", ["saved", "patches", "none"])
def test_a_filter_of_the_sidebar_is_counted_whatever_is_open(
    dataset: Any, panel: DrivenPanel, open_view: str
) -> None:
    labels = labels_of(dataset)
    (common, boxes), (other, _), *_ = labels.most_common()
    path = PATH
    if open_view != "none":
        view = dataset.filter_labels("ground_truth", F("label").is_in([common, other]))
        if open_view == "patches":
            view, path = view.to_patches("ground_truth"), "ground_truth.label"
        dataset.save_view("opened", view)
        panel.view = dataset.load_saved_view("opened")._serialize()
        panel.sent = {"view_name": "opened"}
    try:
        panel.sent["filters"] = {path: {"values": [common], "exclude": False, "isMatching": False}}
        panel.fire("on_change_view")
        known = rows(panel, "known") or rows(panel, "others")
        assert [(row["name"], row["boxes"]) for row in known] == [(common, f"{boxes:,}")]
        # A click stays among what is seen.
        opened = panel.opened(panel.fire("on_node", key=known[0]["id"]))
        assert opened._is_patches == (open_view == "patches")
        found = opened.values("ground_truth.label" if opened._is_patches else PATH, unwind=True)
        assert Counter(found) == {common: boxes}
    finally:
        if open_view != "none":
            dataset.delete_saved_view("opened")


@pytest.mark.parametrize("may", ["may edit", "may not edit", "too many"])
def test_ranks_follow_names_that_were_given_by_hand_or_it_is_told_that_they_do_not(
    make_dataset: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, may: str
) -> None:
    dataset = make_dataset(["Paralomis multispina", "Sebastes", None], ["Aegina"], None)
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    assert "of another name" not in panel.texts()  # no label has ranks at all
    add_taxonomy_ranks(dataset)
    panel.fire("on_change_view")
    assert "of another name" not in panel.texts()
    sample = dataset.first()
    sample.ground_truth.detections[0].label = "Sebastes"
    sample.ground_truth.detections.append(
        fo.Detection(label="Paralomis multispina", bounding_box=[0.1, 0.1, 0.2, 0.2])
    )
    sample.save()
    if may == "too many":
        monkeypatch.setattr(state, "MOST_MENDED", 1)
    if may == "may not edit":
        user = SimpleNamespace(id="u", role="MEMBER", dataset_permission="VIEW", _request_token="")
        # Open-source FiftyOne sets it to None in each context.
        own = property(lambda _: user, lambda *_: None)
        monkeypatch.setattr(ExecutionContext, "user", own, raising=False)
    panel.fire("on_change_view")
    if may == "may edit":
        assert "2 labels that were named by hand got the ranks" in panel.texts()
        dataset.reload()
        genera = dataset.first().ground_truth.detections
        assert [one.genus for one in genera] == ["Sebastes", "Sebastes", None, "Paralomis"]
    else:
        assert "2 labels have the ranks of another name" in panel.texts()
        values = {"label_fields": ["ground_truth"]}
        assert json.dumps({"operator": "add_taxonomy_ranks", "values": values}) in panel.texts()
        add_taxonomy_ranks(dataset, **values)
    panel.fire("on_change_view")
    assert "of another name" not in panel.texts()
    assert "named by hand" not in panel.texts()


def test_boxes_of_another_field_are_not_drawn_over_those_of_a_taxon_until_it_is_left(
    panel: DrivenPanel,
) -> None:
    ticked = ["tags", "ground_truth", "model_predictions"]
    panel.sent["active_fields"] = ticked
    told = panel.fire("on_slice", label="taxon:Cnidaria")
    assert told.of("set_active_fields") == [{"fields": ["tags", "ground_truth"]}]
    panel.view = told.of("set_view")[0]["view"]
    panel.sent["active_fields"] = ["tags", "ground_truth"]
    panel.fire("on_change_view")
    told = panel.fire("on_slice", label="taxon:Echinodermata")
    assert not told.of("set_active_fields")
    told = panel.fire("on_node", key="all")
    assert told.of("set_active_fields") == [{"fields": ticked}]


def test_a_common_name_leads_to_its_taxon(panel: DrivenPanel, table: list[Row]) -> None:
    panel.state["choices"] = {"search": "sea cucum"}
    panel.fire("on_search", value="sea cucum")
    button = shown(panel, "found_0")["view"]
    assert button["label"].startswith("sea cucumber: Holothuroidea, class: ")
    (told,) = panel.fire("on_node", **button["params"]).of("set_view")
    names = {row.concept for row in table if "Holothuroidea" in row.lineage}
    view = fo.DatasetView._build(panel._dataset, told["view"])
    assert set(view.distinct(PATH)) == names & set(panel._dataset.distinct(PATH))


@pytest.mark.parametrize("text", ["a", "se", " 1 "])
def test_too_few_letters_find_nothing_and_say_so(panel: DrivenPanel, text: str) -> None:
    panel.state["choices"] = {"search": text}
    told = panel.fire("on_search", value=text)
    assert shown(panel, "found_0") is None
    assert "3 letters" in shown(panel, "absent")["view"]["title"]
    assert not told.of("set_view")


def test_every_common_name_is_of_a_taxon_and_no_line_is_there_twice() -> None:
    with data_file("common_names.csv").open(newline="") as file:
        lines = [(row["common_name"], row["taxon"]) for row in csv.DictReader(file)]
    assert len(lines) == len(set(lines)) > 60
    assert {taxon for _, taxon in lines} <= set(load_taxonomy().names)
    assert all(common == common.strip().lower() for common, _ in lines)
