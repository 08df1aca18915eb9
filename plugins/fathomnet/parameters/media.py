"""Parameters of the operators that move images."""

from typing import Annotated

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import Limit, PathText, PathTexts, Widget

Annotations = Annotated[
    PathTexts,
    Widget.FILE,
    Field(
        title="Annotations",
        description="COCO JSON that lists the images and their URLs; several files of the split "
        "with ; between them",
    ),
]
SplitOfImages = Annotated[
    names.Split,
    Field(title="Split", description="Names the folder: train_images or test_images"),
]
Concurrency = Annotated[
    int, Field(ge=1, le=1_000, title="Connections", description="How many images move at once")
]
AllowPrivateHosts = Annotated[
    bool,
    Field(
        title="Allow private hosts",
        description="Also from this machine and private networks",
    ),
]
Recheck = Annotated[
    bool,
    Field(
        title="Recheck",
        description="Ask again for images missing at the source",
    ),
]
ShardText = Annotated[
    str,
    Field(
        title="Shard",
        description="Part I/N, such as 1/4, of a job that several workers share; empty for all",
    ),
]


class UploadImages(Parameters):
    operator = "upload_images"
    heading = "FathomNet: upload images"
    summary = "Stream the images of a catalog from their URLs into a bucket or a folder"
    stage = "media.transfer:upload_images"
    position = 20
    in_workflow = True
    changes_dataset = False
    needs_dataset = False
    takes_dataset = False

    annotations: Annotations = ""
    split: SplitOfImages
    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="gs://bucket/prefix or a folder; images go to <split>_images below it",
        ),
    ] = ""
    limit: Limit = None
    concurrency: Concurrency = names.CONCURRENCY
    allow_private_hosts: AllowPrivateHosts = False
    recheck: Recheck = False
    shard: ShardText = ""
    emit_transfer_job: Annotated[
        bool,
        Field(
            title="Emit a transfer job",
            description="Move nothing; write the URL list for Google's Storage Transfer Service",
        ),
    ] = False


class DownloadImages(Parameters):
    operator = "download_images"
    heading = "FathomNet: download images"
    summary = "Bring the images of a catalog to a folder, from their URLs or from a bucket"
    stage = "media.transfer:download_images"
    position = 30
    in_workflow = True
    changes_dataset = False
    needs_dataset = False
    takes_dataset = False

    annotations: Annotations = ""
    split: SplitOfImages
    destination: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Destination",
            description="A folder; images go to <split>_images below it",
        ),
    ] = ""
    source: Annotated[
        str,
        Field(
            title="Source", description="urls for those in the annotations, or gs://bucket/prefix"
        ),
    ] = names.FROM_URLS
    limit: Limit = None
    concurrency: Concurrency = names.CONCURRENCY
    allow_private_hosts: AllowPrivateHosts = False
    recheck: Recheck = False
    shard: ShardText = ""
