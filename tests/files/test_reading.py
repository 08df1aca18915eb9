"""A large file is hashed piece by piece, to the hash that every other tool gives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from fathomnet_voxel51.files.reading import BLOCK, blocks, sha256_of


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 7])
def test_a_hash_is_that_of_sha256sum(tmp_path: Path, size: int) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(os.urandom(size))
    printed = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True)
    assert sha256_of(blocks(file)) == printed.stdout.split()[0]
