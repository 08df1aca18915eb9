"""What the operators that move images have in common: their preview and their result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from ..catalog import read_catalog
from ..errors import FathomNetError, Fault, InputError
from ..fields import images_folder
from ..ledger import known_outcomes
from ..media.paths import checked_root
from ..media.shards import Shard
from ..media_stages import not_moved
from ..parameters import DownloadImages, UploadImages
from .base import StageOperator
from .forms import Preview, problem_with
from .previews import once_a_version, too_large

P = TypeVar("P", UploadImages, DownloadImages)

Listed = tuple[str, tuple[tuple[str, bool], ...]]
"""A catalog's hash, and of each image its name and whether it has a URL."""


@once_a_version
def _listed(path: str) -> Listed:
    catalog = read_catalog(path)
    images = ((image.file_name, bool(image.source_url)) for image in catalog.images)
    return catalog.sha256, tuple(images)


class TransferOperator(StageOperator[P]):
    """An operator that moves images; nothing in the App changes."""

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return not_moved(result)

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Nothing in the App changes."""

    def describe(self, params: P, place: str, destination: str, action: str) -> Preview:
        """What would be moved where, and what earlier runs have seen to already.

        Args:
            params: checked parameters.
            place: the parameter that names the destination.
            destination: its value.
            action: what happens to the images.
        """
        problems: list[Fault] = []
        root = checked_root(destination, place, problems)
        if not destination:
            problems.append(Fault(place, "name where the images go"))
        if not params.annotations:
            problems.append(Fault("annotations", "choose the COCO file that lists the images"))
        if problems:
            return Preview(problems=tuple(problems))
        if too_large(params.annotations):
            return Preview(facts=("a large file, checked when it is read",))
        try:
            facts, warnings = _facts(params, root, action)
        except InputError as error:
            place = "shard" if error.faults[0].place == "shard" else "annotations"
            return Preview(problems=(problem_with(place, error),))
        except FathomNetError as error:
            return Preview(problems=(problem_with("annotations", error),))
        return Preview(facts=facts, warnings=warnings)


def _facts(
    params: UploadImages | DownloadImages, root: str, action: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sha256, images = _listed(params.annotations)
    shard = Shard.parse(params.shard)
    names = {name: has_url for name, has_url in images[: params.limit] if shard.owns(name)}
    known = known_outcomes(root, params.split, sha256)
    seen = Counter(known[name].outcome for name in names if name in known)
    facts = [f"{len(names):,} images are {action} to {root}/{images_folder(params.split)}"]
    for count, words in (
        (seen["stored"] + seen["present"], "are there already"),
        (seen["missing"], "had nothing at their source; asked again only with Recheck"),
        (seen["rejected"], "were rejected before and are tried again"),
        (seen["failed"], "failed before and are tried again"),
    ):
        if count:
            facts.append(f"{count:,} {words}")
    without_url = sum(not has_url for has_url in names.values())
    warnings = (f"{without_url:,} images have no URL in the catalog",) if without_url else ()
    return tuple(facts), warnings
