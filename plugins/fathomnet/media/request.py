"""Checks a requested transfer completely before anything is moved."""

from dataclasses import dataclass, replace

from ..catalog import LARGEST_SIDE, Catalog, read_catalog
from ..errors import Fault, InputError
from ..names import SPLITS
from .ledger import Job
from .moving.engine import Policy
from .shards import Shard


@dataclass(frozen=True, slots=True)
class RequestedImage:
    """What a transfer needs to know about an image.

    Attributes:
        name: its file name in the catalog.
        url: where it was published; empty if the catalog does not say.
    """

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Options:
    """The options that uploads and downloads share, as the caller gave them."""

    limit: int | None
    concurrency: int
    allow_private_hosts: bool
    recheck: bool
    shard: str
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class Request:
    """A transfer that has been checked and can begin.

    Attributes:
        verb: what is done, for messages, such as ``uploading``.
        job: the job of the ledger.
        images: those of the job's shard, in the order of the catalog.
        policy: how hard to try.
        options: the rest, as the caller gave them.
    """

    verb: str
    job: Job
    images: tuple[RequestedImage, ...]
    policy: Policy
    options: Options


def checked_request(
    verb: str,
    annotations: str,
    split: str,
    source: str,
    root: str,
    options: Options,
    faults: list[Fault],
) -> Request:
    """Checks a request, the catalog last.

    Args:
        verb: what is done.
        annotations: COCO file that lists the images.
        split: the split of these images.
        source: ``urls`` or a bucket, already checked.
        root: the destination, already checked.
        options: checked here.
        faults: what is wrong with the other parameters.

    Raises:
        InputError: with everything that is wrong.
    """
    if split not in SPLITS:
        faults.append(Fault("split", f"{split!r} is none of {', '.join(SPLITS)}"))
    for name, value in (("limit", options.limit), ("concurrency", options.concurrency)):
        if value is not None and (type(value) is not int or value < 1):
            faults.append(Fault(name, f"{value!r} is not a number, 1 or more"))
    if not annotations:
        faults.append(Fault("annotations", "choose the COCO file that lists the images"))
    try:
        shard = Shard.parse(options.shard)
    except InputError as error:
        faults.extend(error.faults)
    if faults:
        raise InputError(f"parameters for {verb} images", faults)
    catalog = read_listed(annotations)
    images = tuple(
        RequestedImage(image.file_name, image.source_url or "")
        for image in catalog.head(options.limit).images
        if shard.owns(image.file_name)
    )
    policy = replace(options.policy or Policy(), concurrency=options.concurrency)
    job = Job(split, catalog.sha256, source, root, shard.label)
    return Request(verb, job, images, policy, options)


def read_listed(annotations: str) -> Catalog:
    """Reads a COCO file for the names and URLs of its images, which need no sizes yet.

    Raises:
        InputError: the file has faults.
    """
    return read_catalog(annotations, measure=lambda name: (LARGEST_SIDE, LARGEST_SIDE))
