"""Where a dataset's images are: the stored object, and the file that FiftyOne opens."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from ..errors import Fault, InputError
from ..files.safe_values import folded_name
from ..names import images_folder

DEFAULT_MIRROR: Final = "~/fathomnet-media"
"""Local folder of the images if FiftyOne cannot open the media root itself."""

MIRROR_ROOTS: Final = "FATHOMNET_MIRROR_ROOTS"
"""Environment variable: folders, with ``:`` between them, in which the owner of the machine allows
mirrors besides the homes of its users, such as a data disk or scratch."""

GCS: Final = "gs://"
_BUCKET_URI: Final = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^?#]*)?")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """Where every image of a dataset is stored and opened.

    Attributes:
        media_root: the store, a ``gs://`` URI or an absolute folder; empty if none is named.
        filepath_root: the beginning of every sample's ``filepath``.
    """

    media_root: str
    filepath_root: str

    def filepath(self, split: str, file_name: str) -> str:
        """What FiftyOne opens: a local file, or the ``gs://`` URI itself in Enterprise.

        Examples:
            >>> MediaPlan("gs://lab/fathomnet", "/home/ada/fathomnet").filepath("test", "a.png")
            '/home/ada/fathomnet/test_images/a.png'
        """
        return _image_path(self.filepath_root, split, file_name)

    def media_uri(self, split: str, file_name: str) -> str | None:
        """The stored object; None if no media root is named.

        Examples:
            >>> MediaPlan("gs://lab/fathomnet", "/home/ada/fathomnet").media_uri("test", "a.png")
            'gs://lab/fathomnet/test_images/a.png'
        """
        return _image_path(self.media_root, split, file_name) if self.media_root else None

    def files_present(self, split: str, file_names: Iterable[str]) -> frozenset[str]:
        """Those of a split's images that are on this machine, found without a call per file.

        Args:
            split: the split whose folder is searched.
            file_names: relative paths below that folder, as the catalog writes them.
        """
        if self.filepath_root.startswith(GCS):
            return frozenset()
        return files_in(Path(self.filepath_root) / images_folder(split), file_names)


def files_in(folder: Path, file_names: Iterable[str]) -> frozenset[str]:
    """The files of a folder, and of those below it that names are in, by their names.

    Args:
        folder: where to look.
        file_names: relative paths below it.
    """
    present: set[str] = set()
    for above in {name[: name.rfind("/") + 1] for name in file_names}:
        with (
            suppress(FileNotFoundError, NotADirectoryError, PermissionError),
            os.scandir(folder / above) as entries,
        ):
            present |= {above + entry.name for entry in entries if entry.is_file()}
    return frozenset(present)


def similar_files(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The files of a folder whose names are others but for how they are written.

    Names that came through another system may differ in case, in the form in which Unicode writes
    an accent, and in percent signs for blanks and the like. What may be meant by two names, or
    means two files, is left out.

    Args:
        folder: where to look.
        names: relative paths below it, of files that are not there by these names.

    Returns:
        By name, the path below the folder.
    """
    entries: dict[tuple[str, ...], dict[str, set[str]]] = {}

    def similar(above: tuple[str, ...], name: str) -> str | None:
        if above not in entries:
            of_place = entries[above] = {}
            with suppress(OSError):
                for entry in folder.joinpath(*above).iterdir():
                    of_place.setdefault(_plain(entry.name), set()).add(entry.name)
        there = entries[above]
        found = there.get(_plain(name), set()) if there else set()
        return next(iter(found)) if len(found) == 1 else None

    paths: dict[str, list[str]] = {}
    for name in names:
        steps: list[str] = []
        for part in name.split("/"):
            step = similar(tuple(steps), part)
            if step is None:
                break
            steps.append(step)
        else:
            paths.setdefault("/".join(steps), []).append(name)
    return {
        meant[0]: path
        for path, meant in paths.items()
        if len(meant) == 1 and (folder / path).is_file()
    }


def _plain(name: str) -> str:
    return folded_name(unquote(name))


def plan_media(media_root: str = "", mirror: str = "", opens_gcs: bool = False) -> MediaPlan:
    """Decides where images are stored and opened.

    Args:
        media_root: ``gs://bucket/prefix``, a folder, or empty.
        mirror: the local folder that stands in for a media root that FiftyOne cannot open; empty
            for ``DEFAULT_MIRROR``. It must lie under the user's home, or in a folder that
            ``FATHOMNET_MIRROR_ROOTS`` names, symbolic links resolved.
        opens_gcs: whether this FiftyOne opens ``gs://`` files itself (Enterprise).

    Raises:
        InputError: the media root is neither of the two, or the mirror is not where one may be.
    """
    faults: list[Fault] = []
    root = checked_root(media_root, "media_root", faults)
    home = Path.home().resolve()
    named = map(str.strip, os.environ.get(MIRROR_ROOTS, "").split(os.pathsep))
    # A relative one would be another place for each process.
    roots = [Path(one).resolve() for one in named if Path(one).is_absolute()]
    local = Path(mirror.strip() or DEFAULT_MIRROR).expanduser().resolve()
    if home not in local.parents and not any(map(local.is_relative_to, roots)):
        places = " or ".join(map(str, (home, *roots)))
        problem = (
            f"{local} is not below the home folder {places}; name a folder there, or none. The "
            f"owner of this machine allows others by {MIRROR_ROOTS}"
        )
        faults.append(Fault("mirror", problem))
    elif local.exists() and not local.is_dir():
        faults.append(Fault("mirror", f"{local} is not a folder"))
    if faults:
        raise InputError("where the images lie", faults)
    opened_in_place = root and (opens_gcs or not root.startswith(GCS))
    return MediaPlan(media_root=root, filepath_root=root if opened_in_place else str(local))


def _image_path(root: str, split: str, file_name: str) -> str:
    return f"{root}/{images_folder(split)}/{file_name}"


def checked_root(root: str, place: str, faults: list[Fault]) -> str:
    """A store's root in its standard spelling: ``gs://bucket/prefix`` or an absolute folder.

    Args:
        root: what the user gave; empty stays empty.
        place: the name of the parameter, for faults.
        faults: receives what is wrong with it.

    Examples:
        >>> checked_root(" gs://lab/fathomnet/", "media_root", faults=[])
        'gs://lab/fathomnet'
    """
    root = root.strip()
    if not root:
        return ""
    if root.startswith(GCS):
        if not _BUCKET_URI.fullmatch(root) or ".." in root.split("/"):
            faults.append(Fault(place, f"{root!r} is not gs://bucket/prefix"))
        return root.rstrip("/")
    if _SCHEME.match(root):
        problem = f"{root!r} is neither gs://bucket/prefix nor a folder of this machine"
        faults.append(Fault(place, problem))
        return ""
    folder = Path(root).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        faults.append(Fault(place, f"{folder} is not a folder"))
    return str(folder)
