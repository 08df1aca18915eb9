"""An error of the disk or of rights stops everything or one image, and says which."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.errors import FathomNetError, SetupError
from fathomnet_voxel51.files import writing
from fathomnet_voxel51.media.outcomes import ItemError

from tests.media.folder.jobs import NAME, Sent, ask, failing, files, put, read, write

NOBODY = 65_534


@pytest.mark.fault(
    operator="download_images",
    happens="the disk is full, read-only, over quota or fails",
    end="said in words; all stops or one image fails; no part of a file is left",
)
@pytest.mark.parametrize(
    ("number", "kind", "again"),
    [
        (errno.ENOSPC, SetupError, None),
        (errno.EDQUOT, SetupError, None),
        (errno.EROFS, SetupError, None),
        (errno.ENAMETOOLONG, ItemError, False),
        (errno.EFBIG, ItemError, False),
        (errno.EACCES, ItemError, False),
        (errno.EIO, ItemError, True),
        (errno.EMFILE, ItemError, True),
    ],
)
@pytest.mark.parametrize("call", ["open", "write", "_sync", "link"])
def test_errors_of_the_disk_stop_everything_or_one_image(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    kind: type[FathomNetError],
    again: bool | None,
) -> None:
    (root / NAME).parent.mkdir(parents=True)
    monkeypatch.setattr(writing if call == "_sync" else os, call, failing(number))
    with pytest.raises(kind) as raised:
        put(root, Sent())
    monkeypatch.undo()
    assert getattr(raised.value, "again", None) == again
    assert files(root) == {}


def test_a_root_that_is_a_file_or_below_one_is_refused_at_once(root: Path) -> None:
    write(root)
    for place in (root, root / "below/it"):
        with pytest.raises(SetupError, match=f"{root} is a file, not a folder"):
            ask(place, "listing", "test_images")


def _without_rights(answers: Any, root: Path, method: str) -> None:
    """What a user without rights hears, in a process of its own: root may do everything."""
    if os.getuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    try:
        if method == "put":
            put(root, Sent())
        elif method == "open":
            read(root)
        else:
            ask(root, method, "test_images")
    except (FathomNetError, OSError) as error:
        answers.put((type(error).__name__, getattr(error, "again", None), str(error)))
    else:
        answers.put(("nothing went wrong", None, ""))


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that others may look into, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="fathomnet-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.fault(
    operator="download_images",
    happens="there are no rights to a folder or a file",
    end="without rights to the root all stops, else one image fails",
)
@pytest.mark.parametrize(
    ("made", "locked", "mode", "method", "kind", "said"),
    [
        ("", "", 0o555, "put", "SetupError", "cannot be written to: Permission denied"),
        ("media", "media", 0o555, "put", "SetupError", "cannot be written to: Permission denied"),
        (f"media/{NAME}", "media/test_images/dive", 0o555, "put", "ItemError", f"{NAME}: Perm"),
        ("media", "media", 0o000, "listing", "SetupError", "cannot be read: Permission denied"),
        (f"media/{NAME}", f"media/{NAME}", 0o000, "open", "ItemError", "Permission denied"),
    ],
)
def test_no_rights_to_the_root_stop_everything_and_elsewhere_one_image(
    shared: Path, made: str, locked: str, mode: int, method: str, kind: str, said: str
) -> None:
    if made.endswith(".png"):
        image = write(shared / made)
        if method == "put":
            image.unlink()
    elif made:
        (shared / made).mkdir()
    for path in shared.rglob("*"):
        path.chmod(0o777)
    (shared / locked).chmod(mode)
    forking = multiprocessing.get_context("fork")
    answers = forking.SimpleQueue()
    process = forking.Process(target=_without_rights, args=(answers, shared / "media", method))
    process.start()
    answer = answers.get()
    process.join()
    assert answer[:2] == (kind, None if kind == "SetupError" else False)
    assert said in answer[2]
