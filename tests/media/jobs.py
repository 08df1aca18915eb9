"""Catalogs for transfers, and how hard tests try."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from fathomnet_voxel51.media.moving.engine import Policy
from fathomnet_voxel51.media.moving.hosts import Patience

QUICK = Policy(
    first_wait=0.01,
    longest_wait=0.05,
    stall_seconds=3.0,
    patience=Patience(first_pause=0.02, longest_pause=0.1, give_up_after=30.0),
)
"""The same number of tries as by default, without the long waits between them."""


def write_coco(path: Path, urls: Mapping[str, str]) -> str:
    """A catalog of images by file name, each with its URL and one box.

    Returns:
        its path, as operators take it.
    """
    images = [
        {"id": number, "file_name": name, "width": 640, "height": 480, "coco_url": url}
        for number, (name, url) in enumerate(urls.items(), 1)
    ]
    boxes = [
        {"id": image["id"], "image_id": image["id"], "bbox": [1, 1, 10, 10], "category_id": None}
        for image in images
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": []}))
    return str(path)
