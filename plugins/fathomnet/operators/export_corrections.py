"""The door to :func:`corrections.export_corrections`."""

from __future__ import annotations

from typing import Any

from ..errors import FathomNetError
from ..files.places import is_there
from ..parameters import relabelling as parameters
from ..relabelling.corrections import correction_files, count_corrections
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class ExportCorrections(StageOperator[parameters.ExportCorrections]):
    model = parameters.ExportCorrections
    icon = "/plugins/fathomnet/assets/export.svg"

    def preview(self, params: parameters.ExportCorrections, dataset: Any) -> Preview:
        try:
            files = correction_files(params.folder)
        except FathomNetError as error:
            return Preview(problems=(problem_with("folder", error),))
        corrections = count_corrections(dataset, params.field)
        what = counted(corrections, "correction", "corrections")
        there = tuple(f"{file} is there and is replaced" for file in files if is_there(file))
        facts = tuple(f"{what} in {file}" for file in files)
        return Preview(facts=facts, warnings=there)
