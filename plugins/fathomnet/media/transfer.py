"""Moves images from URLs into a store, and from URLs or a bucket into a folder.

Neither stage needs FiftyOne: operators, the command line and the workflow find them in ``RUNNERS``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..errors import Fault
from ..files.writing import folder_problem
from ..garbage_collector import lasting_objects_skipped
from ..names import CONCURRENCY, FROM_URLS, images_folder
from ..parameters.media import DownloadImages, UploadImages
from ..progress import Progress, silent
from ..text import counted
from .event_loop import run_reporting
from .folder.store import FolderStore
from .gcs.store import CREATE, GET, GcsStore
from .ledger import Ledger, open_ledger, write_not_stored
from .moving.attempt import Item, Source
from .moving.engine import Policy, Tally, Transfer
from .outcomes import OUTCOMES
from .paths import GCS, checked_root
from .request import Options, Request, checked_request
from .store import Digest, Store
from .web.addresses import loggable_url
from .web.source import UrlSource

A_CONNECTION: Final = 4
"""A socket to the source, of which two may be tried, one to the store, and a file."""

SPARE: Final = 64
"""For ledgers, modules that are imported meanwhile, name resolution, and the program around."""


def affordable_connections(wanted: int) -> int:
    """Raises this process's limit of open files to what connections need, if the system lets it.

    A limit is only ever raised, and no further than its owner may: the hard limit.

    Args:
        wanted: connections to have open at once, 1 or more.

    Returns:
        how many of them there may be, at least 1.

    Examples:
        >>> affordable_connections(1)
        1
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit for sockets
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    try:
        open_now = len(list(Path("/dev/fd").iterdir()))
    except OSError:
        open_now = SPARE
    needed = open_now + SPARE + wanted * A_CONNECTION
    if soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(wanted, (soft - open_now - SPARE) // A_CONNECTION))


@dataclass(frozen=True, slots=True)
class TransferResult:
    """The outcomes for the images of a split, or of one shard of it.

    Attributes:
        total: the number of images, the sum of the following five.
        stored: images that this run moved completely.
        present: images that were complete before.
        missing: images whose source answers 404 or 410; asked again only with ``recheck``.
        rejected: images whose source sends something else, or may not be fetched from.
        failed: images that could not be moved for another reason; the next run tries again.
        bytes: the number that this run moved.
        seconds: the time that it took.
        ledger: the file with the outcome of every image; beside it is a CSV of those that are not
            stored.
        notes: what else is to be known, such as fewer connections than were asked for.
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
    notes: tuple[str, ...] = ()


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
        annotations: COCO file that lists the images, or several, each on a line.
        split: names the folder, ``<media_root>/<split>_images``.
        media_root: ``gs://bucket/prefix`` or a folder.
        limit: take the first so many images; None for all.
        concurrency: simultaneous connections.
        allow_private_hosts: whether URLs may lead to private networks or to this machine.
        recheck: ask again for images that were missing at their source.
        shard: ``I/N``: one of N parts that several workers share; empty for all.
        progress: called with the share done and a label.
        policy: how hard to try; its ``concurrency`` is replaced by the one above.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was moved.
        SetupError: the store cannot be used, or another run holds this job; what was moved stays.
    """
    options = Options(limit, concurrency, allow_private_hosts, recheck, shard, policy)
    faults: list[Fault] = []
    root = upload_root(media_root, faults)
    return _run(
        checked_request("uploading", annotations, split, FROM_URLS, root, options, faults), progress
    )


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
    policy: Policy | None = None,
    progress: Progress = silent,
) -> TransferResult:
    """Brings the images of a catalog to a folder, from their URLs or from a bucket.

    Args:
        annotations: COCO file that lists the images, or several, each on a line.
        split: names the folder, ``<destination>/<split>_images``.
        destination: a folder.
        source: ``urls``, or ``gs://bucket/prefix`` that holds ``<split>_images``.
        limit: as for ``upload_images``, like all that follow.
        concurrency: likewise.
        allow_private_hosts: likewise; a bucket is always allowed.
        recheck: likewise.
        shard: likewise.
        policy: likewise.
        progress: likewise.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was moved.
        SetupError: a store cannot be used, or another run holds this job; what was moved stays.
    """
    options = Options(limit, concurrency, allow_private_hosts, recheck, shard, policy)
    faults: list[Fault] = []
    root = download_root(destination, faults)
    source = download_source(source, faults)
    return _run(
        checked_request("downloading", annotations, split, source, root, options, faults), progress
    )


