"""The door to :func:`relabelling.relabel_boxes`."""

from collections.abc import Mapping
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.label_fields import boxes_path
from ..errors import DatasetError, Fault, InputError
from ..evaluation.finished import MOST_IDS
from ..labels.ranks import rank_attributes
from ..parameters import relabelling as parameters
from ..progress import Progress, silent
from ..relabelling import RelabelResult, relabel_boxes
from ..relabelling.box_states import read_states
from ..relabelling.journal import changes_of
from ..relabelling.relabel import ChosenBoxes, journal_to_undo
from ..seen import Target, boxes_meant, boxes_of_form, see
from ..taxonomy import load_taxonomy
from ..text import counted
from .base import StageOperator
from .forms import Preview, Question
from .patch_copies import update_patches, view_of_boxes

_PINNED: Final = "_boxes"
"""Among the parameters of a run that waits for a worker: the boxes that its form showed."""


class RelabelBoxes(StageOperator[parameters.RelabelBoxes]):
    model = parameters.RelabelBoxes
    icon = "/plugins/fathomnet/assets/relabel.svg"
    risk = "HIGH"
    changes_labels = True
    place = "SAMPLES_GRID_SECONDARY_ACTIONS"  # boxes are selected below it

    def run(
        self, params: parameters.RelabelBoxes, dataset: Any, progress: Progress
    ) -> RelabelResult:
        return _relabel(params, dataset, params.dry_run, progress)

    def preview(self, params: parameters.RelabelBoxes, dataset: Any) -> Preview:
        said = str(dataset) if isinstance(dataset, Target) else ""
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
        everything = root.count(f"{params.field}.detections")
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

    def resolve_input(self, ctx: Any) -> Any:
        if ctx.requesting_delegated_execution and not ctx.delegated and ctx.dataset is not None:
            # What a worker would find later may be others: the screen is asked now.
            params = self._permitted(ctx)
            target = self._asked(ctx, params)
            if isinstance(target, Target):
                ctx.params[_PINNED] = _pinned(target)
        return super().resolve_input(ctx)

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Shows the boxes that were changed, and lets go of what was selected."""
        super().show(ctx, result)
        if ctx.dataset is None or result["dry_run"] or not result["journal"]:
            return
        if result["changed"] > MOST_IDS:
            return
        journal = journal_to_undo(ctx.dataset, result["journal"])
        changes = changes_of(ctx.dataset, journal)
        boxes = [(one.box.sample_id, one.box.label_id) for one in changes]
        view = update_patches(view_of_boxes(see(ctx), journal.field, boxes))
        ctx.ops.clear_selected_labels()
        ctx.ops.clear_selected_samples()
        ctx.ops.set_extended_selection(reset=True)
        # They may well filter for what the boxes were before.
        ctx.ops.clear_sidebar_filters()
        ctx.ops.set_view(view)

    def _target(self, ctx: Any, params: parameters.RelabelBoxes) -> Any:
        if ctx.dataset is None:
            return None
        if ctx.delegated and _PINNED in ctx.params:
            return _unpinned(ctx.dataset, params.field, ctx.params[_PINNED])
        if params.view:
            _saved_view(ctx.dataset, params.view)
        return boxes_meant(ctx, params.field, params.view) or ctx.dataset

    def _target_of_form(self, ctx: Any, params: parameters.RelabelBoxes) -> Any:
        if ctx.dataset is None or params.view:
            return self._target(ctx, params)
        return boxes_of_form(ctx, params.field) or ctx.dataset

    def _asked(self, ctx: Any, params: parameters.RelabelBoxes) -> Any:
        """The target of a form that is being sent.

        Raises:
            DatasetError: it should have been ticked, and was not; or the ticked one was another.
        """
        target = self._target(ctx, params)
        if not isinstance(target, Target) or not target.prompt or params.dry_run:
            return target
        question = self.preview(params, target).question
        if question is not None and not question.is_answered(ctx.params):
            raise DatasetError(
                f"{target}. This is not what the form was ticked for: open it again, and look at "
                "what it says"
            )
        return target

    def _target_of_run(self, ctx: Any, params: parameters.RelabelBoxes) -> Any:
        # A run that waited was asked when it was scheduled.
        return self._target(ctx, params) if ctx.delegated else self._asked(ctx, params)


def _relabel(
    params: parameters.RelabelBoxes, target: Any, dry_run: bool, progress: Progress = silent
) -> RelabelResult:
    values = params.model_dump(exclude={"view", "dry_run"})
    if isinstance(target, Target):
        target = ChosenBoxes(target.dataset, target.boxes, target.labels)
    elif params.view:
        target = _saved_view(dataset_of(target), params.view)
    return relabel_boxes(target, **values, dry_run=dry_run, progress=progress)


def _question(
    params: parameters.RelabelBoxes, target: Target, told: RelabelResult
) -> Question | None:
    """What somebody at a form is asked; None where nothing gives a reason, or a program asks."""
    taxonomy = load_taxonomy()
    labels = [*(one.before for one in told.differences), params.label]
    phyla = sorted({rank_attributes(one, taxonomy)["phylum"] or "" for one in labels} - {""})
    reasons = target.reasons
    if len(phyla) > 1 and told.changed:
        reasons = (*reasons, f"Several phyla are involved: {', '.join(phyla)}.")
    if not reasons or not target.prompt or params.dry_run or not told.changed:
        return None
    boxes = counted(len(target.boxes), "box", "boxes")
    words = f"Change {'this' if len(target.boxes) == 1 else 'these'} {boxes}: {target.how}"
    return Question(f"_tick_{target.number(params.label)}", words, reasons)


def _pinned(target: Target) -> list[dict[str, Any]]:
    """A target in few values, as a journal keeps boxes: those of one label are one text."""
    path = boxes_path(target.dataset, target.field)
    groups: dict[str | None, list[str]] = {}
    for one in read_states(target.dataset, path, target.boxes, keys=("label",)):
        groups.setdefault(one.state.get("label"), []).append(f"{one.sample_id} {one.label_id}")
    return [{"label": label, "boxes": "\n".join(boxes)} for label, boxes in groups.items()]


def _unpinned(dataset: Any, field: str, pinned: list[dict[str, Any]]) -> Target:
    boxes: list[tuple[str, str]] = []
    labels: dict[str, str | None] = {}
    for group in pinned:
        for line in group["boxes"].splitlines():
            sample, label_id = line.split()
            boxes.append((sample, label_id))
            labels[label_id] = group["label"]
    words = "when it was scheduled"
    return Target(dataset, field, tuple(boxes), len(boxes), field, words, labels=labels)


def _saved_view(dataset: Any, name: str) -> Any:
    """The saved view that was named.

    Raises:
        InputError: there is none of this name.
    """
    if not dataset.has_saved_view(name):
        known = ", ".join(dataset.list_saved_views()) or "none"
        problem = f"no saved view is named {name!r}; there are: {known}"
        raise InputError("view", [Fault("view", problem)])
    return dataset.load_saved_view(name)
