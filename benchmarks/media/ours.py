"""This project's way: ``upload_images``, called as a notebook calls it."""

from __future__ import annotations

import importlib

from fathomnet_voxel51.media import upload_images

from benchmarks.media.job import GCS, SPLIT, Job


def prepare(job: Job) -> None:
    """Imports what the job will need and nothing else has imported, before the clock starts."""
    if job.root.startswith(GCS):
        importlib.import_module("google.cloud.storage")
        importlib.import_module("fathomnet_voxel51.files.connections")
        importlib.import_module("fathomnet_voxel51.media.gcs.client")


def run(job: Job) -> None:
    upload_images(
        annotations=str(job.catalog),
        split=SPLIT,
        media_root=job.root,
        concurrency=job.concurrency,
        allow_private_hosts=True,
    )
