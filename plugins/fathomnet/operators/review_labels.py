"""The door to :func:`review.review_labels`."""

from collections.abc import Mapping
from typing import Any, Final

from ..errors import FathomNetError, InputError
from ..parameters import review as parameters
from ..progress import Progress, silent
from ..review import ReviewResult, review_labels
from ..seen import Target
from ..text import counted
from .chosen_boxes import PINNED, BoxesOperator, boxes_of, in_words, question_of
from .forms import Preview, problem_with

_NAMES_LISTED: Final = 8
_BECOME: Final = {
    "confirmed": "confirmed",
    "accepted": "what is suggested for each",
    "rejected": "rejected",
    "unsure": "unsure",
    "reset": "unreviewed",
}


class ReviewLabels(BoxesOperator[parameters.ReviewLabels]):
    model = parameters.ReviewLabels
    icon = "/plugins/fathomnet/assets/review.svg"
    place = "SAMPLES_GRID_SECONDARY_ACTIONS"  # labels are selected below it

    def run(
        self, params: parameters.ReviewLabels, dataset: Any, progress: Progress
    ) -> ReviewResult:
        return _review(params, dataset, params.dry_run, progress)

    def preview(self, params: parameters.ReviewLabels, dataset: Any) -> Preview:
        said = in_words(dataset, params.field)
        try:
            told = _review(params, dataset, dry_run=True)
        except InputError as error:
            return Preview(problems=error.faults, target=said)
        except FathomNetError as error:
            return Preview(problems=(problem_with("verdict", error),), target=said)
        facts = [_outcomes(params, told)]
        if isinstance(dataset, Target):
            # As "243 shown, 5 selected: ", where there is a screen.
            selected = dataset.excepted or (len(dataset.boxes) if dataset.how == "selected" else 0)
            also = f", {selected:,} selected" if selected else ""
            facts = [f"{dataset.shown:,} shown{also}: {facts[0]}"]
        if params.verdict in ("relabel", "accept_suggestion"):
            named = [one for one in told.differences if one.before != one.after]
            facts += [
                f"{one.boxes:,}: {one.before or 'no label'} becomes {one.after}"
                for one in named[:_NAMES_LISTED]
            ]
            if len(named) > _NAMES_LISTED:
                facts.append(f"and {len(named) - _NAMES_LISTED:,} more pairs of names")
        if told.without_suggestion:
            facts.append(f"{told.without_suggestion:,} without a suggestion stay as they are")
        if same := told.unchanged - told.without_suggestion:
            facts.append(f"{same:,} stay as they are: you said so already, or they have no name")
        warnings = []
        if told.judged_before:
            verdicts = counted(told.judged_before, "verdict", "verdicts")
            warnings.append(f"This replaces {verdicts} of other people; the journal keeps them.")
        question = None
        if isinstance(dataset, Target) and told.changed:
            words = f"Judge {counted(len(dataset.boxes), 'label', 'labels')}"
            question = question_of(params, dataset, words, (params.verdict, params.label))
        return Preview(tuple(facts), tuple(warnings), target=said, question=question)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if result.get("dry_run") or not result.get("journal"):
            return ()
        return ('"FathomNet: undo a relabelling" takes this back.',)

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Lets go of what was selected; what is shown stays, for the next verdict."""
        if PINNED in ctx.params:
            return  # the panel that named the labels shows them itself
        super().show(ctx, result)
        if ctx.dataset is not None and not result["dry_run"]:
            ctx.ops.clear_selected_labels()
            ctx.ops.clear_selected_samples()


def _review(
    params: parameters.ReviewLabels, target: Any, dry_run: bool, progress: Progress = silent
) -> ReviewResult:
    values = params.model_dump(exclude={"view", "scope", "dry_run"})
    return review_labels(boxes_of(params, target), **values, dry_run=dry_run, progress=progress)


def _outcomes(params: parameters.ReviewLabels, told: ReviewResult) -> str:
    """``238 become Peniagone, 5 become confirmed``."""
    counts = {"relabelled": told.relabelled}
    counts |= {name: getattr(told, name) for name in _BECOME}
    after = {one.after for one in told.differences}
    words = {**_BECOME, "relabelled": next(iter(after)) if len(after) == 1 else params.label}
    said = [
        f"{count:,} {'becomes' if count == 1 else 'become'} {words[name]}"
        for name, count in counts.items()
        if count
    ]
    return ", ".join(said) or "nothing changes"
