"""Hashes a large file in one pass, and checks an archive's bytes against its own checksums."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fathomnet_voxel51.errors import Fault
from fathomnet_voxel51.progress import Progress, silent, throttled

_CHUNK: Final = 4 * 1024**2
_LOCAL_HEADER: Final = 30
"""Bytes of a ZIP member's header before its name, its extra field and its content."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    start: int
    end: int
    checksum: int


class _Checksums:
    """Compares an archive's members with their CRC-32 while its bytes pass in order."""

    def __init__(self, members: list[_Member]) -> None:
        self._members = sorted(members, key=lambda member: member.start)
        self._next = 0
        self._running = 0
        self.damaged: list[Fault] = []

    def take(self, position: int, chunk: memoryview) -> None:
        end = position + len(chunk)
        while self._next < len(self._members) and self._members[self._next].start < end:
            member = self._members[self._next]
            part = chunk[max(member.start - position, 0) : max(member.end - position, 0)]
            self._running = zlib.crc32(part, self._running)
            if member.end > end:
                return
            # Zero stands for none: torch can be told to leave checksums out.
            if member.checksum and self._running != member.checksum:
                problem = f"bytes {member.start:,} to {member.end:,} do not match their checksum"
                self.damaged.append(Fault(member.name, problem))
            self._next, self._running = self._next + 1, 0


def sha256_of(path: Path, progress: Progress = silent) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Args:
        path: the file.
        progress: called with the share done and a label.
    """
    digest = hashlib.sha256()
    for _, chunk in _chunks(path, progress):
        digest.update(chunk)
    return digest.hexdigest()


def checked_sha256(path: Path, progress: Progress = silent) -> tuple[str, list[Fault]]:
    """The SHA-256 of an archive, and those members whose bytes were changed.

    One pass does both, because on a network file system it is reading that takes time.

    Args:
        path: a ZIP archive whose members are stored, not compressed.
        progress: called with the share done and a label.

    Returns:
        The hash in hexadecimal, and a fault for each damaged member.
    """
    checksums = _Checksums(_members(path))
    digest = hashlib.sha256()
    for position, chunk in _chunks(path, progress):
        digest.update(chunk)
        checksums.take(position, chunk)
    return digest.hexdigest(), checksums.damaged


def _chunks(path: Path, progress: Progress) -> Iterator[tuple[int, memoryview]]:
    report = throttled(progress)
    buffer = memoryview(bytearray(_CHUNK))
    total = max(path.stat().st_size, 1)
    position = 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield position, buffer[:count]
            position += count
            report(position / total, f"reading {path.name}, {position / 1e9:.1f} GB")


def _members(path: Path) -> list[_Member]:
    members = []
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for each in archive.infolist():
            # The list has an extra field of its own; only the member's tells where it begins.
            file.seek(each.header_offset)
            fields = file.read(_LOCAL_HEADER)
            name, extra = (int.from_bytes(fields[at : at + 2], "little") for at in (26, 28))
            start = each.header_offset + _LOCAL_HEADER + name + extra
            members.append(_Member(each.filename, start, start + each.file_size, each.CRC))
    return members
