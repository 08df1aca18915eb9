"""The stages that need no FiftyOne, as operators and the command line run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .parameters import DownloadImages, UploadImages
from .progress import Progress
from .transfer import TransferResult, download_images, upload_images


def run_upload(params: UploadImages, progress: Progress) -> Any:
    """Uploads, or writes the transfer job where that is asked for."""
    values = params.model_dump(exclude={"emit_transfer_job"})
    if params.emit_transfer_job:
        from .transfer_lists import emit_transfer_job

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
"""By the operator's name."""


def not_moved(result: Mapping[str, Any]) -> int:
    """How many images a run could not move; what is missing at its source is not among them."""
    return int(result.get("rejected", 0)) + int(result.get("failed", 0))
