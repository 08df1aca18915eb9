"""What the doors share that change the boxes that a person sees or has selected."""

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from bson import ObjectId
from bson.errors import InvalidId

from ..dataset.columns import dataset_of, state_of_boxes
from ..dataset.datasets import unknown_view
from ..dataset.schema import labels_path
from ..errors import DatasetError, FathomNetError, Fault, InputError
from ..evaluation.finished import MOST_IDS
from ..parameters import Parameters
from ..parameters.needles import LabelHits
from ..parameters.relabelling import RelabelBoxes
from ..parameters.review import ReviewLabels
from ..progress import Progress
from ..relabelling.box_states import read_states
from ..relabelling.journal import changes_of
from ..relabelling.relabel import ChosenBoxes, journal_to_undo
from ..seen import Box, Target, boxes_meant, boxes_of_form, boxes_wherever, see
from ..text import counted
from .base import StageOperator
from .forms import Question
from .patch_copies import update_patches, view_of_boxes

P = TypeVar("P", bound=Parameters)
C = TypeVar("C", RelabelBoxes, ReviewLabels, LabelHits)

PINNED: Final = "_boxes"
"""Among the parameters: the boxes that are meant, each with the label that was seen.

Of a run that waits for a worker, those that its form showed; else those that the panel of the
review shows."""


class AskingOperator(StageOperator[P]):
    """A door to a stage that changes boxes, which asks where these are not what is seen."""

    risk = "HIGH"
    changes_labels = True

    def resolve_input(self, ctx: Any) -> Any:
        if ctx.requesting_delegated_execution and not ctx.delegated and ctx.dataset is not None:
            # What a worker would find later may be others: the screen is asked now.
            self._keep(ctx, self._asked(ctx, self._permitted(ctx)))
        return super().resolve_input(ctx)

    def _keep(self, ctx: Any, target: Any) -> None:
        """Keeps the target of a run that is scheduled, where a worker could not find it."""

    def _asked(self, ctx: Any, params: P) -> Any:
        """The target of a form that is being sent.

        Raises:
            DatasetError: it should have been ticked, and was not; or the ticked one was another.
        """
        target = self._target(ctx, params)
        if not isinstance(target, Target) or not target.prompt:
            return target
        question = self.preview(params, target).question
        if question is not None and not question.is_answered(ctx.params):
            raise DatasetError(
                f"{target}. This is not what the form was ticked for: open it again, and look at "
                "what it says"
            )
        return target

    def _target_of_run(self, ctx: Any, params: P) -> Any:
        # A run that waited was asked when it was scheduled.
        return self._target(ctx, params) if ctx.delegated else self._asked(ctx, params)


