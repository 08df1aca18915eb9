"""From a predictions file to a field of a dataset."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pandas as pd
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.prediction_files import write_predictions
from fathomnet_voxel51.predictions import ImportResult, check_predictions, import_predictions

from tests.support.stored import documents, settings

EVERYTHING: frozenset[str] = frozenset()
COCO: dict[str, Any] = {
    "images": [
        {"id": number, "file_name": f"{number}.png", "width": 200, "height": 100}
        for number in (1, 2, 3)
    ],
    "annotations": [
        {"id": id_, "image_id": image, "category_id": 1, "bbox": [id_, 0, 20, 10], "area": 200}
        for id_, image in ((1, 1), (2, 1), (3, 2), (7, 3))
    ],
    "categories": [{"id": 1, "name": "ROV basket"}],
}


@pytest.fixture
def dataset(tmp_path: Path, dataset_name: str) -> Iterator[Any]:
    """Three images and four boxes, the same in both splits."""
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(COCO))
    ingest_dataset(dataset_name, train_annotations=str(path), test_annotations=str(path))
    yield fo.load_dataset(dataset_name)


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[..., str]:
    def write(*rows: str, name: str = "predictions.csv") -> str:
        path = tmp_path / name
        path.write_text("\n".join(("annotation_id,concept_name", *rows)) + "\n")
        return str(path)

    return write


def test_the_real_predictions_land_on_their_boxes(shared_data: Path, dataset_name: str) -> None:
    path = shared_data / "submission_experiment-final014.csv"
    ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    dataset = fo.load_dataset(dataset_name)
    result = import_predictions(dataset, str(path))
    assert result == ImportResult(
        rows=788, imported=788, unmatched_rows=0, boxes_without_prediction=0
    )
    with path.open(newline="") as file:
        rows = {int(row["annotation_id"]): row["concept_name"] for row in csv.DictReader(file)}
    assert dataset.count("model_predictions.detections") == 788
    for sample in dataset:
        truth, predicted = sample.ground_truth.detections, sample.model_predictions.detections
        assert [box.annotation_id for box in predicted] == [box.annotation_id for box in truth]
        assert [box.bounding_box for box in predicted] == [box.bounding_box for box in truth]
        assert [box.label for box in predicted] == [rows[box.annotation_id] for box in truth]
        assert all(box.confidence is None for box in predicted)


def test_the_record_says_where_the_field_came_from(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    path = write_csv("1,Actiniaria", "7,Brisingida")
    import_predictions(dataset, path)
    record = dataset.get_run_info("import_model_predictions_test").config
    assert record.state == "complete"
    assert (record.source, record.split, record.gt_field) == (
        "predictions.csv",
        "test",
        "ground_truth",
    )
    assert record.sha256 == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert (record.rows, record.rejected_rows, record.rejected) == (2, 0, [])


def test_a_file_that_names_some_boxes_leaves_the_others_without(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    result = import_predictions(dataset, write_csv("2,Actiniaria", "7,Brisingida"))
    assert result == ImportResult(rows=2, imported=2, unmatched_rows=0, boxes_without_prediction=2)
    assert labels(dataset, "test") == [["Actiniaria"], None, ["Brisingida"]]
    assert labels(dataset, "train") == [None, None, None]


def test_splits_are_kept_apart_though_their_boxes_have_the_same_ids(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    import_predictions(dataset, write_csv("1,Actiniaria", "3,Actiniaria"), split="train")
    import_predictions(dataset, write_csv("1,Brisingida", "7,Brisingida"), split="test")
    assert labels(dataset, "train") == [["Actiniaria"], ["Actiniaria"], None]
    assert labels(dataset, "test") == [["Brisingida"], None, ["Brisingida"]]
    ids = dataset.values("model_predictions.detections.id", unwind=True)
    assert len(set(ids)) == 4


def test_another_file_replaces_the_split_and_touches_what_it_changes_only(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    import_predictions(dataset, write_csv("1,Actiniaria", "3,Actiniaria"))
    before = modified(dataset)
    result = import_predictions(dataset, write_csv("1,Actiniaria", "7,Brisingida"))
    assert result.boxes_without_prediction == 2
    assert labels(dataset, "test") == [["Actiniaria"], None, ["Brisingida"]]
    touched = {key for key, moment in modified(dataset).items() if before[key] != moment}
    assert touched == {("test", 2), ("test", 3)}


def test_a_repeat_touches_nothing_not_even_when_ranks_and_tags_were_added(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    path = write_csv("1,Actiniaria", "2,Brisingida", "3,Actiniaria")
    import_predictions(dataset, path)
    add_taxonomy_ranks(dataset, ("model_predictions",))
    dataset.limit(3).tag_labels("doubted", "model_predictions")
    before = documents(dataset, EVERYTHING)
    import_predictions(dataset, path)
    assert documents(dataset, EVERYTHING) == before


def test_an_import_that_was_cut_short_is_completed(
    dataset: Any, write_csv: Callable[..., str]
) -> None:
    path = write_csv("1,Actiniaria", "3,Brisingida", "7,Brisingida")
    import_predictions(dataset, path)
    whole = documents(dataset), settings(dataset)
    config = dataset.get_run_info("import_model_predictions_test").config
    config.state = "writing"
    dataset.update_run_config("import_model_predictions_test", config)
    dataset._sample_collection.update_many(
        {"image_id": {"$gt": 1}}, {"$unset": {"model_predictions": ""}}
    )
    import_predictions(dataset, path)
    assert (documents(dataset), settings(dataset)) == whole


@pytest.mark.fault(
    operator="import_predictions",
    happens="rows name boxes or concepts that do not exist",
    end="every such row is named with its line; nothing is written",
)
def test_every_bad_row_is_named_with_its_line_and_nothing_is_written(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    before = documents(dataset, EVERYTHING), settings(dataset)
    path = write_csv(
        "1,Actiniaria", "4,Actiniaria", "3,Actiniara", "99999,Brisingida", "7,Brisingida"
    )
    with pytest.raises(InputError) as caught:
        import_predictions(dataset, path)
    assert [fault.place for fault in caught.value.faults] == ["line 3", "line 4", "line 5"]
    message = str(caught.value)
    assert "line 3: annotation 4 is not a box of the test split (4 boxes, ids 1..7)" in message
    assert "line 5: annotation 99999" in message
    assert "did you mean 'Actiniaria'?" in message
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


def test_a_name_that_only_the_dataset_knows_is_suggested_too(
    dataset: Any, write_csv: Callable[..., str]
) -> None:
    (box, *_) = dataset.match_tags("test").first().ground_truth.detections
    sample = dataset.match_tags("train").first()
    sample.ground_truth.detections[0].label = "Giant kelp fly"
    sample.save()
    with pytest.raises(InputError, match="did you mean 'Giant kelp fly'"):
        import_predictions(dataset, write_csv(f"{box.annotation_id},Giant kelp fli"))


def test_bad_rows_can_be_skipped_and_are_then_on_record(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    path = write_csv("1,Actiniaria", "4,Actiniaria", "3,Actiniara", "7,Brisingida")
    result = import_predictions(dataset, path, skip_bad_rows=True)
    assert result == ImportResult(rows=4, imported=2, unmatched_rows=2, boxes_without_prediction=2)
    assert labels(dataset, "test") == [["Actiniaria"], None, ["Brisingida"]]
    record = dataset.get_run_info("import_model_predictions_test").config
    assert record.rejected_rows == 2
    assert [line.split(":")[0] for line in record.rejected] == ["line 3", "line 4"]


def test_a_check_tells_the_result_of_an_import_and_writes_nothing(
    dataset: Any, write_csv: Callable[..., str]
) -> None:
    path = write_csv("1,Actiniaria", "4,Actiniaria", "7,Brisingida")
    before = documents(dataset, EVERYTHING), settings(dataset)
    foretold = check_predictions(dataset, path, skip_bad_rows=True)
    with pytest.raises(InputError, match="line 3: annotation 4"):
        check_predictions(dataset, path)
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before
    assert import_predictions(dataset, path, skip_bad_rows=True) == foretold


def test_concepts_of_the_dataset_are_known_though_no_taxonomy_has_them(
    dataset: Any, write_csv: Callable[..., str]
) -> None:
    import_predictions(dataset, write_csv("1,rov  BASKET"))
    assert labels(dataset, "test") == [["ROV basket"], None, None]


def test_a_run_with_probabilities_brings_all_it_has(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    probabilities = np.array([[0.75, 0.25], [0.125, 0.875]], dtype=np.float32)
    rows = pd.DataFrame(
        {
            "annotation_id": [1, 7],
            "image_id": [1, 3],
            "concept_name": ["Actiniaria", "Brisingida"],
            "confidence": np.array([0.75, 0.875], dtype=np.float32),
            "rank": ["order", None],
        }
    )
    manifest = {"concepts": ["Actiniaria", "Brisingida"], "model": {"name": "toy"}}
    write_predictions(tmp_path / "run", rows, manifest, probabilities)
    import_predictions(dataset, str(tmp_path / "run"))
    first, last = (
        sample.model_predictions.detections[0]
        for sample in dataset.match_tags("test").exists("model_predictions")
    )
    assert (first.confidence, last.confidence) == (0.75, 0.875)
    assert (first.rank, last.rank) == ("order", None)
    assert first.probabilities.dtype == np.float32
    assert first.probabilities.tolist() == [0.75, 0.25]
    assert last.probabilities.tolist() == [0.125, 0.875]
    path = "model_predictions.detections.probabilities"
    assert isinstance(dataset.get_field(path), fo.VectorField)
    record = dataset.get_run_info("import_model_predictions_test").config
    assert record.concepts == ["Actiniaria", "Brisingida"]
    assert record.manifest["model"] == {"name": "toy"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"split": "validation"}, "'validation' is not train, val or test"),
        ({"gt_field": "nothing"}, "'nothing' is no field"),
        ({"gt_field": "filepath"}, "its fields of Detections or Classification are: ground_truth"),
        ({"field": "ground_truth"}, "cannot take the place of the boxes"),
        ({"field": "filepath"}, "does not hold Detections"),
        ({"field": "not a name"}, "no field name"),
        ({"field": "theirs"}, "was not made by an import"),
        ({"predictions": "nowhere.csv"}, "nowhere.csv"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_written(
    dataset: Any, write_csv: Callable[..., str], parameters: dict[str, str], message: str
) -> None:
    dataset.clone_sample_field("ground_truth", "theirs")
    before = documents(dataset, EVERYTHING), settings(dataset)
    given = {"predictions": write_csv("1,Actiniaria"), **parameters}
    with pytest.raises((InputError, DatasetError)) as caught:
        import_predictions(dataset, **given)
    assert message in str(caught.value)
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


def test_a_split_without_images_is_named_with_those_that_are_there(
    tmp_path: Path, dataset_name: str, write_csv: Callable[..., str]
) -> None:
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(COCO))
    ingest_dataset(dataset_name, train_annotations=str(path))
    with pytest.raises(DatasetError, match="no images of the test split; its splits: train"):
        import_predictions(fo.load_dataset(dataset_name), write_csv("1,Actiniaria"))


def labels(dataset: Any, split: str, field: str = "model_predictions") -> list[list[str] | None]:
    """The predicted labels of each image of a split, in the order of the images."""
    view = dataset.match({"split": split}).sort_by("image_id")
    found: list[list[str] | None] = view.values(f"{field}.detections.label")
    return found if dataset.has_field(field) else [None] * len(view)


def modified(dataset: Any) -> dict[tuple[str, int], Any]:
    splits, ids, moments = dataset.values(["split", "image_id", "last_modified_at"])
    return dict(zip(zip(splits, ids, strict=True), moments, strict=True))


def test_an_import_that_another_one_overtakes_does_not_call_itself_complete(
    dataset: Any, write_csv: Callable[..., str]
) -> None:
    mine = write_csv("1,Actiniaria", name="mine.csv")
    theirs = write_csv("7,Brisingida", name="theirs.csv")

    def interfere(share: float, label: str) -> None:
        if "writing" in label:
            import_predictions(dataset, theirs)

    with pytest.raises(DatasetError, match=r"began to import theirs\.csv"):
        import_predictions(dataset, mine, progress=interfere)
    import_predictions(dataset, mine)
    assert labels(dataset, "test") == [["Actiniaria"], None, None]


@pytest.mark.parametrize("folds", [2, 3])
def test_folds_imported_one_after_the_other_end_as_one_file_would(
    dataset: Any, write_csv: Callable[..., str], folds: int, either_way: str
) -> None:
    rows = {1: ("1,Actiniaria", "2,Brisingida"), 2: ("3,Caridea",), 3: ("7,Brisingida",)}
    whole = write_csv(*(row for image in rows.values() for row in image))
    import_predictions(dataset, whole, field="whole")
    for fold in range(folds):
        images = [image for image in rows if image % folds == fold]
        mine = [row for image in images for row in rows[image]]
        name = f"fold-{fold}.csv"
        result = import_predictions(
            dataset, write_csv(*mine, name=name), field="folded", keep_others=True
        )
        assert (result.imported, result.replaced) == (len(mine), 0)
    assert result.boxes_without_prediction == 0
    ours, theirs = (labels(dataset, "test", field) for field in ("folded", "whole"))
    assert ours == theirs == [["Actiniaria", "Brisingida"], ["Caridea"], ["Brisingida"]]
    record = dataset.get_run_info("import_folded_test").config
    assert (record.source, record.beside) == (
        f"fold-{folds - 1}.csv",
        [f"fold-{fold}.csv" for fold in range(folds - 1)],
    )


def test_folds_whose_probabilities_are_of_other_concepts_are_not_mixed(
    dataset: Any, tmp_path: Path
) -> None:
    for fold, (concepts, id_) in enumerate(
        ((["Actiniaria", "Caridea"], 1), (["Caridea", "Actiniaria"], 3))
    ):
        rows = {
            "annotation_id": [id_], "image_id": [id_], "concept_name": ["Caridea"],
            "confidence": [0.5], "rank": [None],
        }  # fmt: skip
        probabilities = np.array([[0.5, 0.5]], dtype=np.float32)
        rows["image_id"] = [1 if id_ == 1 else 2]
        write_predictions(tmp_path / f"fold-{fold}", rows, {"concepts": concepts}, probabilities)
    import_predictions(dataset, str(tmp_path / "fold-0"))
    for attempt in (check_predictions, import_predictions):
        with pytest.raises(InputError, match="in another order, than those of fold-0"):
            attempt(dataset, str(tmp_path / "fold-1"), keep_others=True)
    assert labels(dataset, "test") == [["Caridea"], None, None]
    assert import_predictions(dataset, str(tmp_path / "fold-1")).imported == 1


def test_only_images_that_the_file_names_are_replaced_where_the_others_are_to_be_kept(
    dataset: Any, write_csv: Callable[..., str], either_way: str
) -> None:
    import_predictions(dataset, write_csv("1,Actiniaria", "2,Actiniaria", "3,Caridea"))
    other = write_csv("1,Brisingida")
    expected = ImportResult(
        rows=1, imported=1, unmatched_rows=0, boxes_without_prediction=2, replaced=1
    )
    assert check_predictions(dataset, other, keep_others=True) == expected
    assert import_predictions(dataset, other, keep_others=True) == expected
    assert labels(dataset, "test") == [["Brisingida"], ["Caridea"], None]
    # As they are by default, the others lose their value, which is told before.
    assert check_predictions(dataset, other).replaced == 1
    assert import_predictions(dataset, other).replaced == 1
    assert labels(dataset, "test") == [["Brisingida"], None, None]
    assert import_predictions(dataset, other).replaced == 0


@pytest.mark.parametrize("ids", [(1, 2, 3, 7), (70, 5, 6, 9), (2**40, 2**41, 8, 2**60)])
def test_rows_about_boxes_that_a_limit_left_out_are_counted_and_no_faults(
    tmp_path: Path, dataset_name: str, write_csv: Callable[..., str], ids: tuple[int, ...]
) -> None:
    coco = COCO | {
        "annotations": [
            one | {"id": id_} for one, id_ in zip(COCO["annotations"], ids, strict=True)
        ]
    }
    path = tmp_path / "limited.json"
    path.write_text(json.dumps(coco))
    ingest_dataset(dataset_name, test_annotations=str(path), limit=1)
    dataset = fo.load_dataset(dataset_name)
    rows = [f"{id_},Actiniaria" for id_ in ids]
    expected = ImportResult(
        rows=4, imported=2, unmatched_rows=0, boxes_without_prediction=0, left_out_boxes=2
    )
    said: list[str] = []
    done = import_predictions(
        dataset, write_csv(*rows), progress=lambda share, label: said.append(label)
    )
    assert done == expected == check_predictions(dataset, write_csv(*rows))
    assert "2 rows are about boxes of images that a limit left out" in said[-1]
    with pytest.raises(InputError, match="annotation 4 is not a box") as refused:
        import_predictions(dataset, write_csv(*rows, "4,Actiniaria"))
    assert len(refused.value.faults) == 1
    ingest_dataset(dataset_name, test_annotations=str(path))
    assert import_predictions(dataset, write_csv(*rows)).imported == 4


def test_a_bare_file_whose_ids_are_all_of_another_split_is_told_which(
    tmp_path: Path, dataset_name: str, write_csv: Callable[..., str]
) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps(COCO))
    other = tmp_path / "test.json"
    other.write_text(json.dumps(COCO | {"annotations": COCO["annotations"][:2]}))
    ingest_dataset(dataset_name, train_annotations=str(path), test_annotations=str(other))
    dataset = fo.load_dataset(dataset_name)
    with pytest.raises(InputError, match="All 2 rows fit the train split"):
        import_predictions(dataset, write_csv("1,Actiniaria", "3,Actiniaria"))
    with pytest.raises(InputError, match="Correct these rows"):
        import_predictions(dataset, write_csv("1,Actiniaria", "4,Actiniaria"))


def second_best(dataset: Any) -> dict[int, tuple[str | None, float | None, float | None]]:
    """Second name, its confidence and the margin of each predicted box of the test split."""
    dataset.reload()
    return {
        box.annotation_id: (
            box.get_attribute_value("second_label", None),
            box.get_attribute_value("second_confidence", None),
            box.get_attribute_value("margin", None),
        )
        for sample in dataset.match_tags("test").exists("model_predictions")
        for box in sample.model_predictions.detections
    }


def test_probabilities_give_each_box_its_second_best_name(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    """Also where another rule than the greatest probability has chosen the name."""
    path = tmp_path / "wide.csv"
    path.write_text(
        "annotation_id,concept_name,Actiniaria,Brisingida,Caridea\n"
        "1,Actiniaria,0.5,0.25,0.25\n2,Caridea,0.125,0.625,0.25\n7,Porifera,0,1,0\n"
    )
    import_predictions(dataset, str(path))
    assert second_best(dataset) == {
        1: ("Brisingida", 0.25, 0.25),
        2: ("Brisingida", 0.625, -0.375),
        7: ("Brisingida", 1.0, None),
    }
    margin = fo.ViewField("margin")
    unsure = dataset.filter_labels("model_predictions", margin.exists() & (margin < 0))
    assert unsure.values("model_predictions.detections.annotation_id", unwind=True) == [2]
    assert check_predictions(dataset, str(path)).replaced == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_gives_second_best_names_in_columns(
    ending: str, dataset: Any, tmp_path: Path
) -> None:
    path = tmp_path / f"two.{ending}"
    table = pd.DataFrame(
        {
            "annotation_id": [1, 2, 7],
            "concept_name": ["Actiniaria", "Caridea", "Porifera"],
            "confidence": [0.75, 0.5, 1.0],
            "label_2": ["caridea", "", "no animal"],
            "confidence_2": [0.25, 0.5, 0.0],
        }
    )
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    result = import_predictions(dataset, str(path))
    assert result.ignored_columns == ()
    assert second_best(dataset) == {
        1: ("Caridea", 0.25, 0.5),
        2: (None, None, None),
        7: (None, None, None),
    }


def test_confidences_that_are_all_equal_are_told(dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "sure.csv"
    path.write_text("annotation_id,concept_name,confidence\n1,Caridea,1\n2,Caridea,1\n")
    words = "all 2 confidences are 1: they tell no box from another"
    assert check_predictions(dataset, str(path)).notes == (words,)
    assert import_predictions(dataset, str(path)).notes == (words,)
    assert dataset.get_run_info("import_model_predictions_test").config.notes == [words]
    path.write_text("annotation_id,concept_name,confidence\n1,Caridea,1\n2,Caridea,0.5\n")
    assert import_predictions(dataset, str(path)).notes == ()
