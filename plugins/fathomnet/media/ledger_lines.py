"""The lines of a ledger: jobs and entries, and how they are written and read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ..errors import Fault, InputError
from ..fields import images_folder
from ..stores import Digest
from .outcomes import Outcome

FORMAT: Final = "fathomnet-voxel51 transfer ledger"
VERSION: Final = 1
HOME_VARIABLE: Final = "FATHOMNET_LEDGERS"
"""Environment variable: folder of the ledgers for buckets; ``~/.fathomnet/ledgers`` if unset."""

_GCS: Final = "gs://"
_FOLDER: Final = "ledgers"
_IN_PLACE: Final = "the folder that holds this ledger"

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
    """

    split: str
    annotations_sha256: str
    source: str
    destination: str
    shard: str = ""

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
        reason: why it is not stored, in plain words.
        bytes: size of the stored object.
        crc32c: CRC-32C of the stored object, in Base64.
        md5: MD5 of the stored object in Base64, where the store computes it.
        generation: version of the stored object, see ``stores.StoredObject``.
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
    home = os.environ.get(HOME_VARIABLE) or "~/.fathomnet/ledgers"
    return Path(home).expanduser() / root.removeprefix(_GCS)


def line_of(entry: Entry) -> bytes:
    """An entry as it is written, without empty values."""
    values = {name: getattr(entry, name) for name in _BLANK}
    shown = {name: value for name, value in values.items() if value != _BLANK[name]}
    return _line({"time": entry.time, **shown})


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def read_lines(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Entry]]:
    """The header and the last entry of each name; an incomplete last line is skipped.

    Raises:
        InputError: a line is not a line of a ledger, or is of another version.
    """
    lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
    if not lines:
        return {}, {}
    header = _record(path, 1, lines[0])
    if header.get("format") != FORMAT:
        raise damaged_line(path, 1, f"does not begin with the words {FORMAT!r}: it is not a ledger")
    if header.get("version") != VERSION:
        raise InputError(
            str(path),
            [Fault("line 1", f"version {header.get('version')!r}; this program reads {VERSION}")],
            "Use the program that wrote it, or move the ledger away to begin a new one: what is "
            "stored is then compared with its source once.",
        )
    entries: dict[str, Entry] = {}
    for number, line in enumerate(lines[1:], 2):
        values = _record(path, number, line)
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


def refuse_other_job(path: Path, header: dict[str, Any], job: Job) -> None:
    """Refuses a ledger whose header is not that of a job.

    Raises:
        InputError: with each part of the job that differs.
    """
    wanted = job.header()
    faults = [
        Fault(key, f"is {header.get(key)!r} in the ledger, and {value!r} in this run")
        for key, value in wanted.items()
        if header.get(key) != value
    ]
    if faults:
        raise InputError(
            f"ledger {path} is of another job",
            faults,
            "Choose another destination, or move the ledger away to begin a new one: what is "
            "stored is then compared with its source once.",
        )
