"""The door to :func:`relabelling.undo_relabel`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DatasetError, Fault
from ..parameters import relabelling as parameters
from ..relabelling.journal import changes_of
from ..relabelling.relabel import boxes_to_restore, journal_to_undo
from ..seen import Box
from ..text import counted
from .chosen_boxes import WhereverOperator, behind, in_words, question_of
from .forms import Preview


class UndoRelabel(WhereverOperator[parameters.UndoRelabel]):
    model = parameters.UndoRelabel
    icon = "/plugins/fathomnet/assets/undo.svg"
    # No button: where the grid is narrow the App puts those that do not fit into a menu of its own,
    # which lies over what is clicked next, and nobody should undo by a click that went astray.

    def boxes_changed(
        self, params: parameters.UndoRelabel, dataset: Any
    ) -> tuple[str, Sequence[Box], str]:
        journal = journal_to_undo(dataset, params.journal)
        changes = changes_of(dataset, journal) if journal.can_be_undone else ()
        boxes = [(one.box.sample_id, one.box.label_id) for one in changes]
        return journal.field, boxes, f"those of {journal.key}, wherever they are"

    def preview(self, params: parameters.UndoRelabel, dataset: Any) -> Preview:
        target, dataset = dataset, behind(dataset)
        try:
            journal = journal_to_undo(dataset, params.journal)
        except DatasetError as error:
            return Preview(problems=(Fault("journal", str(error)),))
        if not journal.can_be_undone:
            return Preview(warnings=("This is undone already.",))
        restored = boxes_to_restore(dataset, journal)
        whose = f"{counted(restored, 'box', 'boxes')} that {journal.user or 'somebody'}"
        facts = (f"{whose} {journal.what} on {journal.when} will be as before",)
        edited = journal.boxes - restored
        warnings = (_left_alone(edited),) if edited else ()
        said = in_words(target)
        which = "this" if journal.boxes == 1 else "these"
        words = f"Change {which} {counted(journal.boxes, 'box', 'boxes')} back"
        question = question_of(params, target, words, (journal.key,))
        return Preview(facts, warnings, target=said, question=question)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        return (_left_alone(result["conflicts"]),) if result.get("conflicts") else ()


def _left_alone(boxes: int) -> str:
    if boxes == 1:
        return "1 box was edited or deleted since, and is left as it is."
    return f"{boxes:,} boxes were edited or deleted since, and are left as they are."
