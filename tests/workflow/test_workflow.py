"""Stages in order: checked before the first, resumed after a failure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError, WorkflowError
from fathomnet_voxel51.parameters import RunWorkflow
from fathomnet_voxel51.workflow import run_workflow

from demo.generate import Settings, make
from demo.stand_in_models import write_stand_in


def workflow(dataset_name: str, shared_data: Path, predictions: Path, **values: Any) -> RunWorkflow:
    ingest = {
        "dataset_name": dataset_name,
        "test_annotations": str(shared_data / "dataset_test.json"),
    }
    importing = {"predictions": str(predictions)}
    return RunWorkflow.parse({"ingest_dataset": ingest, "import_predictions": importing, **values})


@pytest.mark.fault(
    operator="run_workflow",
    happens="a later stage's parameters cannot work",
    end="refused with the place before the first stage; no dataset is made",
)
@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"stages": ["add_primary_label", "ingest_dataset"]}, "stages"),
        ({"stages": ["ingest_dataset", "ingest_dataset"]}, "stages"),
        ({"stages": ["add_primary_label"]}, "stages"),
        ({"ingest_dataset": {}}, "ingest_dataset.test_annotations"),
        ({"import_predictions": {}}, "import_predictions.predictions"),
        ({"import_predictions": {"predictions": "/absent.csv"}}, "import_predictions.predictions"),
        (
            {
                "stages": ["ingest_dataset", "compute_embeddings"],
                "compute_embeddings": {"model": "clop"},
            },
            "compute_embeddings.model",
        ),
        (
            {"stages": ["ingest_dataset", "find_needles"], "find_needles": {"pack": "debri"}},
            "find_needles.pack",
        ),
        ({"stages": ["upload_images", "add_primary_label", "ingest_dataset"]}, "stages"),
        ({"stages": ["upload_images", "ingest_dataset"]}, "upload_images.media_root"),
        ({"stages": ["upload_images"], "ingest_dataset": {}}, "upload_images.annotations"),
        (
            {"stages": ["upload_images"], "upload_images": {"annotations": "a.json"}},
            "upload_images.split",
        ),
        (
            {"stages": ["download_images"], "download_images": {"destination": "gs://deep-sea"}},
            "download_images.destination",
        ),
        (
            {
                "stages": ["download_images", "ingest_dataset"],
                "ingest_dataset": {
                    "test_annotations": "a.json",
                    "media_root": "gs://deep-sea",
                    "mirror": "/elsewhere",
                },
            },
            "ingest_dataset.mirror",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_stage(
    values: dict[str, Any], place: str, shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text("annotation_id,concept_name\n1,Funiculina\n")
    params = workflow(dataset_name, shared_data, tmp_path / "p.csv", **values)
    with pytest.raises(InputError) as raised:
        run_workflow(params)
    assert place in {fault.place for fault in raised.value.faults}
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.fault(
    operator="run_workflow",
    happens="a stage fails in the middle",
    end="said which; what was done is kept, and run again it goes on from there",
)
def test_a_stage_that_fails_keeps_what_was_done_and_goes_on_from_there(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    predictions = tmp_path / "p.csv"
    predictions.write_text("annotation_id,concept_name\n1,Funiculina\n")
    stages = ["ingest_dataset", "import_predictions", "evaluate_predictions"]
    params = workflow(dataset_name, shared_data, predictions, stages=stages)
    with pytest.raises(WorkflowError, match="evaluate_predictions failed, stage 3 of 3") as raised:
        run_workflow(params)
    assert "no box has a label at all" in str(raised.value)
    dataset = fo.load_dataset(dataset_name)
    assert len(dataset) == 325

    labelled = dataset.filter_labels("ground_truth", {"$eq": ["$$this.annotation_id", 1]}).first()
    dataset.set_label_values(
        "ground_truth.detections.label", {labelled.ground_truth.detections[0].id: "Funiculina"}
    )
    labels: list[str] = []
    results = run_workflow(params, progress=lambda share, label: labels.append(label))
    assert results["ingest_dataset"].samples_added == 0
    assert results["evaluate_predictions"].accuracy == 1
    assert any(label.startswith("2/3 import predictions: ") for label in labels)


@pytest.mark.fault(
    operator="run_workflow",
    happens="the predictions of a later stage name boxes and concepts that there are not",
    end="refused with every line before the first image moves; no dataset is made",
)
def test_predictions_are_checked_before_the_first_image_moves(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    predictions, store = tmp_path / "p.csv", tmp_path / "store"
    predictions.write_text("annotation_id,concept_name\n1,Funiculena\n99999,Funiculina\n")
    stages = ["upload_images", "ingest_dataset", "import_predictions"]
    params = workflow(
        dataset_name,
        shared_data,
        predictions,
        stages=stages,
        upload_images={"media_root": str(store)},
    )
    with pytest.raises(InputError) as raised:
        run_workflow(params)
    assert [fault.place for fault in raised.value.faults] == ["line 2", "line 3"]
    assert "did you mean 'Funiculina'?" in str(raised.value)
    assert not store.exists() and not fo.dataset_exists(dataset_name)


@pytest.mark.parametrize("told_by", ["image_id", "bbox_x,bbox_y,bbox_width,bbox_height"])
def test_predictions_for_another_split_are_refused_before_a_dataset_is_made(
    dataset_name: str, tmp_path: Path, told_by: str
) -> None:
    files = {}
    for split, left in (("train", 5), ("test", 50)):
        coco = {
            "images": [{"id": left, "file_name": f"{split}.png", "width": 100, "height": 100}],
            "annotations": [
                {"id": 1, "image_id": left, "category_id": 1, "bbox": [left, 5, 20, 20]}
            ],
            "categories": [{"id": 1, "name": "Sebastes"}],
        }
        files[f"{split}_annotations"] = str(tmp_path / f"{split}.json")
        (tmp_path / f"{split}.json").write_text(json.dumps(coco))
    cells = "5" if told_by == "image_id" else "5,5,20,20"
    (tmp_path / "p.csv").write_text(f"annotation_id,concept_name,{told_by}\n1,Sebastes,{cells}\n")
    asked = {
        "stages": ["ingest_dataset", "import_predictions"],
        "ingest_dataset": {"dataset_name": dataset_name, **files},
        "import_predictions": {"predictions": str(tmp_path / "p.csv"), "split": "test"},
    }
    with pytest.raises(InputError, match="Its row fits the train split") as refused:
        run_workflow(RunWorkflow.parse(asked))
    assert refused.value.faults[0].place == "line 2"
    assert not fo.dataset_exists(dataset_name)
    asked["import_predictions"]["split"] = "train"  # type: ignore[index]
    assert run_workflow(RunWorkflow.parse(asked))["import_predictions"].imported == 1


@pytest.mark.fault(
    operator="run_workflow",
    happens="the dataset's images are elsewhere than the workflow says",
    end="refused before the first image moves",
)
def test_a_dataset_of_another_media_root_is_refused_before_the_first_image_moves(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    run_workflow(workflow(dataset_name, shared_data, tmp_path, stages=["ingest_dataset"]))
    store = tmp_path / "store"
    ingest = {
        "dataset_name": dataset_name,
        "test_annotations": str(shared_data / "dataset_test.json"),
        "media_root": str(store),
    }
    moving = {"stages": ["upload_images", "ingest_dataset"], "ingest_dataset": ingest}
    with pytest.raises(DatasetError, match="the images of dataset"):
        run_workflow(RunWorkflow.parse(moving))
    assert not store.exists()


def test_predictions_may_name_boxes_beyond_a_limit_that_takes_none_away(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    predictions = tmp_path / "p.csv"
    predictions.write_text("annotation_id,concept_name\n788,Funiculina\n")
    whole = workflow(dataset_name, shared_data, predictions, stages=["ingest_dataset"])
    limited = workflow(
        dataset_name,
        shared_data,
        predictions,
        stages=["ingest_dataset", "import_predictions"],
        ingest_dataset=whole.ingest_dataset.model_dump() | {"limit": 2},
    )
    with pytest.raises(InputError, match="annotation 788 is not a box of the test split"):
        run_workflow(limited)
    assert not fo.dataset_exists(dataset_name)
    run_workflow(whole)
    assert run_workflow(limited)["import_predictions"].imported == 1


def test_without_ingest_the_open_dataset_is_used(
    shared_data: Path, dataset_name: str, tmp_path: Path
) -> None:
    (tmp_path / "p.csv").write_text("annotation_id,concept_name\n1,Funiculina\n")
    whole = workflow(dataset_name, shared_data, tmp_path / "p.csv", stages=["ingest_dataset"])
    run_workflow(whole)
    rest = RunWorkflow.parse({"stages": ["add_primary_label"]})
    results = run_workflow(rest, fo.load_dataset(dataset_name))
    assert results["add_primary_label"].unlabelled == 325


def test_images_become_searchable_and_are_searched_in_one_operation(
    dataset_name: str, tmp_path: Path
) -> None:
    made = make(tmp_path / "demo", Settings(train=4, test=0))
    model = str(write_stand_in("clip", tmp_path / "stand-in", small=True))
    embedded = {"model": model, "patches_field": ""}
    params = RunWorkflow.parse(
        {
            "stages": [
                "ingest_dataset",
                "compute_embeddings",
                "build_similarity_index",
                "find_needles",
            ],
            "ingest_dataset": {
                "dataset_name": dataset_name,
                "train_annotations": str(made.train),
                "media_root": str(made.media_root),
            },
            "compute_embeddings": {**embedded, "method": "none"},
            "build_similarity_index": embedded,
            "find_needles": {"prompts": "a plastic bag; a rope"},
        }
    )
    results = run_workflow(params)
    assert list(results) == list(params.stages)
    assert results["compute_embeddings"].embedded == 4
    assert results["build_similarity_index"].indexed == 4
    needles = results["find_needles"].needles
    assert [needle.prompt for needle in needles] == ["a plastic bag", "a rope"]
