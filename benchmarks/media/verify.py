"""Whether all the images arrived, and nothing else, with the bytes that they had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import google_crc32c
from fathomnet_voxel51.names import images_folder

from benchmarks.media.images import Pack, base64_crc32c
from benchmarks.media.job import BUCKET, PREFIX, SPLIT
from benchmarks.media.servers import get_json

Found = dict[str, tuple[int, str]]
"""Size and CRC-32C by file name."""
SHOWN: Final = 3


class MisplacedError(Exception):
    """What is at the destination is not what the origin has: the measurement counts for nothing."""


def check_sink(url: str, pack: Pack) -> None:
    """Compares the sink's listing with the images.

    Raises:
        MisplacedError: they are not the same.
    """
    folder = f"{PREFIX}/{images_folder(SPLIT)}/"
    _compare(dict(_listing(url, folder)), pack)


def check_folder(folder: Path, pack: Pack) -> None:
    """Reads every file of a folder, and compares them with the images.

    Raises:
        MisplacedError: they are not the same.
    """
    found: Found = {}
    images = folder / images_folder(SPLIT)
    for path in images.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            crc32c = base64_crc32c(google_crc32c.value(content))
            found[str(path).removeprefix(f"{images}/")] = (len(content), crc32c)
    _compare(found, pack)


def _listing(url: str, folder: str) -> Iterator[tuple[str, tuple[int, str]]]:
    token = ""
    while True:
        page = get_json(f"{url}/storage/v1/b/{BUCKET}/o?{urlencode({'pageToken': token})}")
        for item in page.get("items", ()):
            yield item["name"].removeprefix(folder), (int(item["size"]), item["crc32c"])
        token = page.get("nextPageToken", "")
        if not token:
            return


def _compare(found: Found, pack: Pack) -> None:
    expected = {image.name: (image.size, image.crc32c) for image in pack.images}
    wrong = {name for name, _ in expected.items() ^ found.items()}
    if wrong:
        some = ", ".join(sorted(wrong)[:SHOWN])
        raise MisplacedError(f"{len(wrong):,} images are absent, not whole or too many: {some}")
