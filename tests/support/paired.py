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


def pair(name: str, demo: DemoSet, folder: Path, catalog: Path | None = None) -> Paired:
    """Ingests the training split of a drawn set both ways.

    Args:
        name: of the dataset of boxes; that of crops has ``-crops`` after it.
        demo: the set.
        folder: takes the crops and their table.
        catalog: the boxes, if not the set's own.
    """
    catalog = catalog or demo.train
    table = cut_crops(catalog, demo.media_root, "train", folder)
    ingest_dataset(name, train_annotations=str(catalog), media_root=str(demo.media_root))
    ingest_crops(f"{name}-crops", table=str(table))
    boxes, crops = (fo.load_dataset(one, reload=True) for one in (name, f"{name}-crops"))
    return Paired(boxes, crops)
