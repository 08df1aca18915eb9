"""Media: where each image is stored and how it gets there, without FiftyOne."""

from .paths import similar_files
from .request import Shard
from .transfer import download_images, not_moved, run_download, upload_images

__all__ = [
    "Shard",
    "download_images",
    "not_moved",
    "run_download",
    "similar_files",
    "upload_images",
]
