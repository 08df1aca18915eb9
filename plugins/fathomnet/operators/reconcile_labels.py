"""The door to :func:`relabelling.reconcile_labels`."""

from collections.abc import Mapping
from typing import Any, Final

from ..errors import FathomNetError
from ..parameters import relabelling as parameters
from ..relabelling import check_reconciliation
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with, too_large

_SHOWN: Final = 20
"""Names that stay as they are."""


class ReconcileLabels(StageOperator[parameters.ReconcileLabels]):
    model = parameters.ReconcileLabels
    icon = "/plugins/fathomnet/assets/reconcile.svg"
    risk = "HIGH"
    changes_labels = True

    def preview(self, params: parameters.ReconcileLabels, dataset: Any) -> Preview:
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
        return Preview(tuple(facts or (none,)), tuple(warnings))

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
