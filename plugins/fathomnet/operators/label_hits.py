"""The door to :func:`needles.label_hits`."""

from collections.abc import Mapping
from typing import Any

from ..errors import FathomNetError
from ..needles import LabelHitsResult, label_hits
from ..parameters import needles as parameters
from ..progress import Progress, silent
from ..seen import Target
from ..text import counted
from .chosen_boxes import BoxesOperator, boxes_of, in_words, question_of
from .forms import Preview, problem_with


class LabelHits(BoxesOperator[parameters.LabelHits]):
    model = parameters.LabelHits
    icon = "/plugins/fathomnet/assets/hit.svg"

    def run(
        self, params: parameters.LabelHits, dataset: Any, progress: Progress
    ) -> LabelHitsResult:
        return _label(params, dataset, params.dry_run, progress)

    def preview(self, params: parameters.LabelHits, dataset: Any) -> Preview:
        said = in_words(dataset, params.field)
        try:
            told = _label(params, dataset, dry_run=True)
        except FathomNetError as error:
            faults = getattr(error, "faults", ()) or (problem_with("field", error),)
            return Preview(problems=tuple(faults), target=said)
        of = f" of {counted(told.hits, 'hit', 'hits')}" if told.hits != told.labelled else ""
        facts = [f"{counted(one.boxes, 'box', 'boxes')}: {one.name}" for one in told.names]
        if of:
            facts.append(
                f"{counted(told.labelled, 'box', 'boxes')}{of}: those that overlap are one"
            )
        if told.unchanged:
            facts.append(f"{counted(told.unchanged, 'hit has', 'hits have')} such a box already")
        warnings = (
            (f"{counted(told.conflicts, 'hit lies', 'hits lie')} in a box of another name.",)
            if told.conflicts
            else ()
        )
        question = None
        if isinstance(dataset, Target) and told.labelled:
            hits = counted(len(dataset.boxes), "hit", "hits")
            words = f"Label {'this' if len(dataset.boxes) == 1 else 'these'} {hits}"
            question = question_of(params, dataset, words, (params.label, params.into))
        return Preview(tuple(facts), warnings, target=said, question=question)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if result.get("dry_run") or not result.get("journal"):
            return ()
        return ('"FathomNet: undo a relabelling" takes these boxes away again.',)

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Shows the boxes that were made, and lets go of what was selected."""
        super().show(ctx, result)
        if not result["dry_run"]:
            self.show_changed(ctx, result["journal"])


def _label(
    params: parameters.LabelHits, target: Any, dry_run: bool, progress: Progress = silent
) -> LabelHitsResult:
    values = params.model_dump(exclude={"view", "scope", "dry_run"})
    return label_hits(boxes_of(params, target), **values, dry_run=dry_run, progress=progress)
