"""The door to :func:`transfer.download_images`."""

from typing import Any

from ..errors import Fault
from ..media.transfer import TransferResult, download_root, download_source, run_download
from ..parameters import media as parameters
from ..progress import Progress
from .forms import Preview
from .moving import TransferOperator


class DownloadImages(TransferOperator[parameters.DownloadImages]):
    model = parameters.DownloadImages
    icon = "/plugins/fathomnet/assets/download.svg"
    risk = "HIGH"

    def run(
        self, params: parameters.DownloadImages, dataset: Any, progress: Progress
    ) -> TransferResult:
        return run_download(params, progress)

    def preview(self, params: parameters.DownloadImages, dataset: Any) -> Preview:
        problems: list[Fault] = []
        root = download_root(params.destination, problems)
        download_source(params.source, problems)
        return self.describe(params, root, "downloaded", problems)
