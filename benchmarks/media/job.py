"""What every way is given, and what it is asked to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fathomnet_voxel51.names import images_folder

SPLIT: Final = "train"
BUCKET: Final = "bench"
PREFIX: Final = "fathomnet"
GCS: Final = "gs://"


@dataclass(frozen=True, slots=True)
class Item:
    """One image to move.

    Attributes:
        url: where it is.
        path: where it goes, below the bucket or as a file.
    """

    url: str
    path: str


@dataclass(frozen=True, slots=True)
class Job:
    """Images to move into a bucket or a folder.

    Attributes:
        catalog: COCO file with their names and URLs.
        root: ``gs://bucket/prefix``, or a folder.
        concurrency: images on their way at a time.
    """

    catalog: Path
    root: str
    concurrency: int

    def items(self) -> Iterator[Item]:
        """The images as a script would read them from the catalog."""
        folder = self.root.removeprefix(f"{GCS}{BUCKET}/")
        for image in json.loads(self.catalog.read_text())["images"]:
            path = f"{folder}/{images_folder(SPLIT)}/{image['file_name']}"
            yield Item(image["coco_url"], path)
