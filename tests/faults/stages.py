"""Operators on a small dataset, each as a function that a process of its own can run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51 import operators
from fathomnet_voxel51.dataset import public_writes, writes
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.ingest import ingest as samples
from fathomnet_voxel51.names import RELABELLINGS as PREFIX
from PIL import Image

from tests.embeddings.tiny import HEIGHT, WIDTH, TinyEmbedder
from tests.faults.held import Point
from tests.support.stored import documents, settings, without_none

NAME = "test-surroundings"
IMAGES = 60
BATCH = 10
"""Small batches, so that a stage has a middle."""

CONCEPTS = ("Aegina", "Scotoplanes globosa", "Sebastes", "Asteronyx loveni")
NEW_LABEL = "Benthocodon pedunculata"
VOLATILE = frozenset({"_dataset_id", "created_at", "last_modified_at", "reviewed_at"})

_OPERATORS = {kind.model.operator: kind for kind in operators.OPERATORS}


@dataclass(frozen=True)
class Files:
    """The input of all stages."""

    catalog: str
    predictions: str
    media: str
    crops: str = ""


def write_files(folder: Path) -> Files:
    """Images of one colour with three boxes each, and a prediction for each box."""
    images = folder / "train_images"
    images.mkdir(parents=True)
    listed, boxes, rows = [], [], ["annotation_id,concept_name"]
    for number in range(1, IMAGES + 1):
        name = f"{number:03}.png"
        Image.new("RGB", (WIDTH, HEIGHT), (number * 4, 90, 255 - number * 4)).save(images / name)
        listed.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for place in range(3):
            id_ = len(boxes) + 1
            rectangle = [4.0 + 40 * place, 6.0, 20.0 + number % 7, 30.0 + place]
            kind = 1 + (number + place) % len(CONCEPTS)
            boxes.append(
                {
                    "id": id_,
                    "image_id": number,
                    "category_id": kind,
                    "bbox": rectangle,
                    "area": rectangle[2] * rectangle[3],
                    "iscrowd": 0,
                }
            )
            rows.append(f"{id_},{CONCEPTS[(number + place + number % 2) % len(CONCEPTS)]}")
    categories = [{"id": number, "name": name} for number, name in enumerate(CONCEPTS, start=1)]
    catalog = folder / "catalog.json"
    catalog.write_text(
        json.dumps({"images": listed, "annotations": boxes, "categories": categories})
    )
    predictions = folder / "predictions.csv"
    predictions.write_text("\n".join(rows) + "\n")
    crops = folder / "crops.csv"
    labels = {box["id"]: CONCEPTS[box["category_id"] - 1] for box in boxes}
    lines = (f"rois/{id_}.png,{label},{id_}" for id_, label in labels.items())
    crops.write_text("\n".join(("path,label,annotation_id", *lines)) + "\n")
    return Files(str(catalog), str(predictions), str(folder), str(crops))


def dataset() -> Any:
    """The dataset as the database has it now."""
    return fo.load_dataset(NAME, reload=True)


def operator(name: str, **values: Any) -> dict[str, Any]:
    """Runs an operator on the dataset, as Python, the App and a worker do."""
    if name in ("ingest_dataset", "ingest_crops"):
        return dict(_OPERATORS[name]()(dataset_name=NAME, **values))
    there = dataset()
    return dict(_OPERATORS[name]()(there.view() if name == "relabel_boxes" else there, **values))


def ingest(files: Files) -> dict[str, Any]:
    samples.BATCH, writes.IMPORTED_AT_ONCE = BATCH, 1
    return operator("ingest_dataset", train_annotations=files.catalog, media_root=files.media)


def ingest_crops(files: Files) -> dict[str, Any]:
    """The same boxes as crops, each with the number of its box."""
    samples.BATCH, writes.IMPORTED_AT_ONCE = BATCH, 1
    return operator("ingest_crops", table=files.crops)


def in_small_batches() -> None:
    """One after the other, so that nothing is written while a stage is held."""
    writes.BATCH = public_writes.BATCH = BATCH
    writes.WRITERS = 1


def import_(files: Files) -> dict[str, Any]:
    in_small_batches()
    return operator("import_predictions", predictions=files.predictions, split="train")


def evaluate(files: Files) -> dict[str, Any]:
    in_small_batches()
    return operator("evaluate_predictions")


def embed(files: Files) -> dict[str, Any]:
    embeddings.load_embedder = lambda name, device, precision, progress: TinyEmbedder()  # type: ignore[assignment]
    return operator("compute_embeddings", method="none", batch_size=BATCH)


def relabel(files: Files) -> dict[str, Any]:
    return operator("relabel_boxes", label=NEW_LABEL)


def undo(files: Files) -> dict[str, Any]:
    return operator("undo_relabel")


def primary_label(files: Files) -> dict[str, Any]:
    return operator("add_primary_label")


def ranks(files: Files) -> dict[str, Any]:
    return operator("add_taxonomy_ranks")


Stage = Callable[[Files], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A stage, what must be there before it, and where its middle is, either way."""

    name: str
    stage: Stage
    before: tuple[Stage, ...]
    collection: Point
    public: Point

    def middle(self, way: str) -> Point:
        """The point, by what ``either_way`` says."""
        return self.public if way == "public API" else self.collection