class WhereverOperator(AskingOperator[P]):
    """A door to a stage that changes boxes wherever they are, which its form tells."""

    def boxes_changed(self, params: P, dataset: Any) -> tuple[str, Sequence[Box], str]:
        """The field of the boxes that a run would change, these, and which they are in words."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it changes")

    def _target(self, ctx: Any, params: P) -> Any:
        if ctx.dataset is None or ctx.delegated or not ctx.request_params.get("prompt_id"):
            return ctx.dataset
        try:
            field, boxes, how = self.boxes_changed(params, ctx.dataset)
        except FathomNetError:
            return ctx.dataset  # the preview tells it
        return boxes_wherever(ctx, field, boxes, how) if boxes else ctx.dataset

    def run(self, params: P, dataset: Any, progress: Progress) -> Any:
        return params.call_stage(behind(dataset), progress)


def behind(target: Any) -> Any:
    """The dataset or view of a target; itself where it is one."""
    return target.dataset if isinstance(target, Target) else target


def in_words(target: Any, field: str = "") -> str:
    """The boxes of a target in words; empty where it is a view that a program names.

    Args:
        target: what was found on the screen; a dataset where nothing in it was chosen.
        field: the field of the boxes; empty where a dataset has nothing to say.
    """
    import fiftyone as fo

    if isinstance(target, Target):
        return str(target)
    if not field or not isinstance(target, fo.Dataset):
        return ""
    # Counted once while nothing changes: a form is drawn at every keystroke.
    boxes = counted(state_of_boxes(target, field).boxes, "box", "boxes")
    images = counted(len(target), "image", "images")
    return f"{boxes}, all of {field} in a dataset of {images}: nothing is selected"


class BoxesOperator(AskingOperator[C]):
    """A door to a stage that changes boxes, which the form names and the run holds to."""

    def _keep(self, ctx: Any, target: Any) -> None:
        if isinstance(target, Target):
            ctx.params[PINNED] = _pinned(target)

    def _target(self, ctx: Any, params: C) -> Any:
        if ctx.dataset is None:
            return None
        if PINNED in ctx.params:
            return _unpinned(ctx.dataset, params.field, ctx.params[PINNED])
        if params.view:
            saved_view(ctx.dataset, params.view)
        return boxes_meant(ctx, params.field, params.view, params.scope) or ctx.dataset

    def _target_of_form(self, ctx: Any, params: C) -> Any:
        if ctx.dataset is None or params.view or PINNED in ctx.params:
            return self._target(ctx, params)
        return boxes_of_form(ctx, params.field, params.scope) or ctx.dataset

    def show_changed(self, ctx: Any, key: str) -> None:
        """Shows the boxes of a journal, and lets go of what was selected.

        Args:
            ctx: FiftyOne's execution context.
            key: of the journal; empty where nothing was changed.
        """
        if ctx.dataset is None or not key:
            return
        journal = journal_to_undo(ctx.dataset, key)
        if journal.boxes > MOST_IDS:
            return
        changes = changes_of(ctx.dataset, journal)
        boxes = [(one.box.sample_id, one.box.label_id) for one in changes]
        view = update_patches(view_of_boxes(see(ctx), journal.field, boxes))
        ctx.ops.clear_selected_labels()
        ctx.ops.clear_selected_samples()
        ctx.ops.set_extended_selection(reset=True)
        # They may well filter for what the boxes were before.
        ctx.ops.clear_sidebar_filters()
        ctx.ops.set_view(view)


def question_of(
    params: Parameters,
    target: Any,
    words: str,
    about: Sequence[str],
    reasons: Sequence[str] = (),
) -> Question | None:
    """What somebody at a form must tick; None where nothing gives a reason, or a program asks.

    Args:
        params: of the form.
        target: what was found on the screen; a dataset or a view where a program asks.
        words: what is done to how many, such as ``Judge 12 labels``.
        about: what beside the target the tick is about, such as the new label.
        reasons: to ask, beside those that the target gives.
    """
    if not isinstance(target, Target) or not target.prompt or getattr(params, "dry_run", False):
        return None
    every = (*target.reasons, *reasons)
    name = f"_tick_{target.number(*about)}"
    return Question(name, f"{words}: {target.how}", every) if every else None


def boxes_of(params: RelabelBoxes | ReviewLabels | LabelHits, target: Any) -> Any:
    """What a stage is given: the boxes that were chosen, or a view.

    Args:
        params: of the run.
        target: what was found on the screen; a dataset or a view where a program asks.

    Raises:
        InputError: there is no such view, or only a screen could say what is selected.
    """
    if isinstance(target, Target):
        return ChosenBoxes(target.dataset, target.boxes, target.labels)
    if params.scope == "all_except_selected":
        problem = "only the App knows what is selected: give a view without these boxes instead"
        raise InputError(params.operator, [Fault("scope", problem)])
    return saved_view(dataset_of(target), params.view) if params.view else target


def _pinned(target: Target) -> list[dict[str, Any]]:
    """A target in few values, as a journal keeps boxes: those of one label are one text."""
    path = labels_path(target.dataset, target.field)
    groups: dict[str | None, list[str]] = {}
    for one in read_states(target.dataset, path, target.boxes, keys=("label",)):
        groups.setdefault(one.state.get("label"), []).append(f"{one.sample_id} {one.label_id}")
    return [{"label": label, "boxes": "\n".join(boxes)} for label, boxes in groups.items()]


def _unpinned(dataset: Any, field: str, pinned: Any) -> Target:
    """The target of ``_pinned``.

    Raises:
        InputError: it is not what ``_pinned`` gives.
    """
    labels: dict[str, str | None] = {}
    boxes: list[tuple[str, str]] = []
    try:
        for group in pinned:
            seen = group["label"]
            for line in group["boxes"].splitlines():
                sample, label_id = (str(ObjectId(one)) for one in line.split())
                boxes.append((sample, label_id))
                labels[label_id] = None if seen is None else str(seen)
    except (AttributeError, InvalidId, KeyError, TypeError, ValueError) as error:
        problem = "should be groups of a label and lines of two ids, the image's and the label's"
        raise InputError("boxes", [Fault(PINNED, problem)]) from error
    if not boxes:
        raise InputError("boxes", [Fault(PINNED, "names no label")])
    words = "named one by one"
    return Target(dataset, field, tuple(boxes), len(boxes), field, words, labels=labels)


def saved_view(dataset: Any, name: str) -> Any:
    """The saved view that was named.

    Raises:
        InputError: there is none of this name.
    """
    if not dataset.has_saved_view(name):
        raise InputError("view", [unknown_view(dataset, name)])
    return dataset.load_saved_view(name)
