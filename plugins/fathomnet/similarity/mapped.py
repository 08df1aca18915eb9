"""Which boxes or images an index is of, and their vectors mapped from a folder of the user's.

A version of an index is a folder that gets its name when it is whole, by one rename. Nothing is
lost when it is removed: the next reader makes it anew from the database.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..resources import kept_in
from .neighbours import inverse_norms

Ids = npt.NDArray[np.uint8]
"""(N, 12): ObjectIds as bytes."""

ID_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class Members:
    """The boxes or images of an index, in its order.

    Attributes:
        ids: ids of the labels or, in an index of whole images, of the samples.
        sample_ids: ids of their samples, of the same length.
    """

    ids: Ids
    sample_ids: Ids

    @property
    def digest(self) -> str:
        """A hash that distinguishes sets of members and their orders."""
        return hashlib.sha256(self.ids.tobytes() + self.sample_ids.tobytes()).hexdigest()

    def packed(self) -> dict[str, str]:
        """Packs the members as text that a run's results can hold."""
        return {"ids": _packed(self.ids), "sample_ids": _packed(self.sample_ids)}

    @classmethod
    def unpacked(cls, texts: dict[str, str]) -> Members:
        """Unpacks what ``packed`` returned."""
        return cls(_unpacked(texts["ids"]), _unpacked(texts["sample_ids"]))

    @classmethod
    def of(cls, ids: Sequence[str], sample_ids: Sequence[str]) -> Members:
        """Makes members from ids in FiftyOne's form, 24 hexadecimal digits."""
        return cls(to_bytes(ids), to_bytes(sample_ids))

    def with_others(self, others: Members) -> Members:
        """These members, followed by those of the others that are new."""
        known = set(to_text(self.ids))
        new = [row for row, one in enumerate(to_text(others.ids)) if one not in known]
        return Members(
            np.concatenate((self.ids, others.ids[new])),
            np.concatenate((self.sample_ids, others.sample_ids[new])),
        )


def to_bytes(ids: Sequence[str]) -> Ids:
    """Converts hexadecimal text to bytes, (N, 12)."""
    return np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(-1, ID_BYTES)


def to_text(ids: Ids) -> npt.NDArray[Any]:
    """Converts bytes to an array of hexadecimal text, as FiftyOne keeps ids in memory.

    Examples:
        >>> to_text(to_bytes(["64b0c1d2e3f4a5b6c7d8e9f0"])).tolist()
        ['64b0c1d2e3f4a5b6c7d8e9f0']
    """
    text = np.frombuffer(ids.tobytes().hex().encode(), dtype=f"S{2 * ID_BYTES}")
    return text.astype(f"U{2 * ID_BYTES}")


def _packed(ids: Ids) -> str:
    return base64.b64encode(zlib.compress(ids.tobytes())).decode()


def _unpacked(text: str) -> Ids:
    raw = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, ID_BYTES)


HOME_VARIABLE: Final = "FATHOMNET_INDEX_HOME"
HOME: Final = "similarity"

_ARRAYS: Final = ("matrix", "inverse", "ids", "sample_ids")
_PART: Final = ".part"
_ABANDONED_SECONDS: Final = 3_600.0
"""A part that nobody touched for this long belongs to a process that was killed."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The vectors of an index.

    Attributes:
        matrix: (N, D) float32, as stored.
        inverse: (N,) float32, one over each row's length.
        ids: (N, 12) ids of the labels or of the samples.
        sample_ids: (N, 12) ids of the samples.
    """

    matrix: npt.NDArray[np.float32]
    inverse: npt.NDArray[np.float32]
    ids: Ids
    sample_ids: Ids

    @classmethod
    def of(cls, matrix: npt.NDArray[np.float32], ids: Ids, sample_ids: Ids) -> Rows:
        """Makes rows from a matrix."""
        return cls(matrix, inverse_norms(matrix), ids, sample_ids)

    @property
    def is_sound(self) -> bool:
        """Whether the arrays fit one another."""
        size = len(self.matrix)
        return (
            self.matrix.ndim == 2
            and self.matrix.dtype == np.float32
            and self.inverse.shape == (size,)
            and self.ids.shape == self.sample_ids.shape == (size, ID_BYTES)
        )


def index_home() -> Path:
    """The folder of indexes: ``FATHOMNET_INDEX_HOME``, or one below ``FATHOMNET_HOME``."""
    return kept_in(HOME, HOME_VARIABLE)


def folder_of(dataset_id: str, brain_key: str) -> Path:
    """The folder in which this machine keeps the versions of an index."""
    return index_home() / dataset_id / brain_key


def open_version(folder: Path, version: str) -> Rows | None:
    """The rows of a version, mapped; None if it does not exist."""
    try:
        # Plain arrays over the map: numpy's own subclass costs microseconds at every use.
        arrays: dict[str, npt.NDArray[Any]] = {
            name: np.asarray(
                np.load(folder / version / f"{name}.npy", mmap_mode="r", allow_pickle=False)
            )
            for name in _ARRAYS
        }
    except (OSError, ValueError, EOFError):
        return None
    rows = Rows(**arrays)
    return rows if rows.is_sound else None


def write_version(folder: Path, version: str, rows: Rows) -> None:
    """Writes a version, and removes all others.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{secrets.token_hex(8)}{_PART}"
    part.mkdir()
    try:
        for name in _ARRAYS:
            with (part / f"{name}.npy").open("wb") as file:
                np.save(file, getattr(rows, name), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        target = folder / version
        if open_version(folder, version) is None:
            shutil.rmtree(target, ignore_errors=True)
            # Where another process was faster, its version says the same.
            with suppress(OSError):
                part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for path in folder.iterdir():
        # Another process may be writing a part: only abandoned ones go.
        with suppress(OSError):
            is_part = path.name.endswith(_PART)
            is_fresh = time.time() - path.stat().st_mtime <= _ABANDONED_SECONDS
            if path.name != version and not (is_part and is_fresh):
                shutil.rmtree(path, ignore_errors=True)


def remove_versions(folder: Path) -> None:
    """Removes this machine's copies of an index."""
    shutil.rmtree(folder, ignore_errors=True)
