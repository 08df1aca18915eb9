"""What we write straight into MongoDB is what FiftyOne itself would have written."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import numpy as np
import pandas as pd
import pytest
from bson import ObjectId
from fathomnet_voxel51.catalog import ImageRecord, read_catalog
from fathomnet_voxel51.dataset.collection import insert_missing, make_durable, sample_collection
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.writes import batched, write_overlapped
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.prediction_files import write_predictions
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from pymongo import MongoClient

from demo.synthetic import write_catalog
from tests.faults.database import Database
from tests.support.stored import documents, schema, settings

MEDIA = "/media/fathomnet"
CONCEPTS = load_taxonomy().concepts


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("catalogs")
    return {
        "train": write_catalog(folder / "train.json", images=30, boxes=80, seed=3),
        "test": write_catalog(
            folder / "test.json", images=12, boxes=25, seed=4, labelled=False, split="test"
        ),
    }


@pytest.fixture(scope="module")
def run_folder(catalogs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A predictions run with confidences, ranks (one missing) and probabilities."""
    images = read_catalog(catalogs["test"]).images
    boxes = [box for image in images for box in image.boxes]
    rng = np.random.default_rng(5)
    concepts = rng.choice(CONCEPTS, len(boxes)).tolist()
    ranks = [load_taxonomy().taxon(name).rank for name in concepts]
    rows = pd.DataFrame(
        {
            "annotation_id": [box.annotation_id for box in boxes],
            "image_id": [image.image_id for image in images for _ in image.boxes],
            "concept_name": concepts,
            "confidence": rng.random(len(boxes), dtype=np.float32),
            "rank": [None, *ranks[1:]],
        }
    )
    folder = tmp_path_factory.mktemp("run")
    probabilities = rng.dirichlet(np.ones(len(CONCEPTS)), len(boxes)).astype(np.float32)
    write_predictions(folder, rows, {"concepts": list(CONCEPTS)}, probabilities)
    return folder


