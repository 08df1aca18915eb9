"""Packs vectors into the bytes that FiftyOne stores: numpy's own file format inside zlib."""

from __future__ import annotations

import io
import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError

AS_THEY_ARE: Final = 0
"""zlib's level for embeddings, which look random and would hardly become a tenth smaller."""


class VectorPacker:
    """Packs rows of a matrix as stored vectors.

    The file's header is the same for every row, so it is made only once.

    Args:
        matrix: (N, D), N at least 1; kept as float32.
        level: zlib's compression level, -1 for its default; FiftyOne reads any.
    """

    def __init__(self, matrix: npt.NDArray[np.float32], level: int = -1) -> None:
        self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        self._level = level
        sample = io.BytesIO()
        np.save(sample, self._matrix[0], allow_pickle=False)
        self._header = sample.getvalue()[: -self._matrix[0].nbytes]

    def stored(self, row: int) -> bytes:
        """The bytes of one row."""
        return zlib.compress(self._header + self._matrix[row].tobytes(), self._level)


class VectorUnpacker:
    """Builds a matrix from stored vectors, the first of which sets their length."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._header = b""
        self._dimensions = 0

    def add(self, stored: bytes) -> None:
        """Appends the vector of a document.

        Raises:
            DatasetError: its length differs from that of the vectors before it.
        """
        raw = zlib.decompress(stored)
        if self._header and raw.startswith(self._header):
            self._rows += memoryview(raw)[len(self._header) :]
            return
        self.add_array(np.load(io.BytesIO(raw), allow_pickle=False))
        if raw.endswith(self._rows[-4 * self._dimensions :]):
            self._header = raw[: -4 * self._dimensions]

    def add_array(self, vector: npt.ArrayLike) -> None:
        """Appends a vector that is already an array; raises the same errors."""
        row = np.asarray(vector, dtype=np.float32)
        self._dimensions = self._dimensions or row.size
        if row.ndim != 1 or row.size != self._dimensions:
            raise DatasetError(
                f"a vector of shape {row.shape} stands beside others of {self._dimensions} numbers"
            )
        self._rows += row.tobytes()

    def matrix(self) -> npt.NDArray[np.float32]:
        """All vectors, (N, D), C-contiguous; (0, 0) without any."""
        rows = np.frombuffer(self._rows, dtype=np.float32)
        return rows.reshape(-1, self._dimensions) if self._dimensions else rows.reshape(0, 0)
