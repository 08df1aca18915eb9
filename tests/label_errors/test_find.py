"""find_label_errors: the planted errors come first, whatever signals there are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset.records import read_values
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.label_errors import LabelErrorsResult, find_label_errors
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.taxonomy import load_taxonomy
from sklearn.metrics import average_precision_score

from demo.generate import DemoSet
from demo.wrong_labels import Planted, plant
from tests.similarity.embedded import boxes_dataset
from tests.support.drawn import LARGE, Drawn
from tests.support.planted import BOXES, MODEL, average_precision, is_wrong, planted_dataset
from tests.support.stored import DICE_AND_TIMES, documents

ATTRIBUTES = (
    "suspicion",
    "suspicion_by_model",
    "suspicion_by_neighbours",
    "suggested_label",
    "suggested_label_distance",
    "look_alike_pair",
)


@pytest.fixture(scope="module")
def demo(drawn: Drawn) -> DemoSet:
    return drawn(LARGE)


@pytest.fixture(scope="module")
def planted(demo: DemoSet, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(demo.train, tmp_path_factory.mktemp("planted"), seed=1)


@pytest.fixture(scope="module")
def dataset(demo: DemoSet, planted: Planted) -> Iterator[Any]:
    """With all signals."""
    dataset = planted_dataset("test-review", demo, planted, True, "probabilities")
    yield dataset
    fo.delete_dataset("test-review")


@pytest.fixture(scope="module")
def result(dataset: Any) -> LabelErrorsResult:
    return find_label_errors(dataset)


def column(dataset: Any, name: str) -> list[Any]:
    values: list[Any] = dataset.values(f"{BOXES}.{name}", unwind=True)
    return values


def state(dataset: Any) -> Any:
    """What a run leaves behind, without times."""
    dataset.reload()
    views = {
        name: dataset.load_saved_view(name).values("id") for name in dataset.list_saved_views()
    }
    record = read_values(dataset, "label_errors_ground_truth") or {}
    record.pop("found_at", None)
    return documents(dataset, DICE_AND_TIMES), views, record


def test_with_probabilities_and_vectors_the_planted_errors_come_first(
    dataset: Any, planted: Planted, result: LabelErrorsResult
) -> None:
    wrong = is_wrong(column(dataset, "annotation_id"), planted)
    assert wrong.sum() == round(0.05 * len(wrong))
    scores = column(dataset, "suspicion")
    assert average_precision_score(wrong, scores) >= 0.8
    assert average_precision(wrong, scores) == pytest.approx(average_precision_score(wrong, scores))
    assert result.signals == ("probabilities", "neighbours")
    assert result.scored == len(wrong)
    assert result.index_key == "demo_clip_similarity"


def test_the_record_says_by_which_threshold_and_when(
    dataset: Any, result: LabelErrorsResult
) -> None:
    record = read_values(dataset, "label_errors_ground_truth") or {}
    assert record["threshold"] == 0.5
    assert datetime.fromisoformat(record["found_at"]).tzinfo is not None
    assert "." in record["found_at"], "a relabelling in the same second is before or after it"


def test_without_probabilities_it_is_three_times_as_good_as_disagreement(
    demo: DemoSet, planted: Planted, dataset_name: str
) -> None:
    dataset = planted_dataset(dataset_name, demo, planted, True, "names")
    result = find_label_errors(dataset)
    wrong = is_wrong(column(dataset, "annotation_id"), planted)
    said = dict(
        zip(
            dataset.values("model_predictions.detections.annotation_id", unwind=True),
            dataset.values("model_predictions.detections.label", unwind=True),
            strict=True,
        )
    )
    labels = zip(column(dataset, "annotation_id"), column(dataset, "label"), strict=True)
    disagree = [said[number] != label for number, label in labels]
    alone = average_precision_score(wrong, disagree)
    assert average_precision_score(wrong, column(dataset, "suspicion")) >= 3 * alone
    assert result.signals == ("predictions", "neighbours")


def test_a_suspect_s_suggestion_is_mostly_what_the_box_shows(
    dataset: Any, planted: Planted, result: LabelErrorsResult
) -> None:
    true = {one.annotation_id: one.true for one in planted.wrong}
    view = dataset.load_saved_view("suspects")
    numbers = view.values("ground_truth.annotation_id")
    suggested = view.values("ground_truth.suggested_label")
    right = [true.get(a) == b for a, b in zip(numbers, suggested, strict=True)]
    assert len(right) == result.suspects > 0
    assert sum(right) >= 0.8 * len(right)
    distances = view.values("ground_truth.suggested_label_distance")
    labels = view.values("ground_truth.label")
    distance = load_taxonomy().distance
    assert distances == [distance(a, b) for a, b in zip(labels, suggested, strict=True)]


def test_the_view_of_suspects_is_sorted_and_complete(
    dataset: Any, result: LabelErrorsResult
) -> None:
    view = dataset.load_saved_view(result.view)
    scores = view.values("ground_truth.suspicion")
    expected = sorted((one for one in column(dataset, "suspicion") if one >= 0.5), reverse=True)
    assert scores == expected
    schema = dataset.get_field_schema(flat=True)
    assert all(f"{BOXES}.{name}" in schema for name in ATTRIBUTES)
    assert result.expected_errors == round(sum(column(dataset, "suspicion")), 1)


def test_the_view_of_pairs_shows_each_suspect_beside_boxes_with_the_suggested_label(
    dataset: Any, result: LabelErrorsResult
) -> None:
    view = dataset.load_saved_view(result.pairs_view)
    names = ("id", "sample_id", "label", "suggested_label", "look_alike_pair", "suspicion")
    paths = [name if name == "sample_id" else f"ground_truth.{name}" for name in names]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*view.values(paths), strict=True)]
    numbers = [row["look_alike_pair"] for row in rows]
    assert numbers == sorted(numbers)
    assert len({row["id"] for row in rows}) == len(rows)
    vectors = dict(zip(column(dataset, "id"), column(dataset, "demo_clip_embedding"), strict=True))
    for number in set(numbers):
        suspect, *others = [row for row in rows if row["look_alike_pair"] == number]
        assert 1 <= len(others) <= 3
        assert suspect["suspicion"] >= 0.5
        assert {one["label"] for one in others} == {suspect["suggested_label"]}
        assert all(one["suspicion"] < 0.5 for one in others)
        assert suspect["sample_id"] not in {one["sample_id"] for one in others}
        cosines = [_cosine(vectors[suspect["id"]], vectors[one["id"]]) for one in others]
        assert cosines == sorted(cosines, reverse=True)


def _cosine(one: Any, other: Any) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


def test_a_repeat_changes_nothing_and_a_change_of_settings_leaves_nothing_old(
    dataset: Any, result: LabelErrorsResult
) -> None:
    before = state(dataset)
    assert find_label_errors(dataset) == result
    assert state(dataset) == before
    none = find_label_errors(dataset, threshold=1.0)
    assert (none.suspects, none.view, none.pairs_view) == (0, "", "")
    assert {"suspects", "look-alike pairs"}.isdisjoint(dataset.list_saved_views())
    assert set(column(dataset, "suggested_label")) == {None}
    assert set(column(dataset, "look_alike_pair")) == {None}
    find_label_errors(dataset)
    assert state(dataset) == before


def test_the_public_api_writes_the_same(
    dataset: Any, result: LabelErrorsResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {name: column(dataset, name) for name in ATTRIBUTES}
    find_label_errors(dataset, threshold=1.0)
    monkeypatch.setenv("FATHOMNET_PUBLIC_API", "1")
    assert find_label_errors(dataset) == result
    assert {name: column(dataset, name) for name in ATTRIBUTES} == columns


@pytest.mark.parametrize(
    ("embedded", "predictions", "signals"),
    [
        (False, "probabilities", ("probabilities",)),
        (False, "names", ("predictions",)),
        (True, "", ("neighbours",)),
    ],
)
def test_one_signal_is_enough_and_its_part_is_the_score(
    demo: DemoSet,
    planted: Planted,
    dataset_name: str,
    embedded: bool,
    predictions: str,
    signals: tuple[str, ...],
) -> None:
    dataset = planted_dataset(dataset_name, demo, planted, embedded, predictions)
    result = find_label_errors(dataset)
    assert result.signals == signals
    own, other = ATTRIBUTES[1:3] if predictions else ATTRIBUTES[2:0:-1]
    assert column(dataset, own) == column(dataset, "suspicion")
    assert set(column(dataset, other)) == {None}
    wrong = is_wrong(column(dataset, "annotation_id"), planted)
    assert average_precision(wrong, column(dataset, "suspicion")) > 2 * wrong.mean()
    assert bool(result.pairs_view) == embedded or not result.suspects


def test_boxes_without_a_label_are_counted_and_left_out(
    demo: DemoSet, planted: Planted, dataset_name: str
) -> None:
    dataset = planted_dataset(dataset_name, demo, planted, False, "probabilities")
    first = find_label_errors(dataset)
    some = dataset.limit(30).values(f"{BOXES}.id", unwind=True)
    labels = [[None] * len(ids) for ids in dataset.limit(30).values(f"{BOXES}.id")]
    dataset.limit(30).set_values(f"{BOXES}.label", labels)
    result = find_label_errors(dataset)
    assert result.unlabelled_boxes == len(some)
    assert result.scored == first.scored - len(some)
    left = dict(zip(column(dataset, "id"), column(dataset, "suspicion"), strict=True))
    assert {left[one] for one in some} == {None}


@pytest.fixture
def bare(dataset_name: str) -> Any:
    """Six boxes in two images, all of one label, with vectors but no index."""
    vectors = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    return boxes_dataset(dataset_name, vectors)[0]


def test_without_any_signal_it_says_what_to_run(bare: Any) -> None:
    before = documents(bare, frozenset())
    with pytest.raises(InputError, match="nothing was written") as error:
        find_label_errors(bare)
    for command in ("import_predictions", "compute_embeddings", "build_similarity_index"):
        assert command in str(error.value)
    assert documents(bare, frozenset()) == before
    assert bare.list_runs() == []


def test_predictions_of_other_boxes_are_no_signal(bare: Any) -> None:
    bare.add_sample_field(
        "model_predictions", fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections
    )
    with pytest.raises(InputError, match="no labelled box has a prediction"):
        find_label_errors(bare)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"index_key": "nowhere"}, "is no similarity index"),
        ({"pred_field": "nowhere"}, "is no field"),
        ({"gt_field": "nowhere"}, "is no field"),
        ({"pred_field": "ground_truth"}, "by themselves"),
    ],
)
def test_what_is_named_must_be_there(bare: Any, values: dict[str, Any], said: str) -> None:
    with pytest.raises((InputError, DatasetError), match=said):
        find_label_errors(bare, **values)


def test_several_indexes_are_not_chosen_between(bare: Any) -> None:
    for key in ("one", "two"):
        build_similarity_index(bare, brain_key=key)
    with pytest.raises(InputError, match="name one of one, two"):
        find_label_errors(bare)
    assert find_label_errors(bare, index_key="two").scored == 6


def test_labels_that_are_all_alike_are_not_doubted(bare: Any) -> None:
    build_similarity_index(bare)
    result = find_label_errors(bare)
    assert (result.scored, result.suspects, result.view) == (6, 0, "")


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_missing_scores_are_probabilities(
    demo: DemoSet, planted: Planted, dataset: Any, dataset_name: str, seed: int
) -> None:
    """Labels, predictions, confidences, probabilities and vectors go missing at random."""
    rng = np.random.default_rng(seed)
    copy = dataset.clone(dataset_name, persistent=True)
    for path in (
        f"{BOXES}.label",
        f"{BOXES}.annotation_id",
        "model_predictions.detections.label",
        "model_predictions.detections.confidence",
        "model_predictions.detections.probabilities",
    ):
        share = rng.choice([0.0, 0.3, 1.0 if "label" not in path else 0.9])
        values = copy.values(path)
        copy.set_values(
            path,
            [[None if rng.random() < share else one for one in some or ()] for some in values],
        )
    copy.delete_samples(copy.take(int(rng.integers(0, 60)), seed=seed))
    build_similarity_index(copy.take(int(rng.integers(2, 40)), seed=seed), MODEL)
    result = find_label_errors(copy)
    scores = [one for one in column(copy, "suspicion") if one is not None]
    assert len(scores) == result.scored > 0
    assert all(0 <= one <= 1 for one in scores)
    labels = column(copy, "label")
    scored = [one is not None for one in column(copy, "suspicion")]
    assert not any(is_scored and not label for is_scored, label in zip(scored, labels, strict=True))
    assert result.unlabelled_boxes == sum(not label for label in labels)
    assert result.boxes_without_signal == len(labels) - result.unlabelled_boxes - result.scored
