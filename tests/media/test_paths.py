"""Where images are stored and opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.media.paths import MediaPlan, plan_media

NAME = "a/b.png"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def test_images_in_a_folder_are_opened_where_they_are_stored(home: Path, tmp_path: Path) -> None:
    plan = plan_media(str(tmp_path / "images"))
    stored = f"{tmp_path}/images/test_images/{NAME}"
    assert (plan.filepath("test", NAME), plan.media_uri("test", NAME)) == (stored, stored)


def test_images_in_a_bucket_are_opened_from_the_mirror(home: Path) -> None:
    plan = plan_media("gs://bucket/fathomnet/", mirror="~/mirror")
    assert plan.media_uri("train", NAME) == f"gs://bucket/fathomnet/train_images/{NAME}"
    assert plan.filepath("train", NAME) == f"{home}/mirror/train_images/{NAME}"


def test_enterprise_opens_a_bucket_itself(home: Path) -> None:
    plan = plan_media("gs://bucket", opens_gcs=True)
    assert plan.filepath("train", NAME) == f"gs://bucket/train_images/{NAME}"
    assert plan.files_present("train", [NAME]) == frozenset()


def test_without_a_media_root_images_are_expected_in_the_default_mirror(home: Path) -> None:
    plan = plan_media()
    assert plan.filepath("test", NAME) == f"{home}/fathomnet-media/test_images/{NAME}"
    assert plan.media_uri("test", NAME) is None


def test_files_that_are_there_are_found_in_every_subfolder(home: Path, tmp_path: Path) -> None:
    plan = MediaPlan("", str(tmp_path))
    for name in ("test_images/1.png", "test_images/a/2.png", "test_images/unlisted/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "test_images/a/3.png").mkdir()
    names = ["1.png", "a/2.png", "a/3.png", "b/5.png", "6.png"]
    assert plan.files_present("test", names) & set(names) == {"1.png", "a/2.png"}


@pytest.mark.parametrize(
    "mirror",
    ["/srv/mirror", "~/../elsewhere", "~", "~/link/mirror", "../../outside"],
)
def test_a_mirror_outside_of_the_home_is_refused(
    home: Path, tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    (tmp_path / "elsewhere").mkdir()
    (home / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"mirror: .* is not below the home folder"):
        plan_media("gs://bucket", mirror)


@pytest.mark.parametrize("mirror", ["scratch/ada/mirror", "scratch", "disk/a/b", "scratch/link/m"])
def test_the_owner_of_the_machine_allows_mirrors_elsewhere(
    home: Path, tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case B27: the mirror is on scratch or a data disk."""
    monkeypatch.chdir(tmp_path)
    for folder in ("scratch", "disk"):
        (tmp_path / folder).mkdir()
    (tmp_path / "scratch" / "link").symlink_to(tmp_path / "disk")
    roots = [str(tmp_path / "scratch"), str(tmp_path / "disk"), "relative", ""]
    with pytest.raises(InputError, match="FATHOMNET_MIRROR_ROOTS"):
        plan_media("gs://bucket", str(tmp_path / mirror))
    monkeypatch.setenv("FATHOMNET_MIRROR_ROOTS", ":".join(roots))
    plan = plan_media("gs://bucket", str(tmp_path / mirror))
    assert plan.filepath_root == str((tmp_path / mirror).resolve())


@pytest.mark.parametrize(
    "mirror", ["scratch/../elsewhere", "scratch/link/m", "scratchy", "relative/m", "/etc/m"]
)
def test_what_lies_outside_of_all_roots_is_refused_with_their_names(
    home: Path, tmp_path: Path, mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "link").symlink_to("/srv")
    monkeypatch.setenv("FATHOMNET_MIRROR_ROOTS", f"{tmp_path / 'scratch'}:relative:")
    with pytest.raises(InputError, match=f"mirror: .* or {tmp_path / 'scratch'};"):
        plan_media("gs://bucket", str(tmp_path / mirror))


@pytest.mark.parametrize(
    "root", ["gs://", "gs:///x", "gs://Bucket", "gs://b/../c", "s3://bucket", "https://host/x"]
)
def test_a_media_root_that_is_no_bucket_and_no_folder_is_refused(home: Path, root: str) -> None:
    with pytest.raises(InputError, match="media_root: "):
        plan_media(root)


def test_a_file_is_no_media_root(home: Path) -> None:
    (home / "notes.txt").touch()
    with pytest.raises(InputError, match=r"media_root: .*notes\.txt is not a folder"):
        plan_media(str(home / "notes.txt"))
