"""Where the images of a split are, and which of them are there."""

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any, Final

from PIL import Image

from ..catalog import ImageRecord, Measure
from ..errors import FathomNetError
from ..files.places import place
from ..media.ledger import Entry, known_outcomes, ledgers_about, source_of
from ..media.paths import GCS, MediaPlan, files_in, similar_files
from ..names import MediaStatus, images_folder
from ..pictures import (
    PictureError,
    faults_in_words,
    read_picture,
    shown_size,
    without_texts,
)
from ..text import counted, shortened

_OF_LEDGER: Final[Mapping[str, MediaStatus]] = {"missing": "missing", "rejected": "rejected"}
_BY_ID: Final = (".png", ".jpg", ".jpeg")
"""Suffixes of the names that the competition's downloader gives: ``<image_id>.png``."""


@dataclass(frozen=True, slots=True)
class LocatedImages:
    """What is known of a split's images.

    Attributes:
        split: the split.
        media: where its images are to be.
        statuses: of each image by its file name.
        stored: by file name, the path below the root of an image that is not where its name says.
        found: images that are there.
        missing: images that are known not to be there.
        told: how many of how many were found, with an expected and a found name; empty where all
            were, or nobody can look.
    """

    split: str
    media: MediaPlan
    statuses: Mapping[str, MediaStatus]
    stored: Mapping[str, str] = field(default_factory=dict)
    found: int = 0
    missing: int = 0
    told: str = ""

    def filepath(self, file_name: str) -> str:
        """What FiftyOne opens."""
        below = self.stored.get(file_name)
        root = self.media.filepath_root
        return f"{root}/{below}" if below else self.media.filepath(self.split, file_name)

    def media_uri(self, file_name: str) -> str | None:
        """The stored object; None if no media root is named."""
        below = self.stored.get(file_name)
        root = self.media.media_root
        return f"{root}/{below}" if below and root else self.media.media_uri(self.split, file_name)


def image_folders(split: str, of_crops: bool = False) -> list[str]:
    """The folders below a root that may hold a split's images, as they are usually called.

    The root itself is among them, after folders that say what they hold. Paths of crops are mostly
    written as from beside their table, so of these it is looked at before.
    """
    also = ("valid_images", "valid") if split == "val" else ()
    crops = ("rois", "crops") if of_crops else ()
    named = [split, *also, "images", *crops]
    return [images_folder(split), "", *named] if of_crops else [images_folder(split), *named, ""]


def measure_in(folders: Iterable[str]) -> Measure:
    """What reads the size of an image from its file's header, where one of these folders has it.

    The size is that of the picture as it is shown, because boxes are drawn on that.
    """
    places = tuple(map(Path, folders))

    def measure(file_name: str) -> tuple[int, int] | None:
        if Path(file_name).is_absolute() or ".." in Path(file_name).parts:
            return None
        return next(filter(None, (_size(place / file_name) for place in places)), None)

    return measure


