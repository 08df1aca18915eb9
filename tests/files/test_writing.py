"""A file has its name when it is whole, and a killed writer's part goes with the next one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from fathomnet_voxel51.files.writing import whole_file, write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from fathomnet_voxel51.files.writing import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_part_whose_writer_was_killed_goes_with_the_next_writing(tmp_path: Path) -> None:
    path = tmp_path / "card[1].md"
    write_whole(path, b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 2
    write_whole(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_a_part_that_is_being_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    with whole_file(path) as file:
        file.write(b"slow")
        write_whole(path, b"fast")
        assert len(list(tmp_path.iterdir())) == 2
    assert path.read_bytes() == b"slow" and list(tmp_path.iterdir()) == [path]


def test_the_part_of_another_file_stays(tmp_path: Path) -> None:
    other = tmp_path / ".other.md.0123456789abcdef.part"
    other.write_bytes(b"")
    write_whole(tmp_path / "card.md", b"new")
    assert other.exists()