SAVES = Point("dataset.public_writes", "save_pipeline", 3)

CASES = (
    Case(
        "ingest_dataset",
        ingest,
        (),
        Point("dataset.writes", "insert_missing", 3),
        Point("dataset.public_writes", "_merge", 3),
    ),
    Case(
        "import_predictions",
        import_,
        (ingest,),
        Point("dataset.writes", "_write_batch", 3),
        SAVES,
    ),
    Case("compute_embeddings", embed, (ingest,), Point("dataset.writes", "_write_batch", 3), SAVES),
    Case(
        "evaluate_predictions",
        evaluate,
        (ingest, import_),
        # Beyond the look that its third batch takes at the images, which would be asked again.
        Point("dataset.writes", "UpdateOne", 2 * BATCH + 1),
        SAVES,
    ),
    Case(
        "relabel_boxes",
        relabel,
        (ingest, ranks),
        Point("dataset.writes", "_update_edit", 3),
        Point("dataset.writes", "_save_edit", 3),
    ),
    Case(
        "undo_relabel",
        undo,
        (ingest, ranks, relabel),
        Point("dataset.writes", "_update_edit", 3),
        Point("dataset.writes", "_save_edit", 3),
    ),
    Case(
        "add_primary_label",
        primary_label,
        (ingest,),
        Point("labels.primary", "primary_label_update"),
        Point("dataset.public_writes", "save_pipeline"),
    ),
)
OF_NAME = {case.name: case for case in CASES}
OF_CROPS = (
    replace(OF_NAME["ingest_dataset"], name="ingest_crops", stage=ingest_crops),
    replace(OF_NAME["import_predictions"], before=(ingest_crops,)),
    replace(OF_NAME["relabel_boxes"], before=(ingest_crops, ranks)),
)
"""The same on crops."""


def prepare(files: Files, before: tuple[Stage, ...]) -> None:
    """Makes the dataset anew, as a stage finds it; the quicker way, which makes the same."""
    delete()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PUBLIC_API, "0")
        for stage in before:
            stage(files)


def after(files: Files, *some: Stage) -> dict[str, Any]:
    """What the dataset holds when these stages have run on it."""
    for stage in some:
        stage(files)
    return content()


def left_by_each(files: Files) -> dict[str, dict[str, Any]]:
    """What each case's stage leaves behind when nothing happens."""
    found = {}
    for case in CASES:
        prepare(files, case.before)
        found[case.name] = after(files, case.stage)
    return found


def delete() -> None:
    if fo.dataset_exists(NAME):
        fo.delete_dataset(NAME)


def content() -> dict[str, Any]:
    """All that the dataset holds, less what differs between two runs of the same stage."""
    fo.delete_non_persistent_datasets()  # as FiftyOne does when the last program that uses it ends
    if not fo.dataset_exists(NAME):
        return {}
    there = dataset()
    found = settings(there)
    found["runs"] = {_lasting(key): _state(config) for key, config in found["runs"].items()}
    found["documents"] = without_none(documents(there, VOLATILE))
    found["others"] = [name for name in fo.list_datasets() if NAME in name and name != NAME]
    return found


def _lasting(key: str) -> str:
    """A run's key without the time that a relabelling's has."""
    return PREFIX if key.startswith(PREFIX) else re.sub(r"\d{8}_\d{6}", "", key)


def _state(config: dict[str, Any]) -> Any:
    """How far a run is, by its record."""
    return next((config[key] for key in ("state", "stage", "complete") if key in config), None)