def upload_root(media_root: str, faults: list[Fault]) -> str:
    """The root that an upload fills, in standard spelling; its faults go to ``faults``."""
    root = checked_root(media_root, "media_root", faults)
    if not media_root:
        faults.append(Fault("media_root", "name a folder or gs://bucket/prefix"))
    elif root and not root.startswith(GCS) and (problem := folder_problem(root)):
        faults.append(Fault("media_root", problem))
    return root


def download_root(destination: str, faults: list[Fault]) -> str:
    """The folder that a download fills, likewise."""
    root = checked_root(destination, "destination", faults)
    if not destination or root.startswith(GCS):
        faults.append(Fault("destination", "name a folder; upload_images is what fills buckets"))
    elif root and (problem := folder_problem(root)):
        faults.append(Fault("destination", problem))
    return root


def download_source(source: str, faults: list[Fault]) -> str:
    """``urls``, or the root of the bucket that a download reads, likewise."""
    if source == FROM_URLS:
        return source
    root = checked_root(source, "source", faults)
    if not root.startswith(GCS):
        faults.append(Fault("source", "is neither urls nor gs://bucket/prefix"))
    return root


def _run(request: Request, progress: Progress) -> TransferResult:
    began = time.monotonic()
    tally = Tally(request.verb, len(request.images))
    asked = request.policy.concurrency
    connections = affordable_connections(asked)
    notes: tuple[str, ...] = ()
    if connections < asked:
        request = replace(request, policy=replace(request.policy, concurrency=connections))
        few = f"{counted(connections, 'connection', 'connections')} instead of {asked:,}"
        notes = (f"{few}: this machine allows no more open files (ulimit -Hn tells how many)",)
    with open_ledger(request.job, request.sources) as ledger:
        try:
            with lasting_objects_skipped():
                run_reporting(_move(request, ledger, tally), lambda: progress(*tally.report()))
        finally:
            not_stored = write_not_stored(
                ledger, ((image.name, loggable_url(image.url)) for image in request.images)
            )
    result = TransferResult(
        total=tally.total,
        **{outcome: tally.counts[outcome] for outcome in OUTCOMES},
        bytes=tally.bytes,
        seconds=round(time.monotonic() - began, 3),
        ledger=str(ledger.path),
        notes=notes,
    )
    counts = ", ".join(f"{getattr(result, outcome):,} {outcome}" for outcome in OUTCOMES)
    summary = f"{counted(result.total, 'image', 'images')}: {counts}"
    if result.stored + result.present < result.total:
        summary += f"; the others are listed in {not_stored}"
    progress(1.0, summary)
    return result


async def _move(request: Request, ledger: Ledger, tally: Tally) -> None:
    connections = request.policy.concurrency
    folder = images_folder(request.job.split)
    async with AsyncExitStack() as stack:
        store: Store
        if request.job.destination.startswith(GCS):
            store = bucket = GcsStore(request.job.destination, connections)
            await stack.enter_async_context(bucket)
            await bucket.require(CREATE)
        else:
            store = files = await stack.enter_async_context(FolderStore(request.job.destination))
            await files.sweep(folder)
        source: Source
        if request.job.source == FROM_URLS:
            source = UrlSource(connections, request.options.allow_private_hosts)
            await stack.enter_async_context(source)
            sources = request.sources
            items = (
                Item(image.name, image.url, source=sources[image.name]) for image in request.images
            )
        else:
            source = bucket = GcsStore(request.job.source, connections)
            await stack.enter_async_context(bucket)
            await bucket.require(GET)
            listing = await bucket.listing(folder)
            items = (
                Item(
                    image.name,
                    f"{folder}/{image.name}",
                    Digest(there.size, there.crc32c)
                    if (there := listing.get(image.name)) and there.crc32c
                    else None,
                )
                for image in request.images
            )
        transfer = Transfer(
            source, store, folder, ledger, tally, request.policy, request.options.recheck
        )
        await transfer.run(items)


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
