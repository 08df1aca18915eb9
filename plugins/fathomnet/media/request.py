"""Checks a requested transfer completely before anything is moved.

A shard is a worker's part of it; no worker needs to ask the others what to do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Final

from typing_extensions import Self

from ..catalog import LARGEST_SIDE, Catalog, merge_catalogs, read_catalog
from ..errors import Fault, InputError
from ..names import FROM_URLS, SPLITS
from ..parameters.kinds import paths_in
from .ledger import Job, source_of
from .moving.engine import Policy

_ANY_SIZE: Final = (LARGEST_SIDE, LARGEST_SIDE)
_TEXT: Final = re.compile(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the parts into which a job's images are divided by their names.

    Attributes:
        index: which part, from 0.
        count: the number of parts; 1 means the whole.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"there is no part {self.index} of {self.count}, counted from 0")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``I/N``; an empty text stands for the whole.

        Parts may be counted from 0 or from 1, since N/N is the same part as 0/N: workers 0/4 to 3/4
        cover everything, and so do 1/4 to 4/4.

        Raises:
            InputError: the text is neither; the fault's place is ``shard``.

        Examples:
            >>> Shard.parse("1/4"), Shard.parse("4/4") == Shard.parse("0/4")
            (Shard(index=1, count=4), True)
        """
        if not text.strip():
            return cls()
        numbers = _TEXT.fullmatch(text)
        if not numbers:
            raise _refused(f"{text!r} is not I/N, such as 1/4 for the first of four parts")
        index, count = map(int, numbers.groups())
        if not count or index > count:
            raise _refused(f"there is no part {index} of {count}")
        return cls(index % count, count)

    def owns(self, name: str) -> bool:
        """Whether an image belongs to this part; the answer is the same on every machine, for ever.

        Args:
            name: its file name in the catalog.

        Examples:
            >>> sum(Shard(index, 4).owns("07-03-27-40.png") for index in range(4))
            1
        """
        if self.count == 1:
            return True
        # Python's own hash of a text differs from process to process.
        digest = blake2b(name.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.index

    @property
    def label(self) -> str:
        """The part as it appears in file names, such as ``1-of-4``; empty for the whole.

        Examples:
            >>> Shard.parse("0/4").label, Shard().label
            ('4-of-4', '')
        """
        return "" if self.count == 1 else f"{self.index or self.count}-of-{self.count}"


def _refused(problem: str) -> InputError:
    return InputError("parameter shard", [Fault("shard", problem)])


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


@dataclass(frozen=True)
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

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """The images by name, each with what a ledger knows its URL by; "" for a bucket's."""
        from_urls = self.job.source == FROM_URLS
        return {image.name: source_of(image.url) if from_urls else "" for image in self.images}


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
        annotations: COCO file that lists the images, or several, each on a line.
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
    job = Job(split, catalog.sha256, source, root, shard.label, catalog.files)
    return Request(verb, job, images, policy, options)


def read_listed(annotations: str) -> Catalog:
    """Reads COCO files, each on a line, for the names and URLs of their images.

    Raises:
        InputError: a file has faults.
    """
    files = [read_catalog(path, measure=lambda name: _ANY_SIZE) for path in paths_in(annotations)]
    if len(files) > 1:
        # What moves an image asks for no size, and of several files some may have none.
        width, height = _ANY_SIZE
        files = [
            replace(
                file,
                images=tuple(
                    image._replace(width=width, height=height, boxes=()) for image in file.images
                ),
            )
            for file in files
        ]
    return merge_catalogs(files)
