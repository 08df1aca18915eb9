"""Writes what Google's Storage Transfer Service needs to fetch millions of images by itself.

The service takes a list of URLs, and names what it fetches by host and path. So each list has a
map from these names to those that the dataset expects; ``renaming`` applies it.
"""

import base64
import csv
import io
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from yarl import URL

from ...errors import Fault, InputError, SetupError
from ...files.safe_values import gives_away
from ...files.writing import whole_file
from ...names import CONCURRENCY, FROM_URLS, images_folder
from ..ledger import known_outcomes
from ..outcomes import RejectedError
from ..paths import GCS, checked_root
from ..request import Options, checked_request
from ..web.addresses import fetchable_url

LIST_HEADER: Final = "TsvHttpData-1.0"
LARGEST_LIST: Final = 128_000_000
"""Bytes that the service accepts in one list (cloud.google.com/storage-transfer/quotas)."""

MAP_HEADER: Final = ("transferred_name", "object_name")
RENAMING: Final = "fathomnet-voxel51 rename-transferred"
"""The command that applies a map."""

_LONGEST_NAME: Final = 1024
"""The most bytes of an object's name."""

_MD5_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class TransferObject:
    """One image for the service to fetch.

    Attributes:
        url: where it is now; empty or None if unknown.
        file_name: its name below the destination.
        size: bytes, if known.
        md5: MD5 in Base64, if known.
    """

    url: str | None
    file_name: str
    size: int | None = None
    md5: str | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that the service cannot fetch; ``upload_images`` can, or says why not.

    Attributes:
        file_name: its name below the destination.
        reason: why, without what a URL may hold in secret.
    """

    file_name: str
    reason: str


@dataclass(frozen=True, slots=True)
class TransferJob:
    """The files that were written, and the commands that use them.

    Attributes:
        lists: paths of the URL lists, in order; empty if no image can be fetched.
        rename_map: path of a CSV with the columns ``transferred_name,object_name``, both names of
            objects in the destination's bucket. One transferred object may get several names.
        urls: the number of listed URLs.
        left_out: images that are not listed, with reasons.
        commands: shell commands for a person to run, in order; the first must be completed.
    """

    lists: tuple[str, ...]
    rename_map: str
    urls: int
    left_out: tuple[LeftOut, ...]
    commands: tuple[str, ...]


@dataclass(slots=True)
class _Listed:
    """A URL of the list, and the names of the images that come from it."""

    url: str
    size: int | None
    md5: str | None
    file_names: list[str] = field(default_factory=list)

    def line(self) -> str:
        """The line that the service reads; the size is optional, and MD5 requires a size."""
        known = [value for value in (self.size, self.size and self.md5) if value]
        return "\t".join(map(str, (self.url, *known))) + "\n"


def write_transfer_job(
    items: Iterable[TransferObject], folder: str | Path, stem: str, destination: str
) -> TransferJob:
    """Writes URL lists and a map of names; files of an earlier job with the same stem are replaced.

    All names are held in memory, about 0.7 kB per image, because the lists are sorted.

    Args:
        items: the images.
        folder: where the files go; it must exist.
        stem: the beginning of their names, such as ``train_images``.
        destination: the images get their file names below it: ``gs://bucket/prefix/train_images``.

    Raises:
        InputError: the destination is not in a bucket; nothing was written.
        SetupError: the files cannot be written.
    """
    bucket, _, images = destination.removeprefix(GCS).strip("/").partition("/")
    if not destination.startswith(GCS) or not bucket or not images:
        problem = f"{destination!r} is not gs://bucket/folder"
        raise InputError("a transfer job", [Fault("destination", problem)])
    # Beside the images' folder, so that what has no name yet is not taken for an image.
    staging = "/".join([*images.split("/")[:-1], "transfer", stem])
    left_out: list[LeftOut] = []
    listed = _listed(items, staging, images, left_out)
    names = sorted(listed, key=lambda name: listed[name].url)
    folder = Path(folder)
    try:
        lists = _write_lists(folder, stem, (listed[name].line() for name in names))
        rename_map = folder / f"{stem}.renames.csv"
        with _text_file(rename_map) as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(MAP_HEADER)
            for name in names:
                for file_name in listed[name].file_names:
                    table.writerow([f"{staging}/{name}", f"{images}/{file_name}"])
    except OSError as error:
        raise SetupError(
            f"the lists cannot be written to {folder}: {error.strerror or error}. Make room or "
            "choose another folder."
        ) from error
    commands = _commands(lists, rename_map, bucket, staging)
    return TransferJob(
        tuple(map(str, lists)), str(rename_map), len(names), tuple(left_out), commands
    )


def _listed(
    items: Iterable[TransferObject], staging: str, images: str, left_out: list[LeftOut]
) -> dict[str, _Listed]:
    """Each URL once, by the name that the service will give to its object."""
    listed: dict[str, _Listed] = {}
    for item in items:
        try:
            address = _transferable(item.url)
            name = f"{address.raw_host}{address.raw_path}"
            for whole in (f"{staging}/{name}", f"{images}/{item.file_name}"):
                if len(whole.encode()) > _LONGEST_NAME:
                    raise RejectedError(
                        f"the name of its object would exceed {_LONGEST_NAME} bytes"
                    )
            size, md5 = item.size or None, item.md5
            try:
                if len(base64.b64decode(md5 or "", validate=True)) != _MD5_BYTES:
                    md5 = None
            except ValueError:
                md5 = None
            entry = listed.setdefault(name, _Listed(str(address), size, md5))
            if entry.url != str(address):
                raise RejectedError(f"it would get the same name, {name}, as another URL")
        except RejectedError as error:
            left_out.append(LeftOut(item.file_name, error.reason))
            continue
        if (entry.size, entry.md5) != (size, md5):
            entry.size = entry.md5 = None  # they contradict one another, so fetch it unchecked
        entry.file_names.append(item.file_name)
    return listed


def _transferable(url: str | None) -> URL:
    """The URL as it appears in a list.

    Raises:
        RejectedError: the service cannot fetch it, or would give it an unpredictable name.
    """
    if not url:
        raise RejectedError("no URL")
    address = fetchable_url(url)
    if address.raw_query_string:
        if gives_away(url):
            raise RejectedError("a URL with a signature or token, which a list would give away")
        raise RejectedError("a URL with a query: how the service names what it finds is not known")
    if address.raw_path.endswith("/"):
        raise RejectedError("a URL without a file name at its end")
    return address


def _write_lists(folder: Path, stem: str, lines: Iterable[str]) -> list[Path]:
    """Writes as many lists as it takes, and removes further lists of an earlier job."""
    paths = []
    for number, part in enumerate(_in_lists(lines), 1):
        path = folder / f"{stem}.urls-{number}.tsv"
        with _text_file(path) as file:
            file.write(f"{LIST_HEADER}\n")
            file.writelines(part)
        paths.append(path)
    pattern = re.compile(re.escape(stem) + r"\.urls-[0-9]+\.tsv")
    for path in folder.iterdir():
        if pattern.fullmatch(path.name) and path not in paths:
            path.unlink()
    return paths


def _in_lists(lines: Iterable[str]) -> Iterator[Iterator[str]]:
    """Groups the lines so that no group with its header exceeds the size of a list."""
    waiting = iter(lines)
    line = next(waiting, "")

    def group() -> Iterator[str]:
        nonlocal line
        room = LARGEST_LIST - len(LIST_HEADER) - 1
        while line and len(line) <= room:  # lines are ASCII only
            room -= len(line)
            yield line
            line = next(waiting, "")

    while line:
        yield group()


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    """A text file that gets its name once it is complete."""
    with whole_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()


def _commands(
    lists: Iterable[Path], rename_map: Path, bucket: str, staging: str
) -> tuple[str, ...]:
    """The commands for a person to run; the flags are those of gcloud 528."""
    lists = tuple(lists)
    if not lists:
        return ()
    commands = ["SIGNER=NAME@PROJECT.iam.gserviceaccount.com"]
    remote = [f"{GCS}{bucket}/{staging}.lists/{path.name}" for path in lists]
    for path, copy in zip(lists, remote, strict=True):
        # A signed URL lets the service read the list and keeps the bucket private. gcloud takes
        # gs:// for a bucket to copy from, although the service itself would take it for a list.
        signed = (
            f"gcloud storage sign-url {shlex.quote(copy)} --duration=12h "
            '--impersonate-service-account="$SIGNER" --format="value(signed_url)"'
        )
        description = shlex.quote(f"FathomNet images: {path.stem}")
        commands += [
            f"gcloud storage cp {shlex.quote(str(path))} {shlex.quote(copy)}",
            f'gcloud transfer jobs create "$({signed})" {shlex.quote(f"{GCS}{bucket}/{staging}/")} '
            f"--description={description} --overwrite-when=different "
            "--log-actions=copy --log-action-states=failed --no-async",
        ]
    whole_bucket = shlex.quote(f"{GCS}{bucket}")
    commands += [
        f"{RENAMING} {shlex.quote(str(rename_map))} {whole_bucket}",
        f"gcloud storage rm {' '.join(map(shlex.quote, remote))}",
    ]
    return tuple(commands)


def emit_transfer_job(
    annotations: str,
    split: str,
    media_root: str,
    limit: int | None = None,
    shard: str = "",
) -> TransferJob:
    """Writes the lists with which Google's Storage Transfer Service moves the images by itself.

    Sizes and checksums are those that earlier runs have seen. Nothing is moved.

    Args:
        annotations: COCO file that lists the images, or several, each on a line.
        split: names the folder, ``<media_root>/<split>_images``.
        media_root: ``gs://bucket/prefix``.
        limit: take the first so many images; None for all.
        shard: ``I/N``: one of N parts; empty for all.

    Raises:
        InputError: the catalog or a parameter is wrong; nothing was written.
    """
    options = Options(limit, CONCURRENCY, False, False, shard, None)
    faults: list[Fault] = []
    root = job_root(media_root, faults)
    request = checked_request("listing", annotations, split, FROM_URLS, root, options, faults)
    known = known_outcomes(root, split, request.job.annotations_sha256, request.sources)

    def objects() -> Iterator[TransferObject]:
        for image in request.images:
            entry = known.get(image.name)
            size, md5 = (entry.bytes, entry.md5) if entry else (None, None)
            yield TransferObject(image.url, image.name, size, md5)

    folder = request.job.ledger.parent
    folder.mkdir(parents=True, exist_ok=True)
    destination = f"{root}/{images_folder(split)}"
    return write_transfer_job(objects(), folder, request.job.ledger.stem, destination)


def job_root(media_root: str, faults: list[Fault]) -> str:
    """The root that the service fills, in standard spelling; its faults go to ``faults``."""
    root = checked_root(media_root, "media_root", faults)
    if not root.startswith(GCS):
        faults.append(Fault("media_root", "the service fills buckets: name gs://bucket/prefix"))
    return root
