"""Scores are those that follow from the names, boxes without a prediction included."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.setup_check import check_setup

from tests.evaluation.boxes import LEFT, RIGHT

SUBMISSION = "submission_experiment-final014.csv"


@pytest.fixture
def winner(shared_data: Path, dataset_name: str) -> Any:
    """The real test split, labelled with the winner's real predictions, and these imported."""
    ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    dataset = fo.load_dataset(dataset_name)
    import_predictions(dataset, str(shared_data / SUBMISSION))
    names = dataset.values("model_predictions.detections.label")
    dataset.set_values("ground_truth.detections.label", names)
    return dataset


def test_the_winner_against_itself_is_perfect(winner: Any, either_way: str) -> None:
    result = evaluate_predictions(winner)
    assert (result.boxes, result.accuracy, result.mean_taxonomic_distance) == (788, 1.0, 0.0)
    assert result.accuracy_interval == (1.0, 1.0)
    assert result.agreement.right == 788
    assert [one.accuracy for one in result.ranks] == [1.0] * 7
    assert result.eval_key == "eval_model_predictions"
    assert result.matched_by_annotation_id == 788


def test_against_animalia_the_winner_s_distance_is_the_depth_of_its_names(
    winner: Any, shared_data: Path
) -> None:
    with data_file("taxonomy.csv").open(newline="") as file:
        depths = {
            row["concept"]: sum(bool(row[rank]) for rank in RANKS) for row in csv.DictReader(file)
        }
    with (shared_data / SUBMISSION).open(newline="") as file:
        expected = [depths[row["concept_name"]] - 1 for row in csv.DictReader(file)]
    assert sum(expected) == 3_730
    _relabel(winner, lambda name: "Animalia")
    result = evaluate_predictions(winner)
    assert result.mean_taxonomic_distance == pytest.approx(3_730 / 788)
    assert result.agreement.too_coarse == 788
    assert result.ranks[0].accuracy == 1.0


def test_misspelt_names_raise_the_distance_by_exactly_twelve_each(winner: Any) -> None:
    numbers = iter(range(788))
    _relabel(winner, lambda name: f"{name} x" if next(numbers) % 20 == 0 else name)
    result = evaluate_predictions(winner)
    assert result.mean_taxonomic_distance == pytest.approx(40 * 12 / 788)
    assert result.agreement.elsewhere == 40
    assert all(name.endswith(" x") for name in result.unknown_names)


def test_misspelt_names_that_an_import_left_out_count_as_much(
    winner: Any, shared_data: Path, tmp_path: Path
) -> None:
    lines = (shared_data / SUBMISSION).read_text().splitlines()
    spoilt = [f"{line} x" if number % 20 == 1 else line for number, line in enumerate(lines)]
    path = tmp_path / "spoilt.csv"
    path.write_text("\n".join(spoilt))
    import_predictions(winner, str(path), skip_bad_rows=True)
    result = evaluate_predictions(winner)
    assert result.boxes_without_prediction == 40
    assert result.mean_taxonomic_distance == pytest.approx(40 * 12 / 788)
    assert result.accuracy == pytest.approx(748 / 788)
    assert result.mean_taxonomic_distance_of_predicted == 0.0
    assert result.accuracy_of_predicted == 1.0


def _relabel(dataset: Any, rename: Callable[[str], str]) -> None:
    path = "model_predictions.detections.label"
    dataset.set_values(path, [[rename(name) for name in names] for names in dataset.values(path)])


def test_every_box_has_its_distance(make_dataset: Callable[..., Any], either_way: str) -> None:
    dataset = make_dataset(
        (
            [("Mediaster", LEFT), ("Caridea", RIGHT)],
            [("Mediaster aequalis", LEFT), ("what", RIGHT)],
        ),
        ([("Caridea", LEFT), ("Caridea", RIGHT)], [("Caridea", LEFT)]),
    )
    result = evaluate_predictions(dataset, eval_key="e")
    distances = [[1, 12], [0, 12]]
    assert dataset.values("ground_truth.detections.e_distance") == distances
    assert dataset.values("model_predictions.detections.e_distance") == [[1, 12], [0]]
    assert result.mean_taxonomic_distance == 25 / 4
    assert result.mean_taxonomic_distance_of_predicted == 13 / 3
    assert (result.boxes, result.boxes_without_prediction) == (4, 1)
    assert (result.agreement.right, result.agreement.too_fine, result.agreement.missing) == (
        1,
        1,
        1,
    )


