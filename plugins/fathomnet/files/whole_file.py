"""Files that have their name when all of them is written, and never before."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO

from .parts import lock, remove_if_abandoned


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that gets its name at the end, and replaces what had it.

    It is made anew under a name that nobody foresees: in a folder that others may write to, a link
    that was laid beforehand is replaced, not followed. What killed writers of the same file have
    left is removed.

    Args:
        path: its name at the end; the folder must be there.

    Raises:
        OSError: it cannot be written; what had the name before still has it.
    """
    for abandoned in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            remove_if_abandoned(abandoned)
    part, file = _begun(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform == "win32":
                file.close()  # it renames no file that is open
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that its name always stands for a complete content; see ``whole_file``."""
    with whole_file(path) as file:
        file.write(content)


def _begun(path: Path) -> tuple[Path, BinaryIO]:
    """A part beside its final name, locked where there are locks."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
        file = part.open("xb")
        # Between the two calls another writer may have taken it for one that nobody holds.
        if lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()
