"""Files that have their name when all of them is written, and never before."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that gets its name at the end, and replaces what had it.

    It is made anew under a name that nobody foresees: in a folder that others may write to, a link
    that was laid beforehand is replaced, not followed.

    Args:
        path: its name at the end; the folder must be there.

    Raises:
        OSError: it cannot be written; what had the name before still has it.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file so that its name always stands for a complete content; see ``whole_file``."""
    with whole_file(path) as file:
        file.write(content)
