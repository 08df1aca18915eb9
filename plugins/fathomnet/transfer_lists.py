"""Makes the lists with which Google's Storage Transfer Service moves the images by itself."""

from __future__ import annotations

from collections.abc import Iterator

from .errors import Fault
from .fields import CONCURRENCY, FROM_URLS, images_folder
from .ledger import known_outcomes
from .media.paths import GCS, checked_root
from .media.request import Options, checked_request
from .media.transfer_job import TransferJob, TransferObject, write_transfer_job


def emit_transfer_job(
    annotations: str,
    split: str,
    media_root: str,
    limit: int | None = None,
    shard: str = "",
) -> TransferJob:
    """Writes the lists with which Google's Storage Transfer Service moves the images by itself.

    Sizes and checksums are those that earlier runs have seen. Nothing is moved.

    Args:
        annotations: COCO file that lists the images.
        split: names the folder, ``<media_root>/<split>_images``.
        media_root: ``gs://bucket/prefix``.
        limit: take the first so many images; None for all.
        shard: ``I/N``: one of N parts; empty for all.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was written.
    """
    options = Options(limit, CONCURRENCY, False, False, shard, None)
    faults: list[Fault] = []
    root = job_root(media_root, faults)
    request = checked_request("listing", annotations, split, FROM_URLS, root, options, faults)
    known = known_outcomes(root, split, request.job.annotations_sha256)

    def objects() -> Iterator[TransferObject]:
        for image in request.images:
            entry = known.get(image.name)
            size, md5 = (entry.bytes, entry.md5) if entry else (None, None)
            yield TransferObject(image.url, image.name, size, md5)

    folder = request.job.ledger.parent
    folder.mkdir(parents=True, exist_ok=True)
    destination = f"{root}/{images_folder(split)}"
    return write_transfer_job(objects(), folder, request.job.ledger.stem, destination)


def job_root(media_root: str, faults: list[Fault]) -> str:
    """The root that the service fills, in standard spelling; its faults go to ``faults``."""
    root = checked_root(media_root, "media_root", faults)
    if not root.startswith(GCS):
        faults.append(Fault("media_root", "the service fills buckets: name gs://bucket/prefix"))
    return root
