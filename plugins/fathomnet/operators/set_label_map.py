"""The door to :func:`relabelling.set_label_map`."""

from collections.abc import Mapping
from typing import Any

from ..errors import FathomNetError, Fault
from ..parameters import relabelling as parameters
from ..relabelling import check_label_map
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with, too_large


class SetLabelMap(StageOperator[parameters.SetLabelMap]):
    model = parameters.SetLabelMap
    icon = "/plugins/fathomnet/assets/label_map.svg"
    changes_labels = True

    def preview(self, params: parameters.SetLabelMap, dataset: Any) -> Preview:
        if not params.file and params.version is None:
            return Preview(problems=(Fault("file", "choose a label map, or an earlier version"),))
        if params.file and too_large(params.file):
            return Preview(("a large file, checked when it is read",))
        try:
            chosen = check_label_map(dataset, params.file, params.version)
        except FathomNetError as error:
            return Preview(problems=(problem_with("file" if params.file else "version", error),))
        tree, label_map = chosen.taxonomy, chosen.label_map
        special = len(label_map.special) if label_map else 0
        facts = [
            f"{counted(len(tree.offered), 'name', 'names')} for labels, "
            f"{counted(special, 'special name', 'special names')}, "
            f"{counted(len(tree.retired), 'deprecated one', 'deprecated ones')}"
        ]
        ignored = ", ".join(chosen.ignored)
        return Preview(tuple(facts), (f"Columns that are not read: {ignored}",) * bool(ignored))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        said = []
        if result.get("deprecated_labels"):
            said.append(
                'Labels have deprecated names: "FathomNet: reconcile labels" brings them to '
                "those that they have become."
            )
        if result.get("unknown_labels"):
            said.append(f"Not in the map: {', '.join(result['unknown_labels'])}.")
        if result.get("version"):
            said.append(
                "Ranks on boxes and evaluations are of the names before: add the ranks and "
                "evaluate again."
            )
        return tuple(said)
