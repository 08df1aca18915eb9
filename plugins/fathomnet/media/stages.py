"""Runs the stages that need no FiftyOne, for operators and the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..parameters.media import DownloadImages, UploadImages
from ..progress import Progress
from .transfer import TransferResult, download_images, upload_images


def run_upload(params: UploadImages, progress: Progress) -> Any:
    """Uploads images, or writes a transfer job if that was requested."""
    values = params.model_dump(exclude={"emit_transfer_job"})
    if params.emit_transfer_job:
        from .storage_transfer.job import emit_transfer_job

        kept = {name: values[name] for name in ("annotations", "split", "media_root", "limit")}
        return emit_transfer_job(**kept, shard=params.shard)
    return upload_images(**values, progress=progress)


def run_download(params: DownloadImages, progress: Progress) -> TransferResult:
    """Downloads."""
    return download_images(**params.model_dump(), progress=progress)


RUNNERS: Final[Mapping[str, Callable[[Any, Progress], Any]]] = {
    "upload_images": run_upload,
    "download_images": run_download,
}
"""The stages by the operator's name."""


def not_moved(result: Mapping[str, Any]) -> int:
    """The number of images that a run could not move, without those missing at their source."""
    return int(result.get("rejected", 0)) + int(result.get("failed", 0))
