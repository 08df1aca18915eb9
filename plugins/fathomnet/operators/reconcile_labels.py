"""The door to :func:`relabelling.reconcile_labels`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..dataset.schema import labels_path
from ..errors import FathomNetError
from ..parameters import relabelling as parameters
from ..relabelling import check_reconciliation
from ..relabelling.box_states import box_ids
from ..seen import Box
from ..text import counted
from .chosen_boxes import WhereverOperator, behind, in_words, question_of
from .forms import Preview, problem_with, too_large

_SHOWN: Final = 20
"""Names that stay as they are."""


class ReconcileLabels(WhereverOperator[parameters.ReconcileLabels]):
    model = parameters.ReconcileLabels
    icon = "/plugins/fathomnet/assets/reconcile.svg"

    def boxes_changed(
        self, params: parameters.ReconcileLabels, dataset: Any
    ) -> tuple[str, Sequence[Box], str]:
        from fiftyone import ViewField

        plan = check_reconciliation(dataset, params.field, params.table)
        names = [one.old for one in plan if one.boxes and one.kind != "ambiguous"]
        view = dataset.filter_labels(params.field, ViewField("label").is_in(names))
        boxes = box_ids(view, labels_path(dataset, params.field)) if names else []
        return params.field, boxes, "those with old names, wherever they are"

    def preview(self, params: parameters.ReconcileLabels, dataset: Any) -> Preview:
        target, dataset = dataset, behind(dataset)
        if params.table and too_large(params.table):
            return Preview(("a large file, checked when it is read",))
        try:
            plan = check_reconciliation(dataset, params.field, params.table)
        except FathomNetError as error:
            return Preview(problems=(problem_with("table", error),))
        facts, warnings = [], []
        for one in plan:
            labels = counted(one.boxes, "label", "labels")
            if one.boxes and one.kind != "ambiguous":
                facts.append(f"{labels}: {one.old} becomes {one.new[0]}")
            elif one.boxes:
                choice = " or ".join(one.new) or "anything"
                warnings.append(f"{labels}: {one.old} may be {choice}, and is left")
        none = "no label is an old name that has become one other"
        if (others := len(warnings) - _SHOWN) > 0:
            names = counted(others, "other name is", "other names are")
            warnings[_SHOWN:] = [f"{names} left too"]
        said = in_words(target)
        boxes = sum(one.boxes for one in plan if one.kind != "ambiguous")
        words = f"Change {'this' if boxes == 1 else 'these'} {counted(boxes, 'box', 'boxes')}"
        about = [f"{one.old}\n{one.new}" for one in plan]
        question = question_of(params, target, words, about)
        return Preview(tuple(facts or (none,)), tuple(warnings), target=said, question=question)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        said = []
        if result.get("view"):
            said.append(f"What may be several is in the saved view {result['view']}.")
        if result.get("journal"):
            said.append(
                '"FathomNet: undo a relabelling" takes this back. Primary labels of boxes '
                'follow when "FathomNet: add primary labels" is run again.'
            )
        return tuple(said)
