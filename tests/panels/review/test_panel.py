"""What the review panel's component is told, as the App asks for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.panels.review import cards
from fathomnet_voxel51.panels.review.panel import MOST_CARDS
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling.box_states import box_ids
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.review import review_labels, sets, start_review
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.synthetic import write_catalog
from tests.panels.driven import DrivenPanel, asked
from tests.similarity.embedded import boxes_dataset

PATH = "ground_truth.detections"


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path, either_way: str) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 30, 90, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def ids(dataset: Any) -> list[str]:
    found: list[str] = dataset.values(f"{PATH}.id", unwind=True)
    return found


def test_a_set_is_told_with_a_letter_for_each_state_and_every_name(dataset: Any) -> None:
    boxes = box_ids(dataset, PATH)
    random.Random(1).shuffle(boxes)
    kept = sets.keep_set(dataset, boxes[:40], title="forty")
    labels = [label for _, label in boxes]
    for verdict, some in {"confirm": 1, "reject": 3, "unsure": 5}.items():
        review_labels(dataset.select_labels(ids=labels[some : some + 1]), verdict)
    review_labels(dataset.select_labels(ids=labels[7:8]), "relabel", label="Sebastes")
    gone = dataset[boxes[9][0]]
    gone.ground_truth.detections = [
        one for one in gone.ground_truth.detections if one.id != labels[9]
    ]
    gone.save()
    told = asked(dataset, "load_set", key=kept.key)
    assert told["set"]["labels"] == 40
    expected = ["-"] * 40
    for place, letter in {1: "c", 3: "r", 5: "u", 7: "n", 9: " "}.items():
        expected[place] = letter
    assert told["states"] == "".join(expected)
    assert {"Sebastes", *dataset.distinct(f"{PATH}.label")} <= set(told["names"])


def test_cards_say_what_is_known_of_the_labels_at_some_places(dataset: Any) -> None:
    boxes = box_ids(dataset, PATH)[:20]
    kept = sets.keep_set(dataset, boxes)
    label = boxes[3][1]
    dataset.add_sample_field(f"{PATH}.suggested_label", fo.StringField)
    for attribute in ("suspicion", "suspicion_by_model", "suspicion_by_neighbours"):
        dataset.add_sample_field(f"{PATH}.{attribute}", fo.FloatField)
    dataset.set_label_values(f"{PATH}.label", {label: "Scotoplanes"})
    dataset.set_label_values(f"{PATH}.suggested_label", {label: "Scotoplanes globosa"})
    dataset.set_label_values(f"{PATH}.suspicion", {label: 0.9})
    dataset.set_label_values(f"{PATH}.suspicion_by_model", {label: 0.2})
    dataset.set_label_values(f"{PATH}.suspicion_by_neighbours", {label: 0.95})
    with acting_as("bo"):
        review_labels(dataset.select_labels(ids=[label]), "unsure")
    first, card = asked(dataset, "load_cards", key=kept.key, places=[0, 3])["cards"]
    assert (first["id"], first["state"], first["suggestion"]) == (boxes[0][1], "-", None)
    assert (card["label"], card["state"], card["by"]) == ("Scotoplanes", "u", "bo")
    assert (card["suggestion"], card["is_stored"], card["distance"]) == (
        "Scotoplanes globosa",
        True,
        1,
    )
    assert (card["suspicion"], card["said_by"]) == (0.9, ["look-alikes"])
    sample = dataset[card["sample"]]
    assert card["media"] == sample.filepath
    assert (card["width"], card["height"]) == (sample.metadata.width, sample.metadata.height)
    (box,) = (one for one in sample.ground_truth.detections if one.id == label)
    assert card["box"] == box.bounding_box


def test_probabilities_give_the_second_best_name_and_by_how_much_it_is_behind() -> None:
    ranked = cards._ranked(
        {"probabilities": np.array([0.1, 0.6, 0.25, 0.05], np.float32)}, ("A", "B", "C", "D")
    )
    assert [name for name, _ in ranked] == ["B", "C", "A", "D"]
    said = cards._said_of({"label": "C"}, ranked, load_taxonomy())
    assert (said["suggestion"], said["is_stored"], said["said_by"]) == ("B", False, ["model"])
    assert said["probability"] == pytest.approx(0.6)
    assert (said["second"], said["second_probability"]) == ("A", pytest.approx(0.1))
    assert said["margin"] == pytest.approx(0.35)
    agreed = cards._said_of({"label": "B"}, ranked, load_taxonomy())
    assert (agreed["suggestion"], agreed["second"]) == (None, "C")


def test_what_an_import_has_kept_of_second_best_names_is_shown(
    dataset: Any, tmp_path: Path
) -> None:
    """Whether it has them from columns, or from probabilities over which another rule decided."""
    boxes = box_ids(dataset, PATH)[:3]
    found = dataset.values(f"{PATH}.annotation_id", unwind=True)
    numbers = dict(zip(ids(dataset), found, strict=True))
    rows = (
        ("Actiniaria", 0.5, "Caridea", 0.375),
        ("Caridea", 0.25, "Actiniaria", 0.625),
        ("Caridea", 1.0, "", ""),
    )
    lines = ["annotation_id,concept_name,confidence,label_2,confidence_2"]
    lines += [
        f"{numbers[label]},{','.join(map(str, row))}"
        for (_, label), row in zip(boxes, rows, strict=True)
    ]
    (tmp_path / "two.csv").write_text("\n".join(lines) + "\n")
    import_predictions(dataset, str(tmp_path / "two.csv"), split="train")
    kept = sets.keep_set(dataset, boxes)
    expected = [
        ("Actiniaria", "Caridea", 0.375, 0.125),
        ("Caridea", "Actiniaria", 0.625, -0.375),
        ("Caridea", None, None, None),
    ]
    assert second_best(dataset, kept.key) == expected

    lines = ["annotation_id,concept_name,Actiniaria,Brisingida,Caridea"]
    lines += [
        f"{numbers[boxes[0][1]]},Actiniaria,0.5,0.125,0.375",
        f"{numbers[boxes[1][1]]},Caridea,0.625,0.125,0.25",
    ]
    (tmp_path / "wide.csv").write_text("\n".join(lines) + "\n")
    import_predictions(dataset, str(tmp_path / "wide.csv"), split="train")
    assert second_best(dataset, kept.key)[:2] == expected[:2]


def second_best(dataset: Any, key: str) -> list[tuple[Any, ...]]:
    """Of the first three labels: what is suggested, the next best, its share and the margin."""
    told = asked(dataset, "load_cards", key=key, places=[0, 1, 2])["cards"]
    names = ("suggestion", "second", "second_probability", "margin")
    return [tuple(card[name] for name in names) for card in told]


def test_progress_is_of_the_whole_field_by_person_and_concept(dataset: Any) -> None:
    kept = sets.keep_set(dataset, box_ids(dataset, PATH)[:5])
    some = ids(dataset)
    with acting_as("bo"):
        review_labels(dataset.select_labels(ids=some[:7]), "confirm")
    with acting_as("ana"):
        review_labels(dataset.select_labels(ids=some[7:10]), "reject")
    parts = asked(dataset, "load_progress", key=kept.key)["parts"]
    told = {part["title"]: dict(part["rows"]) for part in parts}
    assert told["All labels of ground_truth"] == {
        "ground_truth": "10 of 90 done, 10 today: 7 confirmed, 3 rejected"
    }
    assert told["Who has judged how many"] == {
        "bo": "7 of 7 done, 7 today: 7 confirmed",
        "ana": "3 of 3 done, 3 today: 3 rejected",
    }
    left = told["Concepts with the most left to look at"]
    assert left[""].startswith("and ")
    assert "not applicable" in told["Do people agree?"][""]


def test_only_places_of_the_set_are_told_and_not_too_many(dataset: Any) -> None:
    kept = sets.keep_set(dataset, box_ids(dataset, PATH)[:5])
    for places in ([5], [-1], [0] * (MOST_CARDS + 1)):
        with pytest.raises(InputError, match="are the most"):
            asked(dataset, "load_cards", key=kept.key, places=places)
    with pytest.raises(DatasetError, match="this set is gone"):
        asked(dataset, "load_cards", key="0" * 24, places=[0])


def test_without_a_set_the_queues_are_offered_and_open_in_their_order(dataset: Any) -> None:
    assert asked(dataset, "load_set")["choices"] == []
    start_review(dataset, "first", order="random", assignees=["Ana", "Bo"])
    told = asked(dataset, "load_set")
    assert told["set"] is None
    assert [one["view"] for one in told["choices"]] == ["review first, Ana", "review first, Bo"]
    key = asked(dataset, "open_view", view="review first, Ana")["key"]
    kept = sets.read_set(dataset, key)
    assert kept is not None
    queue = dataset.load_saved_view("review first, Ana").values("id")
    assert [label for _, label in kept.boxes] == queue
    assert asked(dataset, "load_set")["set"]["key"] == key
    with pytest.raises(DatasetError, match="there no longer"):
        asked(dataset, "open_view", view="nowhere")


def test_what_is_selected_becomes_the_set_and_else_all_labels(dataset: Any) -> None:
    everything = sets.read_set(dataset, asked(dataset, "open_seen")["key"])
    assert everything is not None
    assert [label for _, label in everything.boxes] == ids(dataset)
    driven = DrivenPanel("review", dataset)
    some = dataset.match(fo.ViewField(PATH).length() > 0).values("id")[:2]
    driven.sent["selected"] = some
    driven.fire("open_seen")
    kept = sets.read_set(dataset)
    assert kept is not None
    assert {sample for sample, _ in kept.boxes} == set(some)


def test_the_panel_says_what_is_missing_where_there_is_nothing_to_review(dataset_name: str) -> None:
    panel = DrivenPanel("review", fo.Dataset(dataset_name))
    panel.fire("on_load")
    assert "There are no labels to review" in panel.texts()


def test_look_alikes_are_the_nearest_boxes_of_the_two_names(dataset_name: str) -> None:
    dice = np.random.default_rng(0)
    vectors = dice.normal(size=(40, 8)).astype(np.float32)
    dataset, _ = boxes_dataset(dataset_name, vectors)
    boxes = box_ids(dataset, PATH)
    names = {label: f"name {place % 3}" for place, (_, label) in enumerate(boxes)}
    dataset.set_label_values(f"{PATH}.label", names)
    kept = sets.keep_set(dataset, boxes)
    told = asked(dataset, "load_alikes", key=kept.key, place=0, names=["name 0", "name 1"])
    assert "run compute_embeddings" in told["missing"]
    build_similarity_index(dataset, model="clip", patches_field="ground_truth")
    told = asked(dataset, "load_alikes", key=kept.key, place=0, names=["name 0", "name 1"])
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = np.argsort(-(units @ units[0]), kind="stable")
    for number, name in enumerate(("name 0", "name 1")):
        expected = [boxes[place][1] for place in nearest if place % 3 == number and place][:4]
        assert [one["id"] for one in told["alikes"][name]] == expected
