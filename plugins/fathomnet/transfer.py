"""From URLs into a store, and from URLs or a bucket into a folder."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from .catalog import read_catalog
from .errors import Fault, InputError
from .fields import CONCURRENCY, FROM_URLS, SPLITS, images_folder
from .ledger import Job, Ledger, known_outcomes, open_ledger, write_not_stored
from .media.engine import Item, Policy, Source, Transfer
from .media.event_loop import run_reporting
from .media.folder import FolderStore
from .media.gcs import GcsStore
from .media.outcomes import OUTCOMES
from .media.paths import GCS, checked_root
from .media.shards import Shard
from .media.source import UrlSource, shown
from .media.tally import Tally
from .media.transfer_job import TransferJob, TransferObject, write_transfer_job
from .progress import Progress, silent
from .stores import Digest, Store, StoredObject


@dataclass(frozen=True, slots=True)
class TransferResult:
    """What became of the images of a split, or of one shard of it.

    Attributes:
        total: images in all, the sum of the five that follow.
        stored: moved by this run, whole.
        present: there and whole before.
        missing: their source answers 404 or 410; asked again only with ``recheck``.
        rejected: what their source sends is no whole image, or may not be fetched.
        failed: could not be moved for another reason; the next run tries again.
        bytes: moved by this run.
        seconds: that it took.
        ledger: the file with the outcome of every image; beside it lies a CSV of those that are
            not stored.
    """

    total: int
    stored: int
    present: int
    missing: int
    rejected: int
    failed: int
    bytes: int
    seconds: float
    ledger: str


@dataclass(frozen=True, slots=True)
class _Image:
    """What a transfer needs to know of an image."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class _Options:
    """What uploads and downloads have in common, as the caller gave it."""

    limit: int | None
    concurrency: int
    allow_private_hosts: bool
    recheck: bool
    shard: str
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """A transfer that was checked and can begin."""

    verb: str
    job: Job
    images: tuple[_Image, ...]
    policy: Policy
    options: _Options


def upload_images(  # noqa: PLR0913  # the parameters of the operator
    annotations: str,
    split: str,
    media_root: str,
    *,
    limit: int | None = None,
    concurrency: int = CONCURRENCY,
    allow_private_hosts: bool = False,
    recheck: bool = False,
    shard: str = "",
    progress: Progress = silent,
    policy: Policy | None = None,
) -> TransferResult:
    """Streams the images of a catalog from their URLs into a bucket or a folder.

    Args:
        annotations: COCO file that lists them.
        split: names the folder, ``<media_root>/<split>_images``.
        media_root: ``gs://bucket/prefix`` or a folder.
        limit: take the first so many images; None for all.
        concurrency: connections at once.
        allow_private_hosts: whether URLs may lead into private networks, or to this machine.
        recheck: ask again for images whose source said that there are none.
        shard: ``I/N``: one of N parts that several workers share; empty for all.
        progress: hears how far it is.
        policy: how hard to try; ``concurrency`` is taken from above.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was moved.
        SetupError: the store cannot be used, or another run is at this job; what was moved stays.
    """
    options = _Options(limit, concurrency, allow_private_hosts, recheck, shard, policy)
    faults: list[Fault] = []
    root = checked_root(media_root, "media_root", faults)
    if not media_root:
        faults.append(Fault("media_root", "name a folder or gs://bucket/prefix"))
    return _run(_plan("uploading", annotations, split, FROM_URLS, root, options, faults), progress)


def download_images(  # noqa: PLR0913  # the parameters of the operator
    annotations: str,
    split: str,
    destination: str,
    *,
    source: str = FROM_URLS,
    limit: int | None = None,
    concurrency: int = CONCURRENCY,
    allow_private_hosts: bool = False,
    recheck: bool = False,
    shard: str = "",
    progress: Progress = silent,
    policy: Policy | None = None,
) -> TransferResult:
    """Brings the images of a catalog to a folder, from their URLs or from a bucket.

    Args:
        annotations: COCO file that lists them.
        split: names the folder, ``<destination>/<split>_images``.
        destination: a folder.
        source: ``urls``, or ``gs://bucket/prefix`` that holds ``<split>_images``.
        limit: take the first so many images; None for all.
        concurrency: connections at once.
        allow_private_hosts: whether URLs may lead into private networks, or to this machine.
        recheck: ask again for images whose source said that there are none.
        shard: ``I/N``: one of N parts that several workers share; empty for all.
        progress: hears how far it is.
        policy: how hard to try; ``concurrency`` is taken from above.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was moved.
        SetupError: a store cannot be used, or another run is at this job; what was moved stays.
    """
    options = _Options(limit, concurrency, allow_private_hosts, recheck, shard, policy)
    faults: list[Fault] = []
    root = checked_root(destination, "destination", faults)
    if not destination or root.startswith(GCS):
        faults.append(Fault("destination", "name a folder; upload_images is what fills buckets"))
    if source != FROM_URLS:
        source = checked_root(source, "source", faults)
        if not source.startswith(GCS):
            faults.append(Fault("source", "is neither urls nor gs://bucket/prefix"))
    return _run(_plan("downloading", annotations, split, source, root, options, faults), progress)