@pytest.fixture(scope="module")
def bare_csv(catalogs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The competition's two columns, for the boxes of every other image of the train split."""
    images = read_catalog(catalogs["train"]).images[::2]
    lines = [
        f"{box.annotation_id},{CONCEPTS[box.annotation_id % len(CONCEPTS)]}"
        for image in images
        for box in image.boxes
    ]
    path = tmp_path_factory.mktemp("csv") / "predictions.csv"
    path.write_text("\n".join(["annotation_id,concept_name", *lines]))
    return path


def all_stages(name: str, catalogs: dict[str, Path], run_folder: Path, bare_csv: Path) -> Any:
    ingest_dataset(
        name,
        train_annotations=str(catalogs["train"]),
        test_annotations=str(catalogs["test"]),
        media_root=MEDIA,
    )
    dataset = fo.load_dataset(name)
    add_primary_label(dataset)
    import_predictions(dataset, str(run_folder))
    import_predictions(dataset, str(bare_csv), split="train")
    add_taxonomy_ranks(dataset, ("ground_truth", "model_predictions", "primary_label"))
    return dataset


@pytest.fixture(scope="module")
def direct(catalogs: dict[str, Path], run_folder: Path, bare_csv: Path) -> Iterator[Any]:
    """A dataset on which every stage was done through the collection."""
    dataset = all_stages("direct", catalogs, run_folder, bare_csv)
    assert sample_collection(dataset) is not None
    yield dataset
    dataset.delete()


@pytest.fixture
def by_fiftyone(catalogs: dict[str, Path]) -> Iterator[Any]:
    """The same images and boxes, made from FiftyOne's objects by ``add_samples``."""
    dataset = fo.Dataset("by-fiftyone", persistent=True)
    for split, path in catalogs.items():
        samples = [fiftyone_sample(image, split) for image in read_catalog(path).images]
        dataset.add_samples(samples, dynamic=True)
    yield dataset
    dataset.delete()


def fiftyone_sample(image: ImageRecord, split: str) -> fo.Sample:
    path = f"{MEDIA}/{split}_images/{image.file_name}"
    sample = fo.Sample(
        filepath=path,
        tags=[split],
        metadata=fo.ImageMetadata(width=image.width, height=image.height, mime_type="image/png"),
        split=split,
        image_id=image.image_id,
        file_name=image.file_name,
        media_uri=path,
        media_status="unknown",
        ground_truth=fo.Detections(
            detections=[
                fo.Detection(
                    label=box.label,
                    bounding_box=list(box.bounding_box),
                    annotation_id=box.annotation_id,
                    area=box.area,
                    iscrowd=box.iscrowd,
                )
                for box in image.boxes
            ]
        ),
    )
    for name in ("source_url", "date_captured", "vehicle", "dive"):
        if getattr(image, name) is not None:
            sample[name] = getattr(image, name)
    return sample


def test_ingested_documents_equal_those_that_add_samples_writes(
    catalogs: dict[str, Path], by_fiftyone: Any, dataset_name: str
) -> None:
    ingest_dataset(
        dataset_name,
        train_annotations=str(catalogs["train"]),
        test_annotations=str(catalogs["test"]),
        media_root=MEDIA,
    )
    dataset = fo.load_dataset(dataset_name)
    assert documents(dataset) == documents(by_fiftyone)
    assert schema(dataset) == schema(by_fiftyone)


def test_labels_predictions_and_ranks_equal_those_that_set_values_writes(
    direct: Any, by_fiftyone: Any
) -> None:
    assert keys(direct) == keys(by_fiftyone)
    ids = dict(zip(direct.values("id"), by_fiftyone.values("id"), strict=True))
    labels = {
        ids[sample.id]: fo.Classification(label=sample.primary_label.label)
        for sample in direct.exists("primary_label")
    }
    predictions = {
        ids[sample.id]: fo.Detections(
            detections=[imported_part(box) for box in sample.model_predictions.detections]
        )
        for sample in direct.exists("model_predictions")
    }
    by_fiftyone.set_values("primary_label", labels, key_field="id")
    by_fiftyone.set_values("model_predictions", predictions, key_field="id", dynamic=True)
    for path in ("ground_truth.detections", "model_predictions.detections", "primary_label"):
        set_ranks(direct, by_fiftyone, path)
    # What was predicted of a labelled box, which its import says on it.
    both = (direct, by_fiftyone)
    for name, kind in (("label", fo.StringField), ("confidence", fo.FloatField)):
        path = f"ground_truth.detections.predicted_{name}"
        description = direct.get_field(path).description
        by_fiftyone.add_sample_field(path, kind, description=description)
        there = [one.exists("model_predictions") for one in both]
        there[1].set_values(path, there[0].values(path))
    assert documents(direct) == documents(by_fiftyone)
    assert schema(direct) == schema(by_fiftyone)


def imported_part(box: Any) -> fo.Detection:
    given = ("confidence", "probabilities", "second_label", "second_confidence", "margin")
    attributes = [name for name in given if box.has_field(name) and box[name] is not None]
    return fo.Detection(
        label=box.label,
        bounding_box=box.bounding_box,
        annotation_id=box.annotation_id,
        **{name: box[name] for name in attributes},
    )


def set_ranks(source: Any, target: Any, path: str) -> None:
    with_labels = [one.exists(path.split(".", maxsplit=1)[0]) for one in (source, target)]
    for attribute in ("rank", *RANKS):
        if target.get_field(f"{path}.{attribute}") is None:
            target.add_sample_field(f"{path}.{attribute}", fo.StringField)
        values = with_labels[0].values(f"{path}.{attribute}")
        with_labels[1].set_values(f"{path}.{attribute}", values)


def keys(dataset: Any) -> list[tuple[str, int]]:
    return list(zip(*dataset.values(["split", "image_id"]), strict=True))


def test_the_public_api_gives_the_same_dataset(
    direct: Any,
    catalogs: dict[str, Path],
    run_folder: Path,
    bare_csv: Path,
    dataset_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLIC_API, "1")
    dataset = all_stages(dataset_name, catalogs, run_folder, bare_csv)
    assert sample_collection(dataset) is None
    stamps = frozenset({"_dataset_id", "created_at", "last_modified_at"})
    assert documents(dataset, stamps) == documents(direct, stamps), "ids and dice included"
    assert settings(dataset) == settings(direct)


def test_boxes_and_predictions_have_the_same_ids_whichever_way_they_were_written(
    direct: Any,
    catalogs: dict[str, Path],
    run_folder: Path,
    bare_csv: Path,
    dataset_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLIC_API, "1")
    dataset = all_stages(dataset_name, catalogs, run_folder, bare_csv)
    for path in ("ground_truth.detections.id", "model_predictions.detections.id"):
        assert dataset.values(path) == direct.values(path)


def test_a_repeat_over_the_public_api_touches_nothing(
    catalogs: dict[str, Path],
    run_folder: Path,
    bare_csv: Path,
    dataset_name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PUBLIC_API, "1")
    before = documents(all_stages(dataset_name, catalogs, run_folder, bare_csv), frozenset())
    after = documents(all_stages(dataset_name, catalogs, run_folder, bare_csv), frozenset())
    assert after == before


def test_the_public_api_completes_what_the_collection_began_and_the_other_way_round(
    direct: Any, catalogs: dict[str, Path], dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ingest(limit: int | None) -> int:
        return ingest_dataset(
            dataset_name, train_annotations=str(catalogs["train"]), limit=limit
        ).samples_added

    assert ingest(7) == 7
    monkeypatch.setenv(PUBLIC_API, "1")
    assert ingest(19) == 12
    monkeypatch.delenv(PUBLIC_API)
    assert ingest(None) == 11
    ids = fo.load_dataset(dataset_name).values("image_id")
    assert sorted(ids) == sorted(image.image_id for image in read_catalog(catalogs["train"]).images)


def test_samples_in_memory_see_what_was_written_behind_them(
    catalogs: dict[str, Path], dataset_name: str
) -> None:
    ingest_dataset(dataset_name, train_annotations=str(catalogs["train"]))
    dataset = fo.load_dataset(dataset_name)
    sample = dataset.first()
    add_primary_label(dataset)
    add_taxonomy_ranks(dataset)
    assert sample.primary_label.label in {box.label for box in sample.ground_truth.detections}
    assert sample.ground_truth.detections[0].kingdom == "Animalia"


def test_inserting_leaves_the_documents_of_others_alone(direct: Any) -> None:
    target = sample_collection(direct).database["inserting"]
    ids = [ObjectId() for _ in range(5)]
    target.insert_one({"_id": ids[2], "by": "another"})
    try:
        assert insert_missing(target, [{"_id": id_, "by": "us"} for id_ in ids]) == 4
        assert target.find_one(ids[2])["by"] == "another"
        assert target.count_documents({"by": "us"}) == 4
    finally:
        target.drop()


def test_batches_are_written_in_order_and_a_failure_is_not_lost() -> None:
    written: list[list[int]] = []

    def write(batch: list[int]) -> int:
        if 7 in batch:
            raise OSError("the disk is full")
        written.append(batch)
        return len(batch)

    assert list(write_overlapped(batched(range(5), 2), write)) == [2, 2, 1]
    assert written == [[0, 1], [2, 3], [4]]
    with pytest.raises(OSError, match="the disk is full"):
        list(write_overlapped(batched(range(9), 2), write))


def test_a_killed_database_keeps_what_was_written_durably(tmp_path: Path) -> None:
    """Written at once after another: the server has no time to do it by itself."""
    (tmp_path / "files").mkdir()
    server = Database(tmp_path / "files")
    server.start()
    with MongoClient[dict[str, Any]](server.uri) as client:
        dataset = SimpleNamespace(_sample_collection=client.durable.samples)
        collection = sample_collection(dataset)
        assert collection is not None
        for round_ in range(3):
            client.durable.runs.replace_one({"_id": 0}, {"round": round_}, upsert=True)
            make_durable(dataset)
            collection.insert_one({"_id": round_})
            server.stop(signal.SIGKILL)
            server.start()
            assert client.durable.runs.find_one({"round": round_})
            assert collection.count_documents({}) == round_ + 1
    server.stop()
