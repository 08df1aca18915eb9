"""The door to :func:`relabelling.relabel_boxes`."""

from collections.abc import Mapping
from typing import Any

from ..dataset.columns import dataset_of
from ..dataset.label_map import taxonomy_of
from ..dataset.schema import labels_path
from ..errors import Fault, InputError
from ..evaluation.finished import MOST_IDS
from ..labels.ranks import rank_attributes
from ..parameters import relabelling as parameters
from ..progress import Progress, silent
from ..relabelling import RelabelResult, relabel_boxes
from ..seen import Target
from ..text import counted
from .chosen_boxes import BoxesOperator, boxes_of, in_words, question_of
from .forms import Preview, Question


class RelabelBoxes(BoxesOperator[parameters.RelabelBoxes]):
    model = parameters.RelabelBoxes
    icon = "/plugins/fathomnet/assets/relabel.svg"
    place = "SAMPLES_GRID_SECONDARY_ACTIONS"  # boxes are selected below it

    def run(
        self, params: parameters.RelabelBoxes, dataset: Any, progress: Progress
    ) -> RelabelResult:
        return _relabel(params, dataset, params.dry_run, progress)

    def preview(self, params: parameters.RelabelBoxes, dataset: Any) -> Preview:
        said = in_words(dataset, params.field)
        if not params.label:
            return Preview(problems=(Fault("label", "name the new label"),), target=said)
        try:
            told = _relabel(params, dataset, dry_run=True)
        except InputError as error:
            return Preview(problems=error.faults, target=said)
        facts = [
            f"{counted(one.boxes, 'box', 'boxes')}: {one.before or 'no label'} becomes {one.after}"
            for one in told.differences
        ]
        if told.unchanged:
            facts.append(f"{counted(told.unchanged, 'box is', 'boxes are')} {params.label} already")
        boxes = told.changed + told.unchanged
        root = dataset_of(dataset.dataset if isinstance(dataset, Target) else dataset)
        everything = root.count(labels_path(root, params.field))
        warnings = (
            (f"These are all {boxes:,} boxes of the dataset.",) if boxes == everything else ()
        )
        question = _question(params, dataset, told) if isinstance(dataset, Target) else None
        return Preview(tuple(facts), warnings, target=said, question=question)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if result.get("dry_run") or not result.get("changed"):
            return ()
        many = (
            (f"More than {MOST_IDS:,} boxes were changed, too many to be shown one by one.",)
            if result["changed"] > MOST_IDS
            else ()
        )
        return (
            *many,
            '"FathomNet: undo a relabelling" takes this back. Primary labels follow when '
            '"FathomNet: add primary labels" is run again.',
        )

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Shows the boxes that were changed, and lets go of what was selected."""
        super().show(ctx, result)
        if not result["dry_run"]:
            self.show_changed(ctx, result["journal"])


def _relabel(
    params: parameters.RelabelBoxes, target: Any, dry_run: bool, progress: Progress = silent
) -> RelabelResult:
    values = params.model_dump(exclude={"view", "scope", "dry_run"})
    return relabel_boxes(boxes_of(params, target), **values, dry_run=dry_run, progress=progress)


def _question(
    params: parameters.RelabelBoxes, target: Target, told: RelabelResult
) -> Question | None:
    """What somebody at a form is asked; also where several phyla are involved."""
    if not told.changed:
        return None
    taxonomy = taxonomy_of(target.dataset)
    labels = [*(one.before for one in told.differences), params.label]
    phyla = sorted({rank_attributes(one, taxonomy)["phylum"] or "" for one in labels} - {""})
    reasons = (f"Several phyla are involved: {', '.join(phyla)}.",) if len(phyla) > 1 else ()
    boxes = counted(len(target.boxes), "box", "boxes")
    words = f"Change {'this' if len(target.boxes) == 1 else 'these'} {boxes}"
    return question_of(params, target, words, (params.label,), reasons)
