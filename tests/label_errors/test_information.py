"""Predictions call no label wrong where they say nothing of labels; others judge as they did."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.label_errors.evidence import Names
from fathomnet_voxel51.label_errors.information import Information, measure_information
from fathomnet_voxel51.label_errors.record import read_label_errors_record
from fathomnet_voxel51.operators.find_label_errors import FindLabelErrors
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from sklearn.metrics import cohen_kappa_score

from tests.support.cards import notes, read_page, section

LABELS = "names"
"""The field that stands for the labels: the names that the winning model really predicted, of which
some are made wrong."""

TREE = load_taxonomy()


@pytest.fixture(scope="module")
def winner(shared_data: Path) -> list[str]:
    with (shared_data / "submission_experiment-final014.csv").open(newline="") as file:
        return [row["concept_name"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def images(shared_data: Path) -> np.ndarray:
    boxes = json.loads((shared_data / "dataset_test.json").read_text())["annotations"]
    return np.array([box["image_id"] for box in boxes])


@pytest.fixture(scope="module")
def concepts(shared_data: Path) -> list[str]:
    content = json.loads((shared_data / "dataset_test.json").read_text())
    return sorted(category["name"] for category in content["categories"])


def write(folder: Path, names: list[str]) -> str:
    path = folder / f"{len(list(folder.iterdir()))}.csv"
    rows = [f"{number},{name}" for number, name in enumerate(names, start=1)]
    path.write_text("\n".join(["annotation_id,concept_name", *rows]) + "\n")
    return str(path)


def far_away(labels: list[str], concepts: list[str], step: int) -> list[str]:
    """Every 20th label becomes one that is as far from it as any."""
    wrong = list(labels)
    for at in range(0, len(wrong), 20):
        farthest = max(TREE.distance(name, wrong[at]) for name in concepts)
        others = [name for name in concepts if TREE.distance(name, wrong[at]) == farthest]
        wrong[at] = others[(at * step) % len(others)]
    return wrong


@pytest.fixture(scope="module")
def labelled(
    shared_data: Path,
    winner: list[str],
    concepts: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Any]:
    name = "test-information"
    ingest_dataset(name, test_annotations=str(shared_data / "dataset_test.json"))
    dataset = fo.load_dataset(name)
    labels = far_away(winner, concepts, step=7)
    import_predictions(dataset, write(tmp_path_factory.mktemp("labels"), labels), field=LABELS)
    yield dataset
    fo.delete_dataset(name)


def drawn(winner: list[str], concepts: list[str]) -> list[str]:
    return np.random.default_rng(4).choice(concepts, len(winner)).tolist()


def dealt_out_anew(winner: list[str], concepts: list[str]) -> list[str]:
    return np.random.default_rng(5).permutation(winner).tolist()


def all_the_same(winner: list[str], concepts: list[str]) -> list[str]:
    return [max(sorted(set(winner)), key=winner.count)] * len(winner)


def of_a_split_with_the_same_numbers(winner: list[str], concepts: list[str]) -> list[str]:
    """The names of other boxes, in which those of an image stand together as they do here."""
    return winner[300:] + winner[:300]


def by_a_list_in_another_order(winner: list[str], concepts: list[str]) -> list[str]:
    """Class numbers that were read with the concepts in reverse."""
    return [concepts[-1 - concepts.index(name)] for name in winner]


UNINFORMED = (
    drawn,
    dealt_out_anew,
    all_the_same,
    of_a_split_with_the_same_numbers,
    by_a_list_in_another_order,
)


@pytest.mark.parametrize("made", UNINFORMED)
def test_names_that_say_nothing_call_no_label_wrong_and_the_result_warns(
    labelled: Any,
    winner: list[str],
    concepts: list[str],
    dataset_name: str,
    tmp_path: Path,
    made: Callable[[list[str], list[str]], list[str]],
) -> None:
    dataset = labelled.clone(dataset_name, persistent=True)
    import_predictions(dataset, write(tmp_path, made(winner, concepts)))
    result = find_label_errors(dataset, gt_field=LABELS, threshold=0.0)
    assert (result.scored, result.suspects, result.view, result.signals) == (0, 0, "", ())
    assert result.boxes_without_signal == 788
    assert dataset.count(f"{LABELS}.detections.suspicion") == 0
    (note,) = result.notes
    assert "model_predictions says too little of the labels" in note
    assert len(note) < 500
    record = read_label_errors_record(dataset, LABELS)
    assert record is not None and record.result == result
    card = section(read_page(report_dataset(dataset, tmp_path / "card").files[1]), "Suspects")
    assert f"{note}." in notes(card)
    assert f"{note}." in FindLabelErrors().remarks({"notes": result.notes, "suspects": 0})


def test_the_winner_s_names_judge_labels_and_find_those_that_are_far_off(
    labelled: Any, shared_data: Path, concepts: list[str], dataset_name: str
) -> None:
    dataset = labelled.clone(dataset_name, persistent=True)
    import_predictions(dataset, str(shared_data / "submission_experiment-final014.csv"))
    result = find_label_errors(dataset, gt_field=LABELS)
    assert (result.scored, result.notes, result.signals) == (788, (), ("predictions",))
    information = result.information
    assert information is not None and information.is_enough
    wrong = set(range(1, 789, 20))
    assert information.agreement == pytest.approx(1 - len(wrong) / 788)
    scores = dict(
        zip(
            dataset.values(f"{LABELS}.detections.annotation_id", unwind=True),
            dataset.values(f"{LABELS}.detections.suspicion", unwind=True),
            strict=True,
        )
    )
    first = sorted(scores, key=lambda number: -scores[number])[: len(wrong)]
    assert set(first) == wrong


def test_an_earlier_search_s_suspects_go_when_the_predictions_turn_out_to_say_nothing(
    labelled: Any, winner: list[str], concepts: list[str], dataset_name: str, tmp_path: Path
) -> None:
    dataset = labelled.clone(dataset_name, persistent=True)
    import_predictions(dataset, write(tmp_path, winner))
    assert find_label_errors(dataset, gt_field=LABELS, threshold=0.02).suspects
    import_predictions(dataset, write(tmp_path, dealt_out_anew(winner, concepts)))
    assert not find_label_errors(dataset, gt_field=LABELS, threshold=0.02).suspects
    assert not dataset.has_saved_view(f"suspects {LABELS}")
    assert dataset.count(f"{LABELS}.detections.suggested_label") == 0


def measured(
    labels: list[str], predicted: list[str], images: np.ndarray | None = None
) -> Information:
    names = Names.of([*labels, *predicted], TREE)
    of_images = np.arange(len(labels)) if images is None else images
    return measure_information(
        names.positions(predicted), names.positions(labels), of_images, names
    )


def test_closeness_is_weighted_kappa_as_scikit_learn_has_it_where_all_are_equally_far() -> None:
    """Names that no tree knows are all 12 apart, so that the weights are all the same."""
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c", "d"], 500, p=[0.5, 0.3, 0.15, 0.05])
    predicted = np.where(rng.random(500) < 0.6, labels, rng.choice(["a", "b", "c", "d"], 500))
    found = measured(labels.tolist(), predicted.tolist())
    assert found.closeness == pytest.approx(cohen_kappa_score(labels, predicted))


def test_the_interval_is_that_of_a_bootstrap_of_whole_images(
    winner: list[str], images: np.ndarray
) -> None:
    """Labels and answers of an image hang together, so that an interval of boxes is too short."""
    rng = np.random.default_rng(3)
    known = rng.random(images.max() + 1) < 0.5
    predicted = [
        name if known[image] else winner[(at * 7) % 788]
        for at, (name, image) in enumerate(zip(winner, images, strict=True))
    ]
    found = measured(winner, predicted, images)
    of_image = [np.flatnonzero(images == image) for image in np.unique(images)]
    again = []
    for _ in range(400):
        rows = np.concatenate([of_image[n] for n in rng.integers(0, len(of_image), len(of_image))])
        labels, answers = [winner[n] for n in rows], [predicted[n] for n in rows]
        distances = TREE.distances(labels, answers).mean()
        chance = np.mean(
            [TREE.distances(labels, np.roll(answers, n)).mean() for n in range(60, 700, 40)]
        )
        again.append(1 - distances / chance)
    low, high = np.quantile(again, (0.025, 0.975))
    assert found.at_least == pytest.approx(low, abs=0.02)
    assert found.at_most == pytest.approx(high, abs=0.02)
    of_boxes = measured(winner, predicted)
    assert of_boxes.at_most - of_boxes.at_least < found.at_most - found.at_least


@pytest.mark.parametrize("boxes", [1, 2, 3])
def test_so_few_boxes_agree_by_chance_too_often_to_judge_by(boxes: int) -> None:
    labels = ["Sebastes", "Funiculina", "Aegina"][:boxes]
    assert not measured(labels, labels).is_enough


def test_a_handful_of_boxes_of_many_names_that_all_agree_is_no_chance(concepts: list[str]) -> None:
    """Six names that are dealt out at random agree once in 720 times."""
    assert measured(concepts[::12][:6], concepts[::12][:6]).is_enough


def test_boxes_of_one_image_are_one_observation(concepts: list[str]) -> None:
    labels = concepts[:40]
    assert measured(labels, labels).is_enough
    assert not measured(labels, labels, np.zeros(40, np.intp)).is_enough


@pytest.mark.parametrize("rank", ["family", "class"])
def test_names_of_a_coarser_rank_are_information_though_none_agrees(
    winner: list[str], images: np.ndarray, rank: str
) -> None:
    predicted = [TREE.rollup(name, rank) or name for name in winner]
    found = measured(winner, predicted, images)
    assert found.agreement < 0.3 < found.at_least
    assert found.is_enough


@pytest.mark.parametrize("seed", range(20))
def test_of_twenty_draws_of_names_none_passes_for_information(
    winner: list[str], images: np.ndarray, concepts: list[str], seed: int
) -> None:
    few = slice(0, 20 * (seed + 1))
    names = np.random.default_rng(seed).choice(concepts, 788).tolist()
    assert not measured(winner[few], names[few], images[few]).is_enough
