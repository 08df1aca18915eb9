"""No name, link or folder leads out of the root."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.media.outcomes import RejectedError
from fathomnet_voxel51.media.store import StoredObject

from tests.media.folder.jobs import CONTENT, NAME, Sent, ask, files, put, read, write


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../outside.png",
        "test_images/../../outside.png",
        "test_images//1.png",
        "test_images/./1.png",
        "test_images/a\0b.png",
        "C:\\1.png",
        f"test_images/{'x' * 256}.png",
        "test_images/.1.png.0123456789abcdef.part",
    ],
)
def test_names_that_are_not_those_of_images_are_refused(root: Path, name: str) -> None:
    image = Sent()
    with pytest.raises(RejectedError) as refused:
        put(root, image, name)
    assert not refused.value.again
    assert not image.asked
    with pytest.raises(RejectedError):
        ask(root, "find", name)
    assert list(root.parent.rglob("*.p*")) == []


def test_folders_that_lead_out_are_refused_by_everything(root: Path) -> None:
    outside = root.parent / "outside"
    secret = write(outside / "1.png", CONTENT)
    root.mkdir()
    (root / "test_images").symlink_to(outside)
    (root / "up").symlink_to("..")
    status = secret.stat()
    version = StoredObject(status.st_size, generation=status.st_mtime_ns)
    for name in ("test_images/1.png", "up/outside/1.png", "test_images/new/2.png"):
        for question in (
            lambda name=name: put(root, Sent(), name),
            lambda name=name: put(root, Sent(), name, version),
            lambda name=name: ask(root, "find", name),
            lambda name=name: ask(root, "digest", name, version),
            lambda name=name: ask(root, "delete", name, version),
            lambda name=name: read(root, name),
        ):
            with pytest.raises(RejectedError, match="leads out of") as refused:
                question()
            assert not refused.value.again
    for folder in ("test_images", "..", "/etc", "up"):
        for method in ("listing", "sweep"):
            with pytest.raises(RejectedError, match="leads out of"):
                ask(root, method, folder)
    assert files(outside) == {"1.png": CONTENT}


def test_a_folder_may_be_a_link_to_another_one_inside(root: Path) -> None:
    (root / "2025").mkdir(parents=True)
    (root / "test_images").symlink_to("2025")
    put(root, Sent(), "test_images/1.png")
    assert (root / "2025/1.png").read_bytes() == CONTENT
    assert ask(root, "listing", "test_images").keys() == {"1.png"}


def test_the_root_itself_may_be_a_link(root: Path) -> None:
    (root.parent / "disk").mkdir()
    root.symlink_to("disk")
    put(root, Sent())
    assert files(root.parent / "disk") == {NAME: CONTENT}


@pytest.mark.parametrize(("thing", "said"), [("folder", "a folder lies"), ("link", "link lies")])
def test_what_is_no_file_is_neither_overwritten_nor_followed(
    root: Path, thing: str, said: str
) -> None:
    outside = write(root.parent / "outside.png", CONTENT)
    place = root / NAME
    place.parent.mkdir(parents=True)
    if thing == "folder":
        place.mkdir()
    else:
        place.symlink_to(outside)
    version = StoredObject(outside.stat().st_size, generation=outside.stat().st_mtime_ns)
    for question in (
        lambda: put(root, Sent()),
        lambda: put(root, Sent(), replacing=version),
        lambda: ask(root, "find", NAME),
        lambda: ask(root, "delete", NAME, version),
        lambda: read(root),
    ):
        with pytest.raises(RejectedError, match=said) as refused:
            question()
        assert not refused.value.again
    assert outside.read_bytes() == CONTENT
    assert place.is_dir() or place.is_symlink()
    assert ask(root, "listing", "test_images") == {}


def test_a_file_in_the_place_of_a_folder_is_kept(root: Path) -> None:
    write(root / "test_images/dive")
    with pytest.raises(RejectedError, match="a file lies where the folder of") as refused:
        put(root, Sent())
    assert not refused.value.again
    assert ask(root, "find", NAME) is None
    assert files(root) == {"test_images/dive": b"something else"}
