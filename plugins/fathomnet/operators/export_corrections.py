"""The door to :func:`relabelling.export_corrections`."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from fiftyone import load_dataset

from ..dataset.columns import times_of_writes
from ..errors import FathomNetError
from ..files.places import Place, is_there
from ..parameters import relabelling as parameters
from ..relabelling import check_corrections
from ..relabelling.corrections import hides_edits_by_hand
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with

_NOT_KEPT: Final = (
    "What was edited by hand is not known: the boxes were not kept as they were ingested. Run "
    "ingest_dataset again with the same files; it changes no label."
)


@lru_cache(maxsize=4)
def _counted(name: str, since: str, **params: Any) -> dict[Place, int]:
    """The number of corrections in each file, counted anew once something was written ``since``.

    A form asks at every keystroke, and counting compares all boxes with those that were ingested.
    """
    return check_corrections(load_dataset(name), **params)


class ExportCorrections(StageOperator[parameters.ExportCorrections]):
    model = parameters.ExportCorrections
    icon = "/plugins/fathomnet/assets/export.svg"
    writes_to = "folder"

    def preview(self, params: parameters.ExportCorrections, dataset: Any) -> Preview:
        try:
            since = f"{dataset._doc.id} {times_of_writes(dataset)} {dataset.list_runs()}"
            files = _counted(dataset.name, since, **params.model_dump())
        except FathomNetError as error:
            return Preview(problems=(problem_with("folder", error),))
        facts = tuple(
            f"{counted(number, 'correction', 'corrections')} in {file}"
            for file, number in files.items()
        )
        warnings = [f"{file} is there and is replaced" for file in files if is_there(file)]
        if hides_edits_by_hand(dataset, params.field):
            warnings.append(_NOT_KEPT)
        return Preview(facts=facts, warnings=tuple(warnings))

    def written(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        judged = [result["verdicts"]] if result["verdicts"] else []
        return result["csv"], *result["files"], *judged
