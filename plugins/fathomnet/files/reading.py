"""Reads a file that a user brought: its bytes, its hash and its text."""

import codecs
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..errors import Fault, InputError
from ..text import shortened
from .places import Place, is_there, place

# UTF-32 stands first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PARQUET_MARK: Final = b"PAR1"

_PACKED: Final = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
)
_BINARY: Final = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (PARQUET_MARK, "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"\x89HDF", "an HDF5 file"),
    *((bytes([0x80, version]), "a pickle of Python") for version in (2, 3, 4, 5)),
)
_IN_TAR: Final = slice(257, 262)
LARGEST: Final = 4 << 30
"""Bytes; several hundred times the annotations of FathomNet 2025, and still fits in memory."""

LONGEST_REASON: Final = 200
"""Characters of what a library says of a damaged file."""

BLOCK: Final = 4 << 20
"""Bytes of a large file that are read at a time."""

_SAVE_AS_UTF8 = "Save the file again as UTF-8 (in a spreadsheet: 'CSV UTF-8') and try once more."


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file in memory.

    Attributes:
        subject: the path as the user gave it, for messages.
        name: the file's name without its folder.
        content: its bytes.
        sha256: hash of its bytes, in hexadecimal.
    """

    subject: str
    name: str
    content: bytes
    sha256: str


def read_source(path: str | Place) -> SourceFile:
    """Reads a whole file, of this machine or of a bucket (``gs://``).

    Raises:
        InputError: the path is empty, does not exist or is a folder; or the file is empty, too
            large to be held in memory, or cannot be read.
    """
    subject = str(path) or "(no path)"
    try:
        file = place(path)
        # A text too long for a path of this machine leads nowhere; a bucket says why it does not.
        there = is_there(file) if isinstance(file, Path) else file.exists()
        if not str(path) or not there:
            raise _refused(subject, "there is no such file", "Check the path.")
        if not file.is_file():
            raise _refused(subject, "is not a file", "Name the file itself.")
        size = file.stat().st_size
        if size > LARGEST:
            problem = f"has {size:,} bytes, and at most {LARGEST:,} are read"
            raise _refused(subject, problem, "Divide it into several files.")
        content = file.read_bytes()
    except OSError as error:
        raise _refused(subject, f"cannot be read: {error.strerror}", "Check its rights.") from error
    if not content:
        raise _refused(subject, "is empty (0 bytes)", "Fetch or export the file again.")
    return SourceFile(subject, file.name, content, hashlib.sha256(content).hexdigest())


@contextmanager
def parquet_of(source: SourceFile, advice: str) -> Iterator[Any]:
    """Opens a Parquet file in memory; that it is damaged is said wherever it shows.

    Args:
        source: the file.
        advice: what the error says that the file should be.

    Yields:
        A ``pyarrow.parquet.ParquetFile``.

    Raises:
        InputError: the file is damaged, as far as it is read within.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        yield pq.ParquetFile(pa.BufferReader(source.content))
    # A damaged file also ends in plain errors of the language, for its names are read as text.
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = shortened(str(error).partition("\n")[0], LONGEST_REASON)
        problem = f"is a damaged or cut off Parquet file ({reason})"
        raise InputError(source.subject, [Fault("file", problem)], advice) from None


def blocks(path: Path) -> Iterator[memoryview]:
    """Reads a large file piece by piece; each piece is only valid until the next one is read.

    Raises:
        OSError: the file cannot be read.
    """
    buffer = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield buffer[:count]


def sha256_of(pieces: Iterable[bytes | memoryview]) -> str:
    """The SHA-256 of bytes that come in pieces, in hexadecimal.

    Examples:
        >>> sha256_of([b"deep ", b"sea"]) == sha256_of([b"deep sea"])
        True
    """
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def decode(source: SourceFile) -> str:
    """Decodes a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Raises:
        InputError: the file has a binary format or another encoding; the message names the line
            and the byte at which decoding fails.
    """
    content = source.content
    packed = next((kind for mark, kind in _PACKED if content.startswith(mark)), "")
    packed = packed or ("a tar archive" if content[_IN_TAR] == b"ustar" else "")
    if packed:
        advice = "Unpack it, or export it as plain text."
        raise _refused(source.subject, f"is {packed}, not text", advice)
    for mark, kind in _BINARY:
        if content.startswith(mark):
            raise _refused(source.subject, f"is {kind}, not text", "Export it as plain text.")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f"line {line:,}, byte {error.start:,}"
        named = encoding.removesuffix("-sig").upper()
        problem = f"0x{content[error.start]:02x} is not valid {named}"
        if encoding == "utf-8":
            problem += "; the file may be Latin-1 or Windows-1252"
        raise InputError(source.subject, [Fault(place, problem)], _SAVE_AS_UTF8) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        problem = "holds a NUL character: UTF-16 without a byte order mark, or not text at all"
        raise InputError(source.subject, [Fault(f"line {line}", problem)], _SAVE_AS_UTF8)
    return text


def _refused(subject: str, problem: str, advice: str) -> InputError:
    return InputError(subject, [Fault("file", problem)], advice)