def _size(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return _size_of_version(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=50_000)
def _size_of_version(path: Path, modified: int, length: int) -> tuple[int, int] | None:
    # A form asks at every keystroke.
    with suppress(PictureError):
        return _shown_size(path)
    # Texts that are too large for Pillow hide the size of a PNG.
    with suppress(PictureError):
        return _shown_size(io.BytesIO(without_texts(read_picture(path))))
    return None


def _shown_size(file: Path | io.BytesIO) -> tuple[int, int]:
    with faults_in_words(), Image.open(file) as image:
        return shown_size(image)


def locate_images(
    media: MediaPlan,
    split: str,
    images: Sequence[ImageRecord],
    annotations_sha256: Iterable[str],
    of_crops: bool = False,
    is_listed: bool = False,
) -> LocatedImages:
    """Finds the images of a split.

    Nobody uploads crops that lie in a bucket by this project, so these too may be in any of the
    usual folders: a few of them are looked for.

    An image is ``ok`` if its file is on this machine, or if a ledger says that it is complete in
    the bucket; ``missing`` if it is not below a media root on this machine, or the latest transfer
    found it so; ``rejected`` if that did; ``unknown`` otherwise. Only images that are stored by
    their ids are opened, because an id alone is no identity: their sizes must be the catalog's.

    Args:
        media: where the images are to be.
        split: their split.
        images: the images.
        annotations_sha256: hashes of the files that list them, which their ledgers are about.
        of_crops: whether they are crops; see ``image_folders``.
        is_listed: whether their names are those of all files below the media root.

    Raises:
        InputError: a ledger beside the images is damaged.
    """
    names = [image.file_name for image in images]
    root = Path(media.filepath_root)
    # A root that is not there may be a disk that is not mounted: then nothing is known.
    is_local = bool(media.media_root) and media.media_root == media.filepath_root
    is_local = is_local and not media.media_root.startswith(GCS) and root.is_dir()
    on_disk = media.files_present(split, names) & frozenset(names)
    stored: dict[str, str] = {}
    if is_local and names and not on_disk:
        stored = _elsewhere(media, split, images, of_crops)
    elif is_local and len(on_disk) < len(names):
        stored = _alike(root, images_folder(split), names, on_disk)
    in_bucket = media.media_root.startswith(GCS)
    if in_bucket and of_crops and names:
        stored, local = _crops_in_bucket(media, split, names, is_listed)
        on_disk |= local
    known = _transferred(media, split, images, annotations_sha256)
    otherwise: MediaStatus = "missing" if is_local else "unknown"
    statuses: dict[str, MediaStatus] = dict.fromkeys(names, otherwise)
    for name in statuses.keys() & known.keys():
        outcome = known[name].outcome
        is_stored = in_bucket and outcome in ("stored", "present")
        statuses[name] = "ok" if is_stored else _OF_LEDGER.get(outcome, otherwise)
    statuses |= dict.fromkeys(on_disk, "ok")
    if is_listed or not in_bucket:
        statuses |= dict.fromkeys(stored, "ok")
    values = list(statuses.values())
    found = values.count("ok")
    told = ""
    if media.media_root and not in_bucket:
        told = _told(root, "" if of_crops else images_folder(split), statuses, stored)
    return LocatedImages(split, media, statuses, stored, found, values.count("missing"), told)


_LOOKED_FOR: Final = 3
"""Crops of a bucket by which their folder is found."""


def _crops_in_bucket(
    media: MediaPlan, split: str, names: Sequence[str], is_listed: bool
) -> tuple[dict[str, str], frozenset[str]]:
    """By file name, where crops are below a bucket's prefix; and those that are in the mirror.

    Nothing is known where none of a few has been found, or nobody can ask.
    """
    some = sorted({names[at * (len(names) - 1) // (_LOOKED_FOR - 1)] for at in range(_LOOKED_FOR)})
    folders = [""] if is_listed else image_folders(split, of_crops=True)
    root = place(media.media_root)
    with suppress(OSError, FathomNetError):
        for folder in folders:
            below = {name: f"{folder}/{name}".lstrip("/") for name in names}
            if is_listed or any((root / below[name]).is_file() for name in some):
                mirror = Path(media.filepath_root) / folder
                is_mirrored = media.filepath_root != media.media_root
                local = files_in(mirror, names) if is_mirrored else frozenset()
                return below, local & frozenset(names)
    return {}, frozenset()


def _transferred(
    media: MediaPlan, split: str, images: Sequence[ImageRecord], annotations_sha256: Iterable[str]
) -> dict[str, Entry]:
    """What the ledgers beside the images say of each, by its file name."""
    known: dict[str, Entry] = {}
    places = dict.fromkeys((media.filepath_root, media.media_root))
    transferred = [root for root in places if root and ledgers_about(root, split)]
    if transferred:
        sources = {image.file_name: source_of(image.source_url or "") for image in images}
        for root, sha256 in product(transferred, annotations_sha256):
            known |= known_outcomes(root, split, sha256, sources)
    return known


def _elsewhere(
    media: MediaPlan, split: str, images: Sequence[ImageRecord], of_crops: bool
) -> dict[str, str]:
    """By file name, where images are whose folder or names are not those that are expected."""
    root = Path(media.filepath_root)
    folders = [one for one in image_folders(split, of_crops) if (root / one).is_dir()]
    for folder in folders:
        names = [image.file_name for image in images]
        there = files_in(root / folder, names) & frozenset(names)
        by_name = {name: f"{folder}/{name}".lstrip("/") for name in there}
        by_name |= _alike(root, folder, names, there)
        if by_name:
            return by_name
    for folder in folders:
        there = files_in(root / folder, [""])
        by_id = {}
        for image in images:
            ids = (f"{image.image_id}{suffix}" for suffix in _BY_ID)
            name = next((name for name in ids if name in there), None)
            size = _size(root / folder / name) if name else None
            if size == (image.width, image.height):
                by_id[image.file_name] = f"{folder}/{name}"
        if by_id:
            return by_id
    return {}


def _alike(root: Path, folder: str, names: Sequence[str], there: frozenset[str]) -> dict[str, str]:
    """By file name, where images are whose names are written otherwise there."""
    found = similar_files(root / folder, [name for name in names if name not in there])
    return {
        name: f"{folder}/{path}".lstrip("/") for name, path in found.items() if path not in there
    }


def _told(
    root: Path, folder: str, statuses: Mapping[str, MediaStatus], stored: Mapping[str, str]
) -> str:
    """How many images are there, with a name that was expected and one that was found.

    Args:
        root: the media root.
        folder: where below it images are looked for first.
        statuses: of each image by its file name.
        stored: the paths of those that are elsewhere, or called otherwise.
    """
    told = []
    others = [path for name, path in stored.items() if path != name]
    if others:
        told = [f"{counted(len(others), 'image was', 'images were')} found as {others[0]}"]
    expected = next((name for name, status in statuses.items() if status != "ok"), None)
    if expected is not None:
        if stored:
            name, path = next(iter(stored.items()))
            folder = path[: -len(name)] if path.endswith(name) else str(PurePosixPath(path).parent)
        found = sum(status == "ok" for status in statuses.values())
        number = f"{found:,} of {counted(len(statuses), 'image is', 'images are')}"
        seen = _instead(root / folder, expected, {*statuses, *stored.values()})
        told.append(f"{number} in {root / folder}{seen}")
    return "; ".join(told)


def _instead(folder: Path, expected: str, known: set[str]) -> str:
    """What a folder holds in place of an image."""
    if not folder.is_dir():
        return ", which is not there"
    names = {path.rpartition("/")[2] for path in known}
    other = min((path.name for path in folder.iterdir() if path.name not in names), default="")
    seen = f"found {shortened(other, 80)}" if other else "found no other file"
    return f": expected {shortened(expected, 80)}, {seen}"


def update_media_status(dataset: Any, located: LocatedImages) -> int:
    """Updates the samples of a split with what has become known since they were made.

    An unknown status leaves a sample as it is, because a folder may just be out of reach.

    Returns:
        The number of samples that changed.
    """
    from fiftyone import ViewField

    columns = ["id", "file_name", "media_status", "filepath"]
    of_split = dataset.match(ViewField("split") == located.split)
    rows = list(zip(*of_split.values(columns), strict=True))
    changed = {
        sample_id: located.statuses[name]
        for sample_id, name, old, _ in rows
        if located.statuses.get(name, "unknown") not in ("unknown", old)
    }
    if changed:
        dataset.set_values("media_status", changed, key_field="id")
    # An image that was not there when its sample was made may be there by another name now.
    moved = {
        sample_id: name
        for sample_id, name, _, filepath in rows
        if name in located.stored and filepath != located.filepath(name)
    }
    if moved:
        paths = {sample_id: located.filepath(name) for sample_id, name in moved.items()}
        uris = {sample_id: located.media_uri(name) for sample_id, name in moved.items()}
        dataset.set_values("filepath", paths, key_field="id")
        dataset.set_values("media_uri", uris, key_field="id")
    return len(changed.keys() | moved.keys())
