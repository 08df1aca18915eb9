"""The door to :func:`splits.split_by_dive`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import parameters
from ..progress import Progress
from ..splits import SplitResult, find_leaks, split_by_dive
from .base import StageOperator
from .forms import Preview


class SplitByDive(StageOperator[parameters.SplitByDive]):
    model = parameters.SplitByDive
    icon = "/plugins/fathomnet/assets/split.svg"
    on_view = True

    def run(self, params: parameters.SplitByDive, dataset: Any, progress: Progress) -> SplitResult:
        return split_by_dive(dataset, **params.model_dump(), progress=progress)

    def preview(self, params: parameters.SplitByDive, dataset: Any) -> Preview:
        counts = dataset.count_sample_tags()
        tagged = ", ".join(f"{counts.get(tag, 0):,} {tag}" for tag in ("train", "val", "test"))
        leaks = tuple(
            f"{leak.dives:,} dives are in {' and '.join(leak.sides)}, with {leak.images:,} images; "
            f"{leak.near_duplicates:,} groups of near-duplicates"
            for leak in find_leaks(dataset)
        )
        return Preview(facts=(f"Images by tag: {tagged}",), warnings=leaks)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        only_test = [leak for leak in result["leaks"] if "test" in leak["sides"]]
        return tuple(
            f"{leak['dives']:,} dives are both in {leak['sides'][0]} and in the official test "
            f"split, which was made without regard to dives."
            for leak in only_test
        )
