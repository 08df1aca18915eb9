"""The door to :func:`relabelling.export_corrections`."""

from __future__ import annotations

from typing import Any

from ..errors import FathomNetError
from ..files.places import is_there
from ..parameters import relabelling as parameters
from ..relabelling import check_corrections
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class ExportCorrections(StageOperator[parameters.ExportCorrections]):
    model = parameters.ExportCorrections
    icon = "/plugins/fathomnet/assets/export.svg"

    def preview(self, params: parameters.ExportCorrections, dataset: Any) -> Preview:
        try:
            files = check_corrections(dataset, **params.model_dump())
        except FathomNetError as error:
            return Preview(problems=(problem_with("folder", error),))
        return Preview(
            facts=tuple(
                f"{counted(number, 'correction', 'corrections')} in {file}"
                for file, number in files.items()
            ),
            warnings=tuple(f"{file} is there and is replaced" for file in files if is_there(file)),
        )
