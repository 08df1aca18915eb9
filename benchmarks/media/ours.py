"""This project's way: ``upload_images``, called as a notebook calls it."""

from __future__ import annotations

import fathomnet_voxel51.media.gcs.client  # noqa: F401  # else the clock runs while it is imported
from fathomnet_voxel51.media.transfer import upload_images

from benchmarks.media.job import SPLIT, Job


def run(job: Job) -> None:
    upload_images(
        annotations=str(job.catalog),
        split=SPLIT,
        media_root=job.root,
        concurrency=job.concurrency,
        allow_private_hosts=True,
    )
