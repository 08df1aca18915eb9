"""Keeps the outcome of every image of a transfer on disk: append-only, readable, safe from kills.

A ledger is a file of JSON lines. The first line names the job; each further line is one entry, and
of several entries with one name the last counts. Each line is a single write, so a process that is
killed leaves at most one incomplete line at the end, which is cut off when the file is reopened.

An entry holds for its image's URL. When the annotations file was corrected the ledger goes on with
a line that names the new file: what is listed with the same name and URL need not move again. A
split of several files has one ledger, whichever of them are named together or one after the other.
"""

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from hashlib import blake2b
from io import StringIO
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..errors import Fault, InputError, SetupError
from ..files.writing import spreadsheet_cell, write_whole
from ..names import SPLITS, images_folder
from ..resources import kept_in
from .outcomes import Outcome
from .paths import GCS
from .store import Digest

FORMAT: Final = "fathomnet-voxel51 transfer ledger"
VERSION: Final = 2
VERSIONS: Final = (1, VERSION)
"""Those that are read; entries of the first do not say for which URL they hold."""
HOME_VARIABLE: Final = "FATHOMNET_LEDGERS"
"""Environment variable: folder of the ledgers for buckets; else one below ``FATHOMNET_HOME``."""

_GCS: Final = "gs://"
_FOLDER: Final = "ledgers"
_IN_PLACE: Final = "the folder that holds this ledger"
_GOES_ON: Final = ({"annotations_sha256", "time"}, {"annotations_sha256", "time", "files"})
_UNKNOWN_SOURCE: Final = "?"
_SIGNATURE: Final = re.compile(
    r"(x-(goog|amz)-.*|googleaccessid|awsaccesskeyid|key-pair-id|expires|signature|sig|token"
    r"|policy|s[eprtv]|sks?|ske|skt)=.*",
    re.IGNORECASE,
)
"""What signs a URL for some hours, and says nothing of the image."""

State = Outcome | Literal["sending"]
"""An outcome, or ``sending``: the image is known to be whole and its last bytes are under way."""

_STATES: Final = frozenset(get_args(Outcome)) | {"sending"}


@dataclass(frozen=True, slots=True)
class Job:
    """The job that a ledger belongs to; a ledger of another job is refused.

    Attributes:
        split: the split whose images move.
        annotations_sha256: hash of the COCO file that lists them.
        source: ``urls``, or the bucket from which the images come.
        destination: the root of the store to which they go.
        shard: label of the part of the split, empty for all of it.
        files: of several COCO files, the hash of each; ``annotations_sha256`` stands for all.
    """

    split: str
    annotations_sha256: str
    source: str
    destination: str
    shard: str = ""
    files: tuple[str, ...] = ()

    @property
    def ledger(self) -> Path:
        """The path of this job's ledger: beside the images or, for a bucket, in the home."""
        name = images_folder(self.split)
        if self.source.startswith(_GCS):
            name += ".from-bucket"
        if self.shard:
            name += f".{self.shard}"
        return ledgers_of(self.destination) / f"{name}.jsonl"

    def header(self) -> dict[str, Any]:
        """The first line of the ledger."""
        values = asdict(self)
        if not self.files:
            del values["files"]
        if not self.destination.startswith(_GCS):
            # The folder may be moved or mounted elsewhere, and its ledger with it.
            values["destination"] = _IN_PLACE
        return {"format": FORMAT, "version": VERSION, **values}

    def line(self) -> bytes:
        """The header as it is written."""
        return _line(self.header())


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known about one image.

    Attributes:
        name: the image's file name in the catalog.
        outcome: what became of it, or ``sending``.
        reason: why it is not stored, in plain words; of a stored one what is to be known of it.
        bytes: size of the stored object.
        crc32c: CRC-32C of the stored object, in Base64.
        md5: MD5 of the stored object in Base64, where the store computes it.
        generation: version of the stored object, see ``store.StoredObject``; of an image that is
            not stored, the version of one from another URL that has its name.
        source: which URL the entry is about, see :func:`source_of`; empty where images come from
            a bucket, and in ledgers of version 1.
        attempts: the number of attempts in the run that wrote the entry.
        time: when, UTC, ISO 8601.
    """

    name: str
    outcome: State
    reason: str = ""
    bytes: int | None = None
    crc32c: str | None = None
    md5: str | None = None
    generation: int | None = None
    attempts: int = 0
    time: str = ""
    source: str = ""

    @property
    def digest(self) -> Digest | None:
        """The digest of the image's bytes, if all of them were seen."""
        if self.bytes is None or self.crc32c is None:
            return None
        return Digest(self.bytes, self.crc32c)


