"""What works on boxes gives the same figures for crops cut out of them, either way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import check_evaluation, evaluate_predictions
from fathomnet_voxel51.evaluation.finished import read_evaluation, view_of_pairs
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.labels.ranks import RANK_ATTRIBUTES
from fathomnet_voxel51.predictions import check_predictions, import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.wrong_labels import Planted, plant
from tests.support.drawn import MEDIUM, Drawn
from tests.support.paired import Paired, pair
from tests.support.stored import documents, settings

NAME = "test-crops-as-boxes"
PREDICTED = ("label", "confidence", "second_label", "second_confidence", "margin")


@pytest.fixture(scope="module")
def planted(drawn: Drawn, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Some labels are wrong, and the predictions have probabilities."""
    return plant(drawn(MEDIUM).train, tmp_path_factory.mktemp("planted"))


@pytest.fixture
def paired(drawn: Drawn, planted: Planted, tmp_path: Path, either_way: str) -> Iterator[Paired]:
    """Both datasets, made the way that is tested."""
    yield pair(NAME, drawn(MEDIUM), tmp_path, planted.catalog)
    for name in fo.list_datasets(f"{NAME}*"):
        fo.delete_dataset(name)


def same(paired: Paired, attributes: tuple[str, ...], field: str = "ground_truth") -> None:
    for name in attributes:
        of_boxes, of_crops = paired.by_number(name, field)
        assert of_boxes == of_crops, name
        assert len(of_boxes) > 50 and set(of_boxes.values()) != {None}, name


def test_ranks(paired: Paired) -> None:
    results = [add_taxonomy_ranks(one) for one in (paired.boxes, paired.crops)]
    assert results[0] == results[1] and results[0].boxes > 50
    same(paired, RANK_ATTRIBUTES)
    before = documents(paired.crops, frozenset())
    add_taxonomy_ranks(paired.crops)
    assert documents(paired.crops, frozenset()) == before


def test_predictions_and_their_evaluation(paired: Paired, planted: Planted) -> None:
    both = (paired.boxes, paired.crops)
    checked = [check_predictions(one, str(planted.predictions), "train") for one in both]
    found = [import_predictions(one, str(planted.predictions), "train") for one in both]
    # Replaced are images, of which crops have more.
    assert found == checked and found[0] == found[1]
    same(paired, PREDICTED, "model_predictions")
    same(paired, ("predicted_label", "predicted_confidence"))
    vectors = paired.by_number("probabilities", "model_predictions")
    assert all((vectors[0][one] == vectors[1][one]).all() for one in vectors[0])
    before = documents(paired.crops, frozenset())
    import_predictions(paired.crops, str(planted.predictions), "train")
    assert documents(paired.crops, frozenset()) == before, "images that are right stay untouched"

    asked = [check_evaluation(one) for one in both]
    results = [evaluate_predictions(one) for one in both]
    assert asked == results
    # Images without boxes have no crops, and so the dives may be drawn in another order.
    points = [
        replace(one, accuracy_interval=None, mean_taxonomic_distance_interval=None)
        for one in results
    ]
    assert points[0] == points[1] and points[0].interval_by == "dive"
    for name in ("accuracy_interval", "mean_taxonomic_distance_interval"):
        of_boxes, of_crops = (getattr(one, name) for one in results)
        assert of_crops == pytest.approx(of_boxes, rel=0.05)
    assert 0 < results[0].accuracy < 1
    same(paired, ("eval_model_predictions_distance",))
    same(paired, ("eval_model_predictions_distance",), "model_predictions")
    verdicts, _ = paired.by_number("eval_model_predictions")
    right = dict(zip(*paired.crops.values(["image_id", "eval_model_predictions"]), strict=True))
    assert right == {number: one == "tp" for number, one in verdicts.items()}


