"""The door to :func:`splits.split_by_dive`."""

from collections.abc import Mapping
from typing import Any

from ..parameters import dataset as parameters
from ..splits import split_by_dive
from ..splits.leaks import Leak
from ..text import counted
from .base import StageOperator
from .forms import Preview


class SplitByDive(StageOperator[parameters.SplitByDive]):
    model = parameters.SplitByDive
    icon = "/plugins/fathomnet/assets/split.svg"
    on_view = True

    def preview(self, params: parameters.SplitByDive, dataset: Any) -> Preview:
        told = split_by_dive(dataset, **{**params.model_dump(), "dry_run": True})
        train, val = counted(told.train, "image", "images"), f"{told.val:,}"
        only = counted(len(told.concepts_only_in_train), "concept", "concepts")
        left_out = counted(told.left_out, "crop is", "crops are")
        facts = (
            f"{train} for training and {val} for validation ({told.val_share:.1%})",
            f"{counted(told.dives, 'dive', 'dives')}, none of them on both sides",
            f"{only} without a box in validation",
            f"{counted(told.changed, 'image gets', 'images get')} another tag",
            *((f"{left_out} on neither side: their labels are no taxa",) if told.left_out else ()),
            *(f"Afterwards {_said(leak)}" for leak in told.leaks),
        )
        return Preview(facts, tuple(f"Now {_said(leak)}" for leak in told.leaks_before))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        leaks = result.get("leaks", ())
        dives = tuple(
            f"{counted(leak['dives'], 'dive is', 'dives are')} both in {leak['sides'][0]} and in "
            f"the official test split, which was made without regard to dives."
            for leak in leaks
            if "test" in leak["sides"] and leak["dives"]
        )
        images = tuple(
            f"{counted(leak['same_images'], 'image is', 'images are')} both in "
            f"{' and in '.join(leak['sides'])}, by URL or file name: take one side out."
            for leak in leaks
            if leak.get("same_images")
        )
        unknown = result.get("images_of_no_dive", 0)
        together = (
            f"{counted(unknown, 'image is', 'images are')} of no dive, day or folder that is known"
        )
        return (*dives, *images, *((f"{together}; they stay together.",) if unknown else ()))


def _said(leak: Leak) -> str:
    dives = counted(leak.dives, "dive is", "dives are")
    said = f"{dives} in {' and '.join(leak.sides)}, with {counted(leak.images, 'image', 'images')}"
    if leak.near_duplicates:
        said += f", and {counted(leak.near_duplicates, 'group', 'groups')} of near-duplicates"
    if leak.same_images:
        same = counted(leak.same_images, "image is", "images are")
        said += f"; {same} the same by URL or file name, such as {leak.same_examples[0]}"
    return said
