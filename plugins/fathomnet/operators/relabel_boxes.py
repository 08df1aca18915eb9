"""The door to :func:`relabelling.relabel_boxes`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import parameters
from ..errors import Fault, InputError
from ..plain import counted
from ..progress import Progress
from ..relabelling import RelabelResult, relabel_boxes
from .base import StageOperator
from .forms import Preview


class RelabelBoxes(StageOperator[parameters.RelabelBoxes]):
    model = parameters.RelabelBoxes
    icon = "/plugins/fathomnet/assets/relabel.svg"
    on_view = True
    changes_labels = True
    place = "SAMPLES_GRID_SECONDARY_ACTIONS"  # boxes are selected below it

    def run(
        self, params: parameters.RelabelBoxes, dataset: Any, progress: Progress
    ) -> RelabelResult:
        values = params.model_dump(exclude={"view"})
        return relabel_boxes(_boxes(params, dataset), **values, progress=progress)

    def preview(self, params: parameters.RelabelBoxes, dataset: Any) -> Preview:
        if not params.label:
            return Preview(problems=(Fault("label", "name the new label"),))
        values = params.model_dump(exclude={"view", "dry_run"})
        told = relabel_boxes(_boxes(params, dataset), **values, dry_run=True)
        facts = [
            f"{counted(one.boxes, 'box', 'boxes')}: {one.before or 'no label'} becomes {one.after}"
            for one in told.differences
        ]
        if told.unchanged:
            facts.append(f"{counted(told.unchanged, 'box is', 'boxes are')} {params.label} already")
        boxes = told.changed + told.unchanged
        everything = dataset._root_dataset.count(f"{params.field}.detections")
        warnings = (
            (f"These are all {boxes:,} boxes of the dataset.",) if boxes == everything else ()
        )
        return Preview(facts=tuple(facts), warnings=warnings)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if result.get("dry_run") or not result.get("changed"):
            return ()
        return (
            '"FathomNet: undo a relabelling" takes this back. Primary labels follow when '
            '"FathomNet: add primary labels" is run again.',
        )

    def _target(self, ctx: Any) -> Any:
        """Boxes that are selected one by one come before the images that are shown."""
        if ctx.dataset is not None and ctx.selected_labels:
            return ctx.view.select_labels(labels=ctx.selected_labels)
        target = super()._target(ctx)
        if ctx.dataset is None or target is ctx.dataset:
            return target
        lassoed = _lassoed(ctx)
        return target.select_labels(ids=lassoed) if lassoed else target


def _lassoed(ctx: Any) -> list[str]:
    """The boxes around which a line was drawn in the map.

    The App shows their images, and says their ids in the stage by which it finds these.
    """
    extended = ctx.request_params.get("extended") or {}
    if isinstance(extended, str):
        extended = json.loads(extended)
    stage = extended.get("fiftyone.core.stages.MatchLabels") or {}
    ids: list[str] = stage.get("ids") or []
    return ids


def _boxes(params: parameters.RelabelBoxes, dataset: Any) -> Any:
    """The saved view that was named, or what the App shows or has selected."""
    if not params.view:
        return dataset
    whole = dataset._root_dataset
    if not whole.has_saved_view(params.view):
        known = ", ".join(whole.list_saved_views()) or "none"
        problem = f"no saved view is named {params.view!r}; there are: {known}"
        raise InputError("view", [Fault("view", problem)])
    return whole.load_saved_view(params.view)