def test_an_evaluation_of_crops_is_fiftyone_s_own(paired: Paired, planted: Planted) -> None:
    crops = paired.crops
    import_predictions(crops, str(planted.predictions), "train")
    result = evaluate_predictions(crops)
    theirs = crops.evaluate_classifications(
        "model_predictions", gt_field="ground_truth", eval_key="theirs"
    )
    ours = crops.load_evaluation_results("eval_model_predictions")
    assert type(ours) is type(theirs) and ours.config.type == "classification"
    figures = ours.metrics()
    assert {name: figures[name] for name in theirs.metrics()} == pytest.approx(theirs.metrics())
    assert figures["accuracy"] == pytest.approx(result.accuracy)
    assert crops.values("eval_model_predictions") == crops.values("theirs")
    finished = read_evaluation(crops, "eval_model_predictions", load_taxonomy())
    wrong = (~finished.pairs.right).nonzero()[0]
    for as_patches in (True, False):
        view = view_of_pairs(crops, finished, wrong, as_patches)
        assert len(view) == len(wrong) > 0
        assert set(view.values("eval_model_predictions")) == {False}
    again = evaluate_predictions(crops)
    assert again == result
    crops.delete_evaluation("eval_model_predictions")
    left = [path for path in crops.get_field_schema(flat=True) if "eval_model" in path]
    assert left == []


def test_views_of_many_crops_are_by_names(
    paired: Paired, planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fathomnet_voxel51.evaluation.finished.MOST_IDS", 0)
    import_predictions(paired.crops, str(planted.predictions), "train")
    evaluate_predictions(paired.crops)
    finished = read_evaluation(paired.crops, "eval_model_predictions", load_taxonomy())
    wrong = (~finished.pairs.right).nonzero()[0]
    view = view_of_pairs(paired.crops, finished, wrong, as_patches=False)
    assert set(view.values("ground_truth.id")) == set(finished.truth_ids[wrong].tolist())


@pytest.mark.parametrize("by", ["path", "file_name", "sample_id", "id", "external_id", "label_id"])
def test_rows_name_crops_by_path_name_or_id(paired: Paired, tmp_path: Path, by: str) -> None:
    crops = paired.crops
    crops.set_values("external_id", [f"plankton {one}" for one in crops.values("image_id")])
    column = {
        "path": [f"/elsewhere/{one}" for one in crops.values("file_name")],
        "file_name": [one.rpartition("/")[2][:-4] for one in crops.values("file_name")],
        "sample_id": crops.values("id"),
        "id": crops.values("id"),
        "external_id": crops.values("external_id"),
        "label_id": crops.values("ground_truth.id"),
    }[by]
    labels = crops.values("ground_truth.label")
    rows = [f"{one},{label}" for one, label in zip(column, labels, strict=True)]
    file = tmp_path / "named.csv"
    file.write_text("\n".join([f"{by},concept_name", *reversed(rows)]))
    result = import_predictions(crops, str(file), "train")
    assert (result.imported, result.boxes_without_prediction) == (len(crops), 0)
    crops.reload()
    assert crops.values("model_predictions.label") == labels
    assert evaluate_predictions(crops).accuracy == 1
    before = documents(crops, frozenset()), settings(crops)
    file.write_text("\n".join([f"{by},concept_name", *rows, "nobody,Sebastes"]))
    with pytest.raises(InputError, match=f"line {len(rows) + 2}: {by} 'nobody' is no crop of the"):
        import_predictions(crops, str(file), "train")
    crops.reload()
    assert (documents(crops, frozenset()), settings(crops)) == before


def test_predictions_that_others_made_are_matched_by_their_sample(paired: Paired) -> None:
    crops = paired.crops
    labels = crops.values("ground_truth.label")
    theirs = [fo.Classification(label=one) for one in ["Sebastes", *labels[1:]]]
    crops.set_values("theirs", theirs)
    result = evaluate_predictions(crops, "theirs")
    wrong = labels[0] != "Sebastes"
    assert result.boxes == len(labels) and result.matched_by_annotation_id == 0
    assert result.accuracy == pytest.approx(1 - wrong / len(labels))


def test_boxes_and_crops_are_not_evaluated_against_each_other(paired: Paired) -> None:
    label = fo.Classification(label="Sebastes")
    paired.boxes.set_values("one_label", [label] * len(paired.boxes))
    before = documents(paired.boxes, frozenset())
    with pytest.raises(DatasetError, match="cannot be evaluated against each other"):
        evaluate_predictions(paired.boxes, "one_label")
    assert documents(paired.boxes, frozenset()) == before
