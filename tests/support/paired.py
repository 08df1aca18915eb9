"""The same labels twice: as boxes in images, and as crops that are images of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset

from demo.crops import cut_crops
from demo.generate import DemoSet


@dataclass(frozen=True)
class Paired:
    """Two datasets whose labels have the same numbers, names and dives."""

    boxes: Any
    crops: Any
    folder: Path
    """Holds the crops and their table."""

    def copy(self, name: str) -> Paired:
        """Both datasets under other names; the files are the same."""
        clones = (
            self.boxes.clone(name, persistent=True),
            self.crops.clone(f"{name}-crops", persistent=True),
        )
        return Paired(*clones, self.folder)

    def delete(self) -> None:
        self.boxes.delete()
        self.crops.delete()

    def by_number(self, attribute: str, field: str = "ground_truth") -> tuple[Any, Any]:
        """An attribute of every label by its number, of boxes and of crops."""
        found = []
        for dataset, path in ((self.boxes, f"{field}.detections"), (self.crops, field)):
            unwind = dataset is self.boxes
            numbers = dataset.values(f"{path}.annotation_id", unwind=unwind)
            values = dataset.values(f"{path}.{attribute}", unwind=unwind)
            found.append(
                {one: value for one, value in zip(numbers, values, strict=True) if one is not None}
            )
        return found[0], found[1]


@dataclass(frozen=True)
class Crops:
    """The training split of a drawn set, and the crops cut out of it."""

    demo: DemoSet
    catalog: Path
    table: Path


def crops_of(demo: DemoSet, folder: Path, catalog: Path) -> Crops:
    """Cuts the crops of a training split.

    Args:
        demo: the set.
        folder: takes the crops and their table.
        catalog: the boxes, which need not be the set's own.
    """
    return Crops(demo, catalog, cut_crops(catalog, demo.media_root, "train", folder))


def pair(name: str, crops: Crops) -> Paired:
    """Ingests the same labels both ways.

    Args:
        name: of the dataset of boxes; that of crops has ``-crops`` after it.
        crops: the files.
    """
    root = str(crops.demo.media_root)
    ingest_dataset(name, train_annotations=str(crops.catalog), media_root=root)
    ingest_crops(f"{name}-crops", table=str(crops.table))
    boxes, of_crops = (fo.load_dataset(one, reload=True) for one in (name, f"{name}-crops"))
    return Paired(boxes, of_crops, crops.table.parent)
