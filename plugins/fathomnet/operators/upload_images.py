"""The door to :func:`transfer.upload_images`."""

from typing import Any

from ..errors import Fault
from ..media.storage_transfer.job import job_root
from ..media.transfer import run_upload, upload_root
from ..parameters import media as parameters
from ..progress import Progress
from .forms import Preview
from .moving import TransferOperator


class UploadImages(TransferOperator[parameters.UploadImages]):
    model = parameters.UploadImages
    icon = "/plugins/fathomnet/assets/upload.svg"
    risk = "HIGH"

    def run(self, params: parameters.UploadImages, dataset: Any, progress: Progress) -> Any:
        return run_upload(params, progress)

    def preview(self, params: parameters.UploadImages, dataset: Any) -> Preview:
        problems: list[Fault] = []
        if params.emit_transfer_job:
            root = job_root(params.media_root, problems)
            return self.describe(params, root, "listed for a transfer", problems, moves=False)
        root = upload_root(params.media_root, problems)
        return self.describe(params, root, "uploaded", problems)