def emit_transfer_job(
    annotations: str,
    split: str,
    media_root: str,
    limit: int | None = None,
    shard: str = "",
) -> TransferJob:
    """Writes what Google's Storage Transfer Service needs to move the images without us.

    Sizes and checksums are those that earlier runs have seen. Nothing is moved.

    Args:
        annotations: COCO file that lists the images.
        split: names the folder, ``<media_root>/<split>_images``.
        media_root: ``gs://bucket/prefix``.
        limit: take the first so many images; None for all.
        shard: ``I/N``: one of N parts; empty for all.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was written.
    """
    options = _Options(limit, CONCURRENCY, False, False, shard, None)
    faults: list[Fault] = []
    root = checked_root(media_root, "media_root", faults)
    if not root.startswith(GCS):
        faults.append(Fault("media_root", "the service fills buckets: name gs://bucket/prefix"))
    plan = _plan("listing", annotations, split, FROM_URLS, root, options, faults)
    known = known_outcomes(root, split, plan.job.annotations_sha256)

    def objects() -> Iterator[TransferObject]:
        for image in plan.images:
            entry = known.get(image.name)
            size, md5 = (entry.bytes, entry.md5) if entry else (None, None)
            yield TransferObject(image.url, image.name, size, md5)

    folder = plan.job.ledger.parent
    folder.mkdir(parents=True, exist_ok=True)
    destination = f"{root}/{images_folder(split)}"
    return write_transfer_job(objects(), folder, plan.job.ledger.stem, destination)


def _plan(
    verb: str,
    annotations: str,
    split: str,
    source: str,
    root: str,
    options: _Options,
    faults: list[Fault],
) -> _Plan:
    """Checks everything, the catalog last, before anything is moved."""
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
    catalog = read_catalog(annotations)
    images = tuple(
        _Image(image.file_name, image.source_url or "")
        for image in catalog.head(options.limit).images
        if shard.owns(image.file_name)
    )
    policy = replace(options.policy or Policy(), concurrency=options.concurrency)
    job = Job(split, catalog.sha256, source, root, shard.label)
    return _Plan(verb, job, images, policy, options)


def _run(plan: _Plan, progress: Progress) -> TransferResult:
    began = time.monotonic()
    tally = Tally(plan.verb, len(plan.images))
    with open_ledger(plan.job) as ledger:
        try:
            run_reporting(_move(plan, ledger, tally), lambda: progress(*tally.report()))
        finally:
            not_stored = write_not_stored(
                ledger, ((image.name, shown(image.url)) for image in plan.images)
            )
    result = TransferResult(
        total=tally.total,
        **{outcome: tally.counts[outcome] for outcome in OUTCOMES},
        bytes=tally.bytes,
        seconds=round(time.monotonic() - began, 3),
        ledger=str(ledger.path),
    )
    progress(1.0, _summary(result, not_stored))
    return result


async def _move(plan: _Plan, ledger: Ledger, tally: Tally) -> None:
    connections = plan.policy.concurrency
    folder = images_folder(plan.job.split)
    async with AsyncExitStack() as stack:
        store: Store
        if plan.job.destination.startswith(GCS):
            store = GcsStore(plan.job.destination, connections)
        else:
            store = FolderStore(plan.job.destination)
        await stack.enter_async_context(store)
        source: Source
        if plan.job.source == FROM_URLS:
            source = UrlSource(connections, plan.options.allow_private_hosts)
            await stack.enter_async_context(source)
            items = _items_of_urls(plan.images)
        else:
            source = bucket = GcsStore(plan.job.source, connections)
            await stack.enter_async_context(bucket)
            items = _items_of_bucket(plan.images, folder, await bucket.listing(folder))
        transfer = Transfer(source, store, folder, ledger, tally, plan.policy, plan.options.recheck)
        await transfer.run(items)


def _items_of_urls(images: Iterable[_Image]) -> Iterator[Item]:
    return (Item(image.name, image.url) for image in images)


def _items_of_bucket(
    images: Iterable[_Image], folder: str, listing: Mapping[str, StoredObject]
) -> Iterator[Item]:
    for image in images:
        there = listing.get(image.name)
        announced = Digest(there.size, there.crc32c) if there and there.crc32c else None
        yield Item(image.name, f"{folder}/{image.name}", announced)


def _summary(result: TransferResult, not_stored: Path) -> str:
    counts = [f"{getattr(result, outcome):,} {outcome}" for outcome in OUTCOMES]
    text = f"{result.total:,} images: {', '.join(counts)}"
    whole = result.stored + result.present
    return text if whole == result.total else f"{text}; the others are listed in {not_stored}"
