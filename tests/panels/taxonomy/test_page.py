"""A taxon's page: its pictures are no suspects, and a click opens the boxes that were counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.app_defaults import show_on_patches
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.labels.verdicts import verdict_on
from fathomnet_voxel51.panels.taxonomy import page
from fathomnet_voxel51.panels.taxonomy.page import examples_of, mistakes_of
from fathomnet_voxel51.pictures.decoding import open_picture
from fathomnet_voxel51.taxonomy import load_taxonomy
from PIL import Image

from tests.panels.driven import DrivenPanel
from tests.support.predicted import predicted_dataset

KEY = "eval_model_predictions"
TAXON = "Echinodermata"

Box = tuple[str, str, str | None]
"""An annotated box: its id, its name, and the name that was predicted for it."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    dataset = predicted_dataset(tmp_path_factory.mktemp("synthetic"), "test-page")
    evaluate_predictions(dataset)
    yield dataset
    dataset.delete()


@pytest.fixture(scope="module")
def boxes(dataset: Any) -> list[Box]:
    found: list[Box] = []
    for sample in dataset:
        predicted = {
            one.annotation_id: one.label
            for one in (sample.model_predictions.detections if sample.model_predictions else [])
        }
        for one in sample.ground_truth.detections if sample.ground_truth else []:
            if one.label is not None:
                found.append((one.id, one.label, predicted.get(one.annotation_id)))
    return found


@pytest.fixture
def panel(dataset: Any) -> DrivenPanel:
    """The panel with a phylum chosen."""
    panel = DrivenPanel("taxonomy", dataset)
    panel.fire("on_load")
    choose(panel, f"taxon:{TAXON}")
    return panel


def choose(panel: DrivenPanel, key: str) -> None:
    panel.view = panel.fire("on_node", key=key).of("set_view")[0]["view"]
    panel.fire("on_change_view")


def of_taxon() -> set[str]:
    return set(load_taxonomy().within(TAXON))


def phylum(name: str | None) -> str:
    return load_taxonomy().rollup(name, "phylum") or name or "(no prediction)"


def rows(panel: DrivenPanel, name: str) -> list[tuple[str, ...]]:
    """The cells of one of the page's tables."""
    there = panel.page["type"]["properties"].get(name)
    return [tuple(row.values()) for row in there["default"]] if there else []


def ids_of(view: Any) -> set[str]:
    return set(view.values("ground_truth.id"))


def test_show_wrong_opens_exactly_the_boxes_of_another_predicted_name(
    panel: DrivenPanel, boxes: list[Box], either_way: str
) -> None:
    wrong = {id_ for id_, true, predicted in boxes if true in of_taxon() and predicted != true}
    assert 10 < len(wrong) < sum(true in of_taxon() for _, true, _ in boxes)
    button = panel.page["type"]["properties"]["wrong"]["view"]
    assert button["label"] == f"Show wrong: {len(wrong):,} boxes"
    assert ids_of(panel.opened(panel.fire("on_wrong"))) == wrong


def test_what_it_is_taken_for_is_counted_at_its_rank_and_a_row_opens_these_boxes(
    panel: DrivenPanel, boxes: list[Box]
) -> None:
    pairs: dict[str, list[tuple[str, str]]] = {
        "taken_for": [(phylum(b), i) for i, a, b in boxes if phylum(a) == TAXON != phylum(b)],
        "taken_for_it": [(phylum(a), i) for i, a, b in boxes if phylum(a) != TAXON == phylum(b)],
    }
    page, view = panel.page, panel.view
    for name, expected in pairs.items():
        panel.page, panel.view = page, view
        listed = rows(panel, name)
        counts = Counter(other for other, _ in expected)
        assert {other: int(count) for other, count in listed} == dict(counts.most_common(8))
        told = panel.fire("on_confused", path=f"x.{name}", row=1)
        of_row = {id_ for other, id_ in expected if other == listed[1][0]}
        assert ids_of(panel.opened(told)) == of_row


