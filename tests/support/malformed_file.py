"""What a file that is wrong or odd is, for the tests that read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class MalformedFile:
    """A file and the promise about it.

    Attributes:
        name: what is odd about it; unique in its table.
        file_name: what the file or folder is called.
        content: its bytes, or a function that makes the file or folder at a path.
        places: fragments that the refusal must contain; () where the file is accepted.
        accepted: whether it is read; then with the images, boxes or rows of the sound file.
    """

    name: str
    file_name: str
    content: bytes | Callable[[Path], None] = field(repr=False)
    places: tuple[str, ...] = ()
    accepted: bool = False

    def write(self, folder: Path) -> Path:
        path = folder / self.file_name
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        else:
            self.content(path)
        return path
