"""The boxes or images in an index, stored with its run in the database, 12 bytes per id."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

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