def test_back_leads_to_what_was_shown_before(panel: DrivenPanel, dataset: Any) -> None:
    before = panel.view
    panel.view = panel.fire("on_wrong").of("set_view")[0]["view"]
    panel.fire("on_change_view")
    back = panel.page["type"]["properties"]["path"]["type"]["properties"]["back"]["view"]
    assert back["label"] == f"Back to {TAXON}"
    told = panel.fire("on_back", **back["params"])
    expected = fo.DatasetView._build(dataset, before)
    assert panel.opened(told).values("id") == expected.values("id")
    panel.follow(told)
    assert "Back to" not in panel.texts()


def test_ranks_and_dives_are_counted(panel: DrivenPanel, dataset: Any, boxes: list[Box]) -> None:
    taxonomy = load_taxonomy()
    own = Counter(true for _, true, _ in boxes if true in of_taxon())
    names = {above for name in own for above in taxonomy.taxon(name).lineage if above} | set(own)  # type: ignore[union-attr]
    ranks: dict[str, list[str]] = {}
    for name in names & of_taxon():
        ranks.setdefault(taxonomy.taxon(name).rank, []).append(name)  # type: ignore[union-attr]
    assert {row[0]: (int(row[1]), int(row[2])) for row in rows(panel, "ranks")} == {
        rank: (len(some), sum(own[name] for name in some)) for rank, some in ranks.items()
    }
    dives = Counter[str]()
    for sample in dataset:
        count = sum(
            one.label in of_taxon()
            for one in (sample.ground_truth.detections if sample.ground_truth else [])
        )
        dives[sample.dive or "not known"] += count
    listed = [(row[0], int(row[2])) for row in rows(panel, "dives")]
    assert len(listed) == 10
    assert all(dives[dive] == count for dive, count in listed)
    assert sum(count for _, count in listed) == sum(sorted(dives.values())[-10:])


def test_the_tree_is_coloured_by_accuracy_when_that_is_chosen(panel: DrivenPanel) -> None:
    def colours() -> list[str]:
        traces = panel.page["type"]["properties"]["tree"]["view"]["data"]
        return [colour for ring in traces for colour in ring["marker"]["colors"]]

    before = colours()
    panel.state["choices"] = {"colours": "accuracy"}
    panel.fire("on_colours", value="accuracy")
    assert colours() != before
    panel.state["choices"] = {"colours": "branch"}
    panel.fire("on_colours", value="branch")
    assert colours() == before


def test_the_taxon_stays_chosen_when_another_field_is(panel: DrivenPanel) -> None:
    panel.state["choices"] = {"field": "model_predictions"}
    told = panel.fire("on_field", value="model_predictions")
    view = panel.opened(told)
    assert [stage.field for stage in view._stages] == ["model_predictions"]
    found = view.distinct("model_predictions.detections.label")
    assert found and set(found) <= of_taxon()
    panel.follow(told)
    assert panel.page["type"]["properties"]["path"]["type"]["properties"]["here"]


def test_the_links_name_the_taxon(panel: DrivenPanel) -> None:
    assert f"tName={TAXON})" in panel.texts()
    assert "database.fathomnet.org" in panel.texts()


def test_a_label_that_nobody_knows_has_a_page_too() -> None:
    from fathomnet_voxel51.evaluation.scoring.columns import pair_up

    taxonomy = load_taxonomy()
    pairs = pair_up(["$odd", "$odd", "Elpidia"], ["$odd", "Elpidia", "$odd"], taxonomy)
    found = mistakes_of("$odd", pairs, taxonomy)
    assert (found.scored, found.wrong, found.outside) == (2, [1], 1)
    assert found.taken_for == {"Elpidia": [1]}
    assert found.taken_for_it == {"Elpidia": [2]}


@pytest.fixture
def pictured(dataset_name: str, tmp_path: Path) -> Callable[..., Any]:
    """Makes a dataset of images with one box each, of these attributes."""

    def make(*labels: dict[str, Any], single: bool = False) -> Any:
        dataset = fo.Dataset(dataset_name)
        for number, attributes in enumerate(labels):
            path = tmp_path / f"{number}.png"
            if attributes.pop("exists", True):
                Image.new("RGB", (60, 40), "blue").save(path)
            dive = attributes.pop("dive", None)
            size = attributes.pop("size", 0.5)
            if single:
                label: Any = fo.Classification(**attributes)
            else:
                one = fo.Detection(bounding_box=[0, 0, size, 1], **attributes)
                label = fo.Detections(detections=[one])
            metadata = fo.ImageMetadata(width=60, height=40)
            dataset.add_sample(
                fo.Sample(str(path), dive=dive, metadata=metadata, ground_truth=label)
            )
        dataset.add_dynamic_sample_fields()
        return dataset

    return make


