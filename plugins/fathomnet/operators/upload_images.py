"""The door to :func:`transfer.upload_images`."""

from __future__ import annotations

from typing import Any

from .. import parameters
from ..media_stages import run_upload
from ..progress import Progress
from .forms import Preview
from .transfer import TransferOperator


class UploadImages(TransferOperator[parameters.UploadImages]):
    model = parameters.UploadImages
    icon = "/plugins/fathomnet/assets/upload.svg"

    def run(self, params: parameters.UploadImages, dataset: Any, progress: Progress) -> Any:
        return run_upload(params, progress)

    def preview(self, params: parameters.UploadImages, dataset: Any) -> Preview:
        action = "listed for a transfer job" if params.emit_transfer_job else "uploaded"
        return self.describe(params, "media_root", params.media_root, action)
