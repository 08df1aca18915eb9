"""The door to :func:`relabelling.undo_relabel`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import parameters
from ..dataset.journal import journals_of
from ..progress import Progress
from ..relabelling import UndoResult, undo_relabel
from .base import StageOperator
from .forms import Preview


class UndoRelabel(StageOperator[parameters.UndoRelabel]):
    model = parameters.UndoRelabel
    icon = "/plugins/fathomnet/assets/undo.svg"

    def run(self, params: parameters.UndoRelabel, dataset: Any, progress: Progress) -> UndoResult:
        return undo_relabel(dataset, params.journal, progress)

    def preview(self, params: parameters.UndoRelabel, dataset: Any) -> Preview:
        open_ones = [
            journal
            for journal in journals_of(dataset)
            if journal.can_be_undone and params.journal in ("", journal.key)
        ]
        if not open_ones:
            return Preview(warnings=("There is no such relabelling, or it is undone already.",))
        last = open_ones[-1]
        words = f"{last.boxes:,} boxes that {last.user or 'somebody'} made {last.label}"
        return Preview(facts=(f"{words} on {last.time[:16]} get their labels back",))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result["conflicts"]:
            return ()
        return (
            f"{result['conflicts']:,} boxes were edited or deleted since, and were left as they "
            "are.",
        )
