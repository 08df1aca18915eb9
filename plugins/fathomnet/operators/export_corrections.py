"""The door to :func:`corrections.export_corrections`."""

from __future__ import annotations

from typing import Any

from .. import parameters
from ..progress import Progress
from ..relabelling import ExportResult, export_corrections
from ..relabelling.corrections import correction_files, count_corrections
from ..text import counted
from .base import StageOperator
from .forms import Preview


class ExportCorrections(StageOperator[parameters.ExportCorrections]):
    model = parameters.ExportCorrections
    icon = "/plugins/fathomnet/assets/export.svg"

    def run(
        self, params: parameters.ExportCorrections, dataset: Any, progress: Progress
    ) -> ExportResult:
        return export_corrections(dataset, params.folder, params.field, progress)

    def preview(self, params: parameters.ExportCorrections, dataset: Any) -> Preview:
        files = correction_files(params.folder)
        corrections = count_corrections(dataset, params.field)
        what = counted(corrections, "correction", "corrections")
        there = tuple(f"{file} is there and is replaced" for file in files if file.exists())
        facts = tuple(f"{what} in {file}" for file in files)
        return Preview(facts=facts, warnings=there)