_KEYS: Final = frozenset(field.name for field in fields(Entry))
_BLANK: Final = {field.name: field.default for field in fields(Entry)}


def ledgers_of(root: str) -> Path:
    """The folder of a store's ledgers.

    Args:
        root: ``gs://bucket/prefix`` or a folder.
    """
    if not root.startswith(_GCS):
        return Path(root) / _FOLDER
    return kept_in(_FOLDER, HOME_VARIABLE) / root.removeprefix(_GCS)


def source_of(url: str) -> str:
    """A short hash by which a ledger tells whether an image's URL was corrected.

    Login, fragment and signature do not count: they change while the image stays.

    Examples:
        >>> signed = "https://ocean.example/1.png?X-Goog-Signature=ab12"
        >>> source_of(signed) == source_of("https://ocean.example/1.png")
        True
        >>> source_of("https://ocean.example/2.png") == source_of("https://ocean.example/1.png")
        False
    """
    address, _, query = url.partition("#")[0].partition("?")
    address = re.sub(r"^([^/]*//)[^/]*@", r"\1", address)
    named = [part for part in query.split("&") if part and not _SIGNATURE.fullmatch(part)]
    text = "?".join([address, *filter(None, ["&".join(named)])])
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def line_of(entry: Entry) -> bytes:
    """An entry as it is written, without empty values."""
    values = {name: getattr(entry, name) for name in _BLANK}
    shown = {name: value for name, value in values.items() if value != _BLANK[name]}
    return _line({"time": entry.time, **shown})


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def read_lines(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The header and the last entry of each name; an incomplete last line is skipped.

    The header names the annotations file with which the ledger went on last, and in ``files`` all
    whose images it is about.

    Raises:
        InputError: a line is not a line of a ledger, or is of another version.
    """
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    if not lines:
        return {}, {}
    header = _record(path, 1, lines[0])
    if header.get("format") != FORMAT:
        raise damaged_line(path, 1, f"does not begin with the words {FORMAT!r}: it is not a ledger")
    if header.get("version") not in VERSIONS:
        problem = f"version {header.get('version')!r}; this program reads {VERSION} and older"
        raise InputError(
            str(path),
            [Fault("line 1", problem)],
            "Use the program that wrote it, or move the ledger away to begin a new one: what is "
            "stored is then compared with its source once.",
        )
    header["files"] = _files(header)
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines[1:], 2):
        values = _record(path, number, line)
        if values.keys() in _GOES_ON:
            entries = _going_on(header, entries, values)
            continue
        if not values.keys() <= _KEYS or values.get("outcome") not in _STATES:
            raise damaged_line(path, number, "is not a ledger entry")
        entry = Entry(**values) if "name" in values else None
        if entry is None or not isinstance(entry.name, str):
            raise damaged_line(path, number, "names no image")
        entries[entry.name] = entry
    return header, entries


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        values = json.loads(line)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise damaged_line(path, number, "is not a JSON object")
    return values


def damaged_line(path: Path, number: int, problem: str) -> InputError:
    """The error for a line that cannot be read."""
    return InputError(
        str(path),
        [Fault(f"line {number:,}", problem)],
        "Move the ledger away to begin a new one: what is stored is then compared with its "
        "source once.",
    )


def _files(values: Mapping[str, Any]) -> list[str]:
    """The hashes of the files that a header, or a line with which a ledger goes on, names."""
    return list(map(str, values.get("files") or [values.get("annotations_sha256")]))


def _going_on(
    header: dict[str, Any], entries: dict[str, Entry], values: Mapping[str, Any]
) -> dict[str, Entry]:
    """The entries from a line on that names the annotations file anew; the header follows.

    Where it keeps all files of before nothing was corrected; else nothing without a URL holds.
    """
    before = header["files"]
    header |= {"annotations_sha256": values["annotations_sha256"], "files": _files(values)}
    if set(before) <= set(header["files"]) or str(header.get("source", "")).startswith(_GCS):
        return entries
    return {
        name: entry if entry.source else replace(entry, source=_UNKNOWN_SOURCE)
        for name, entry in entries.items()
    }


def refuse_other_job(
    path: Path,
    header: dict[str, Any],
    entries: Mapping[str, Entry],
    job: Job,
    sources: Mapping[str, str],
) -> None:
    """Refuses a ledger that is not a job's, unless only its annotations files are others.

    A file is a correction of another if, of the images that the ledger knows by name, at least
    half have kept their URLs; otherwise it is of another set, whose images may have the same names.
    A file of which the ledger knows no name is a further one of the split, unless its images were
    moved as those of another split.

    Args:
        path: the ledger.
        header: its header.
        entries: its entries.
        job: the job.
        sources: the job's images by name, each with its :func:`source_of`.

    Raises:
        InputError: with each part of the job that differs.
    """
    wanted = job.header()
    wanted.pop("files", None)
    wanted["version"] = header["version"]
    common = entries.keys() & sources.keys()
    same = sum(entries[name].source == sources[name] for name in common)
    known, files = set(header["files"]), set(_files(job.header()))
    fits = known <= files or files <= known or not entries or 2 * same >= len(common) > 0
    is_further = not fits and not common and bool(sources)
    other = _other_split(job, sources) if is_further else ""
    if fits or (is_further and not other):
        wanted["annotations_sha256"] = header.get("annotations_sha256")
    faults = [
        Fault(key, f"is {header.get(key)!r} in the ledger, and {value!r} in this run")
        for key, value in wanted.items()
        if header.get(key) != value
    ]
    if other:
        faults.append(Fault("split", f"these images were moved as those of the {other} split"))
    elif faults and wanted["annotations_sha256"] != header.get("annotations_sha256"):
        number = f"of {len(common):,} images with names that the ledger knows, {same:,} are known"
        faults.append(Fault("images", f"{number} to have kept their URLs; half would do"))
    if faults:
        raise InputError(
            f"ledger {path} is of another job",
            faults,
            "Choose another destination, or move the ledger away to begin a new one: what is "
            "stored is then compared with its source once.",
        )


def _other_split(job: Job, sources: Mapping[str, str]) -> str:
    """The split as whose images most of a job's were moved to the same root; empty if none."""
    files = set(_files(job.header()))
    for split in SPLITS:
        for path in ledgers_about(job.destination, split) if split != job.split else ():
            with suppress(InputError):
                header, entries = read_lines(path, path.read_bytes())
                common = entries.keys() & sources.keys()
                same = sum(entries[name].source == sources[name] for name in common)
                if files & set(header.get("files", ())) or 2 * same >= len(sources):
                    return split
    return ""


__all__ = [
    "Entry",
    "Job",
    "Ledger",
    "known_outcomes",
    "ledgers_about",
    "not_stored_list",
    "open_ledger",
    "source_of",
    "write_not_stored",
]


_SETTLED: Final[Mapping[str, Entry]] = {
    outcome: Entry("", outcome) for outcome in ("stored", "present")
}


class Ledger:
    """The ledger of a running job; see :func:`open_ledger`.

    Attributes:
        path: the file.
        entries: the latest entry of each image, as the file had it when it was opened; for images
            that this run has stored or found, only the outcome.
    """

    def __init__(self, path: Path, descriptor: int, entries: dict[str, Entry]) -> None:
        self.path = path
        self.entries = entries
        self._descriptor = descriptor

    def record(self, entry: Entry) -> None:
        """Appends an entry, with the time filled in.

        Raises:
            SetupError: the disk is full, or the file can no longer be written.
        """
        entry = replace(entry, time=datetime.now(timezone.utc).isoformat(timespec="seconds"))
        _append(self._descriptor, line_of(entry), self.path)
        # Nobody asks again about what is stored, and there may be a million of it.
        self.entries[entry.name] = _SETTLED.get(entry.outcome, entry)


@contextmanager
def open_ledger(job: Job, sources: Mapping[str, str] | None = None) -> Iterator[Ledger]:
    """Opens or creates a job's ledger; only one process at a time may hold it.

    Args:
        job: the job.
        sources: its images by name, each with its :func:`source_of`; by them the ledger goes on
            when the annotations file was corrected.

    Raises:
        InputError: the file is not a ledger, belongs to another job, or is damaged.
        SetupError: another run holds it, or it cannot be written.
    """
    path = job.ledger
    if not job.destination.startswith(GCS) and path.parent.is_symlink():
        raise SetupError(
            f"{path.parent} is a symbolic link, and a ledger lies with its images. Put a folder of "
            "that name in its place."
        )
    descriptor = _open_locked(path)
    try:
        entries = _continue_or_begin(path, descriptor, job, sources or {})
        yield Ledger(path, descriptor, entries)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def ledgers_about(root: str, split: str) -> list[Path]:
    """The ledgers of all jobs that moved a split's images into a store."""
    found = ledgers_of(root).glob(f"{images_folder(split)}.*jsonl")
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def known_outcomes(
    root: str, split: str, annotations_sha256: str, sources: Mapping[str, str] | None = None
) -> dict[str, Entry]:
    """Merges the entries of all ledgers about a split's images in a store, shards included.

    Args:
        root: ``gs://bucket/prefix`` or a folder.
        split: the split.
        annotations_sha256: hash of the COCO file.
        sources: the file's images by name, each with its :func:`source_of`: what a ledger about
            another file says of the same name and URL counts too, and what is said of another URL
            does not. Without them, ledgers about another file are skipped.

    Returns:
        The latest entry of each image by file name; empty if nothing was transferred.

    Raises:
        InputError: a ledger is damaged.
    """
    merged: dict[str, Entry] = {}
    for path in ledgers_about(root, split):
        header, entries = read_lines(path, path.read_bytes())
        if header.get("split") != split:
            continue
        names_it = {header.get("annotations_sha256"), *header["files"]}
        is_about_it = annotations_sha256 in names_it
        for name, entry in entries.items():
            if sources is None or not entry.source:
                counts = is_about_it
            else:
                counts = entry.source == sources.get(name)
            if not counts:
                continue
            if name not in merged or merged[name].time <= entry.time:
                merged[name] = entry
    return merged


def write_not_stored(ledger: Ledger, images: Iterable[tuple[str, str]]) -> Path:
    """Writes a list of every image of a run that is not in the store, beside the ledger.

    Args:
        ledger: the run's ledger.
        images: name and source of each image of the run, the source without secrets.

    Returns:
        The path of a CSV with ``file_name,source,outcome,reason,attempts,time``; it has only its
        header if everything is stored.

    Raises:
        SetupError: the disk is full, or the file can no longer be written.
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["file_name", "source", "outcome", "reason", "attempts", "time"])
    for name, url in images:
        entry = ledger.entries.get(name)
        row: tuple[object, ...]
        if entry is None:
            row = (name, url, "", "the run ended before its turn", "", "")
        elif entry.outcome not in ("stored", "present"):
            row = (name, url, entry.outcome, entry.reason, entry.attempts, entry.time)
        else:
            continue
        table.writerow(map(spreadsheet_cell, row))
    path = not_stored_list(ledger.path)
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise SetupError(
            f"the list {path} cannot be written: {error.strerror}. Make room or see to the "
            "folder's rights, then run it again: what is stored stays."
        ) from error
    return path


def not_stored_list(ledger: str | Path) -> Path:
    """The CSV beside a ledger that lists what is not in the store."""
    return Path(ledger).with_suffix(".not-stored.csv")


def _open_locked(path: Path) -> int:
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # No link: in a folder that others may write to it could lead anywhere.
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise SetupError(
            f"the ledger {path} cannot be written: {error.strerror}. Check the folder's rights, "
            f"or for a bucket set {HOME_VARIABLE} to a folder of yours."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise SetupError(
            f"another run holds the ledger {path}: this job is being worked on already. Wait for "
            "it, or let several workers share the job with shard I/N."
        ) from None
    except OSError:
        pass  # some network file systems have no locks; the stores are safe without them
    return descriptor


def _continue_or_begin(
    path: Path, descriptor: int, job: Job, sources: Mapping[str, str]
) -> dict[str, Entry]:
    size = os.fstat(descriptor).st_size
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        content = file.read(size)
    whole = content.rfind(b"\n") + 1
    if not whole:
        if not job.line().startswith(content):
            raise damaged_line(path, 1, "is not a line of a ledger")
        os.ftruncate(descriptor, 0)
        _append(descriptor, job.line(), path)
        return {}
    header, entries = read_lines(path, content[:whole])
    refuse_other_job(path, header, entries, job, sources)
    os.ftruncate(descriptor, whole)
    known, files = header["files"], _files(job.header())
    if set(files) <= set(known):
        return entries
    if entries and entries.keys().isdisjoint(sources):
        files = [*known, *files]  # a further file of the split
    time = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line: dict[str, Any] = {"time": time, "annotations_sha256": job.annotations_sha256}
    if len(files) > 1:
        line["files"] = files
    _append(descriptor, _line(line), path)
    return _going_on(header, entries, line)


def _append(descriptor: int, line: bytes, path: Path) -> None:
    try:
        written = os.write(descriptor, line)
    except OSError as error:
        raise SetupError(f"the ledger {path} cannot be written: {error.strerror}") from error
    if written < len(line):
        raise SetupError(f"the ledger {path} cannot be written: the disk is full")