def judged(name: str, state: Any) -> dict[str, Any]:
    return {"label": name, **verdict_on(name, state, "ana", datetime(2025, 6, 1))}


@pytest.mark.parametrize("single", [False, True])
def test_pictures_are_of_confirmed_labels_first_and_of_no_suspect(
    pictured: Callable[..., Any], either_way: str, single: bool
) -> None:
    suspect = {"suggested_label": "Sebastes"}
    dataset = pictured(
        {"label": "Elpidia"},
        {"label": "Elpidia", **suspect},
        judged("Elpidia", "rejected"),
        judged("Elpidia", "unsure"),
        judged("Elpidia", "confirmed") | suspect,
        judged("Elpidia", "confirmed") | {"label": "Peniagone"} | suspect,
        judged("Scotoplanes globosa", "relabelled"),
        {"label": "Sebastes"},
        {"label": "Elpidia", "exists": False},
        {"label": None},
        single=single,
    )
    ids = dataset.values("id")
    found = examples_of(dataset, "ground_truth", "taxon:Elpidiidae", load_taxonomy())
    assert {one.sample_id for one in found[:2]} == {ids[4], ids[6]}
    assert [one.sample_id for one in found[2:]] == [ids[0]]
    assert [one.is_confirmed for one in found] == [True, True, False]


def test_the_largest_of_each_dive_come_first(pictured: Callable[..., Any]) -> None:
    sizes = [("a", 0.9), ("a", 0.8), ("a", 0.7), ("b", 0.3), ("c", 0.2)]
    dataset = pictured(*({"label": "Elpidia", "dive": d, "size": s} for d, s in sizes))
    ids = dataset.values("id")
    found = examples_of(dataset, "ground_truth", "taxon:Elpidia", load_taxonomy())
    assert [ids.index(one.sample_id) for one in found] == [0, 3, 4, 1, 2]


def test_no_picture_is_decoded_twice_until_its_file_changes(
    pictured: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = pictured({"label": "Elpidia"}, {"label": "Elpidia"})
    opened: list[str] = []

    def counted(path: Path, size: Any) -> Any:
        opened.append(path.name)
        return open_picture(path, size)

    monkeypatch.setattr(page, "open_picture", counted)

    def look(key: str) -> list[bytes]:
        opened.clear()
        found = examples_of(dataset, "ground_truth", key, load_taxonomy())
        return [one.jpeg for one in found]

    first = look("taxon:Elpidia")
    assert sorted(opened) == ["0.png", "1.png"]
    sample = dataset.first()
    sample.ground_truth.detections[0].label = "Scotoplanes globosa"
    sample.save()
    assert look("taxon:Elpidia") == first[1:]
    assert look("taxon:Elpidiidae") == first
    assert not opened
    # Its box is another now, and of the other one the file.
    sample.ground_truth.detections[0].bounding_box = [0, 0, 0.25, 1]
    sample.save()
    Image.new("RGB", (60, 40), "red").save(dataset.last().filepath)
    changed = look("taxon:Elpidiidae")
    assert sorted(opened) == ["0.png", "1.png"]
    assert not set(changed) & set(first)


def test_what_patches_show_is_added_to_the_sidebar_once_and_unticked_stays_unticked(
    pictured: Callable[..., Any],
) -> None:
    dataset = pictured({"label": "Elpidia", "suspicion": 0.5})
    show_on_patches(dataset, "ground_truth", ["suspicion"])
    config = dataset.app_config
    assert "ground_truth.suspicion" in config.active_fields.paths
    assert "ground_truth" in config.active_fields.paths
    config.active_fields.paths = ["ground_truth"]
    dataset.save()
    show_on_patches(dataset, "ground_truth", ["suspicion"])
    dataset.reload()
    assert dataset.app_config.active_fields.paths == ["ground_truth"]
    (labels,) = (one for one in dataset.app_config.sidebar_groups if one.name == "labels")
    assert labels.paths.count("ground_truth.suspicion") == 1
