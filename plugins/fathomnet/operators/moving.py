"""What the operators that move images share: their preview and their result."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from ..errors import FathomNetError, Fault, InputError
from ..media.ledger import Entry, known_outcomes, ledgers_about, not_stored_list, source_of
from ..media.request import Shard, read_listed
from ..media.transfer import not_moved
from ..names import images_folder
from ..parameters.kinds import paths_in
from ..parameters.media import DownloadImages, UploadImages
from ..text import counted
from .base import StageOperator
from .forms import (
    Preview,
    file_version,
    once_a_version,
    problem_with,
    told_minutes,
    too_large,
)

P = TypeVar("P", UploadImages, DownloadImages)

Listed = tuple[str, tuple[tuple[str, str], ...]]
"""A file's hash, and for each image its name and what a ledger knows its URL by."""

WITHOUT_URL: Final = source_of("")

PER_MINUTE: Final = 100
"""Images that move at the pace of ``PACE``."""
PACE: Final = "at 5 MB a second"


@once_a_version
def _listed(path: str) -> Listed:
    catalog = read_listed(path)
    images = ((image.file_name, source_of(image.source_url or "")) for image in catalog.images)
    return catalog.sha256, tuple(images)


def _images(annotations: str) -> dict[str, str]:
    """All images by name, each with what a ledger knows its URL by; the first file counts."""
    images: dict[str, str] = {}
    for path in paths_in(annotations):
        for name, source in _listed(path)[1]:
            images.setdefault(name, source)
    return images


@lru_cache(maxsize=4)
def _outcomes(
    root: str, split: str, annotations: str, versions: tuple[tuple[str, int, int] | None, ...]
) -> Mapping[str, str]:
    """The outcomes of earlier runs for each image, by name, anew for each version of the files.

    A ledger of many images takes seconds to read, and a form is redrawn at every keystroke.
    """
    images = _images(annotations)
    known: dict[str, Entry] = {}
    for path in paths_in(annotations):
        sha256, _ = _listed(path)
        known |= known_outcomes(root, split, sha256, images)
    return {name: entry.outcome for name, entry in known.items()}


class TransferOperator(StageOperator[P]):
    """An operator that moves images; nothing in the App changes."""

    may_be_long = True

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return not_moved(result)

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Nothing in the App changes."""

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if "ledger" not in result:
            return ()
        left = result["total"] - result["stored"] - result["present"]
        listed = not_stored_list(result["ledger"])
        notes: tuple[str, ...] = tuple(f"{note}." for note in result.get("notes") or ())
        return (f"Not stored: {left:,}, with the reasons in {listed}", *notes) if left else notes

    def describe(
        self, params: P, root: str, action: str, problems: Iterable[Fault], moves: bool = True
    ) -> Preview:
        """Describes what would be moved where, and what earlier runs have already done.

        Args:
            params: parameters, each of which is valid by itself.
            root: the destination, checked.
            action: what happens to the images.
            problems: what is wrong with source and destination.
            moves: whether images are moved now, or only listed.
        """
        problems = list(problems)
        if not params.annotations:
            problems.append(Fault("annotations", "choose the COCO file that lists the images"))
        try:
            shard = Shard.parse(params.shard)
        except InputError as error:
            problems += error.faults
        if problems:
            return Preview(problems=tuple(problems))
        if any(map(too_large, paths_in(params.annotations))):
            return Preview(facts=("a large file, checked when it is read",))
        try:
            images = _images(params.annotations)
        except FathomNetError as error:
            return Preview(problems=(problem_with("annotations", error),))
        first = islice(images.items(), params.limit)
        names = {name: source for name, source in first if shard.owns(name)}
        images_are = counted(len(names), "image is", "images are")
        fact = f"{images_are} {action} to {root}/{images_folder(params.split)}"
        without_url = sum(source == WITHOUT_URL for source in names.values())
        warning = f"Without a URL in the catalog: {without_url:,}"
        preview = Preview(facts=(fact,), warnings=(warning,) if without_url else ())
        return _after_earlier_runs(preview, params, root, names) if moves else preview


def _after_earlier_runs(
    preview: Preview,
    params: UploadImages | DownloadImages,
    root: str,
    names: Iterable[str],
) -> Preview:
    """The preview of a job that may already have been begun."""
    try:
        files: tuple[str | Path, ...] = (
            *paths_in(params.annotations),
            *ledgers_about(root, params.split),
        )
        versions = tuple(file_version(file) for file in files)
        known = _outcomes(root, params.split, params.annotations, versions)
    except FathomNetError as error:
        return Preview(problems=(Fault("ledger", str(error)),))
    seen = Counter(known.get(name, "new") for name in names)
    left = seen.total() - seen["stored"] - seen["present"]
    minutes = left / PER_MINUTE
    slow = told_minutes(minutes, PACE)
    again = "asked again" if params.recheck else "asked again only with Recheck"
    earlier = {
        "there already": seen["stored"] + seen["present"],
        f"missing at the source, {again}": seen["missing"],
        "rejected before, tried again": seen["rejected"],
        "failed before, tried again": seen["failed"],
    }
    said = (f"{count:,} {words}" for words, count in earlier.items() if count)
    facts = (*preview.facts, *said)
    return replace(preview, facts=facts, warnings=(*preview.warnings, *slow), minutes=minutes)
