"""Cuts a large array into blocks of rows, so that results stay in the processor's cache.

With all rows at once, each step of a calculation would pass through main memory and need several
times the array's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

ROWS: Final = 4_096


def row_blocks(rows: int) -> Iterator[slice]:
    """Slices of consecutive rows, at least one.

    Examples:
        >>> list(row_blocks(5_000))
        [slice(0, 4096, None), slice(4096, 8192, None)]
    """
    for start in range(0, max(rows, 1), ROWS):
        yield slice(start, start + ROWS)