def test_strangers_to_the_tree_can_be_right_and_are_named(
    make_dataset: Callable[..., Any],
) -> None:
    dataset = make_dataset(([("ROV basket", LEFT)], [("ROV basket", LEFT)]))
    result = evaluate_predictions(dataset)
    # There is no place on the tree from which a distance could be measured.
    assert (result.accuracy, result.mean_taxonomic_distance) == (1.0, None)
    assert result.mean_taxonomic_distance_interval is None
    assert result.mean_taxonomic_distance_of_predicted is None
    assert (result.boxes, result.boxes_without_distance) == (1, 1)
    assert result.unknown_names == ("ROV basket",)
    assert all(one.accuracy is None for one in result.ranks)


@pytest.mark.parametrize("strangers", [1, 3])
def test_distances_are_averaged_over_the_boxes_whose_names_are_on_the_tree(
    make_dataset: Callable[..., Any], strangers: int, either_way: str
) -> None:
    rubbish = [("ROV basket", LEFT)]
    dataset = make_dataset(
        *[(rubbish, rubbish)] * strangers,
        ([("Elpidia", LEFT)], [("Peniagone", LEFT)]),
        ([("Elpidia", LEFT)], [("ROV basket", LEFT)]),
    )
    result = evaluate_predictions(dataset, eval_key="e")
    # Two steps to a sister genus, and 12 for a prediction that is not on the tree.
    assert result.mean_taxonomic_distance == result.mean_taxonomic_distance_of_predicted == 7
    assert (result.boxes, result.boxes_without_distance) == (strangers + 2, strangers)
    assert result.accuracy == strangers / (strangers + 2)
    kept = dataset.load_evaluation_results("e").custom_metrics
    assert kept["@fathomnet/voxel51/taxonomic_distance"]["value"] == 7


def test_a_name_that_states_a_taxon_is_scored_as_that_taxon(
    make_dataset: Callable[..., Any], either_way: str
) -> None:
    dataset = make_dataset(
        ([("Munidopsis sp.", LEFT)], [("Munidopsis", LEFT)]),
        ([("Peniagone", LEFT)], [("Elpidia cf. glacialis", LEFT)]),
        ([("Porifera indet.", LEFT)], [("Porifera indet.", LEFT)]),
        # A species that the tree lacks may be a misspelt one.
        ([("Paralomis", LEFT)], [("Paralomis multispinna", LEFT)]),
    )
    result = evaluate_predictions(dataset, eval_key="e")
    assert dataset.values("ground_truth.detections.e_distance") == [[0], [2], [0], [12]]
    assert (result.accuracy, result.mean_taxonomic_distance) == (1 / 4, 14 / 4)
    assert result.boxes_without_distance == 0
    assert result.unknown_names == ("Paralomis multispinna",)
    at_genus = next(one for one in result.ranks if one.rank == "genus")
    assert (at_genus.boxes, at_genus.accuracy) == (3, 1 / 3)


def test_names_of_a_table_of_one_s_own_are_ingested_imported_ranked_and_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset_name: str
) -> None:
    """Case A16: an own table beside the pinned one."""
    own = "Munidopsis kensmithi"
    above = "Animalia,Arthropoda,Malacostraca,Decapoda,Munidopsidae,Munidopsis"
    header = "concept,rank,kingdom,phylum,class,order,family,genus,species"
    (tmp_path / "own.csv").write_text(f"{header}\n{own},species,{above},{own}\n")
    monkeypatch.setenv("FATHOMNET_NAMES", str(tmp_path / "own.csv"))
    boxes = [
        {"id": id_, "image_id": 1, "category_id": 1, "bbox": [id_, 2, 20, 30]} for id_ in (1, 2)
    ]
    coco = {
        "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
        "annotations": boxes,
        "categories": [{"id": 1, "name": "munidopsis KENSMITHI"}],
    }
    (tmp_path / "train.json").write_text(json.dumps(coco))
    (tmp_path / "names.csv").write_text(
        "annotation_id,concept_name\n1,Munidopsis_kensmithi\n2,Munidopsis\n"
    )
    ingest_dataset(dataset_name, train_annotations=str(tmp_path / "train.json"))
    dataset = fo.load_dataset(dataset_name)
    import_predictions(dataset, str(tmp_path / "names.csv"), split="train")
    assert set(dataset.distinct("ground_truth.detections.label")) == {own}
    assert add_taxonomy_ranks(dataset).unknown_concepts == ()
    assert set(dataset.distinct("ground_truth.detections.species")) == {own}
    result = evaluate_predictions(dataset)
    assert (result.accuracy, result.mean_taxonomic_distance) == (0.5, 0.5)
    assert result.unknown_names == ()
    check = next(one for one in check_setup().checks if one.name == "taxonomy")
    assert (check.status, check.detail[:12]) == ("ok", "80 concepts,")
