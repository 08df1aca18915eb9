"""The COCO file of the images that an origin serves."""

from __future__ import annotations

from pathlib import Path

from benchmarks.media.images import WIDTH, Pack
from demo import coco


def write_catalog(path: Path, pack: Pack, origin: str) -> None:
    """Writes the catalog of a pack's images, without boxes.

    Args:
        path: the file to write.
        pack: the images.
        origin: URL that their names are appended to.
    """
    frames = (
        coco.Frame(WIDTH, image.height, image.name, f"{origin}/{image.name}", None)
        for image in pack.images
    )
    records = [coco.image_record(number, frame) for number, frame in enumerate(frames, start=1)]
    coco.write_json(path, coco.document(records, [], []))
