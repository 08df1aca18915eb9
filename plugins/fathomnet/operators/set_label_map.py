"""The doors to :func:`relabelling.set_label_map`, and to what makes a label map for it."""

from collections.abc import Mapping
from typing import Any

from ..errors import FathomNetError, Fault, InputError
from ..files.places import is_there
from ..parameters import relabelling as parameters
from ..relabelling import check_label_map, check_names
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with, told_minutes, too_large

_SECONDS_A_NAME = 0.5
"""That WoRMS takes, and the pause after it."""


class ResolveNames(StageOperator[parameters.ResolveNames]):
    model = parameters.ResolveNames
    icon = "/plugins/fathomnet/assets/resolve.svg"
    may_be_long = True
    writes_to = "folder"

    def preview(self, params: parameters.ResolveNames, dataset: Any) -> Preview:
        if params.file and too_large(params.file):
            return Preview(("a large file, checked when it is read",))
        try:
            plan = check_names(dataset, params.field, params.file, params.folder)
        except InputError as error:
            own = {fault.place for fault in error.faults} <= set(
                parameters.ResolveNames.model_fields
            )
            return Preview(problems=error.faults if own else (problem_with("file", error),))
        except FathomNetError as error:
            return Preview(problems=(problem_with("field", error),))
        left = len(plan.names) - plan.answered
        minutes = left * _SECONDS_A_NAME / 60
        known = f"; {plan.answered:,} have their answers already" if plan.answered else ""
        facts = (
            f"{counted(len(plan.names), 'name', 'names')} to ask WoRMS about{known}",
            f"the label map is {plan.label_map}",
        )
        warnings = told_minutes(minutes, "as fast as WoRMS likes to be asked")
        if is_there(plan.label_map):
            warnings = (*warnings, f"{plan.label_map} is there and is replaced")
        return Preview(facts, warnings, minutes=minutes)

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        said = ['Give the label map to "FathomNet: set the label map".']
        if result.get("doubtful"):
            doubtful = counted(result["doubtful"], "name is", "names are")
            said.insert(0, f"{doubtful} doubtful: {result['doubtful_names']} says what to do.")
        return tuple(said)

    def written(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        return result["label_map"], result["doubtful_names"]


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
