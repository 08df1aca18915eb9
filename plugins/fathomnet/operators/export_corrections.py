"""The door to :func:`corrections.export_corrections`."""

from __future__ import annotations

from typing import Any

from .. import parameters
from ..corrections import ExportResult, export_corrections
from ..progress import Progress
from .base import StageOperator


class ExportCorrections(StageOperator[parameters.ExportCorrections]):
    model = parameters.ExportCorrections
    icon = "/plugins/fathomnet/assets/export.svg"

    def run(
        self, params: parameters.ExportCorrections, dataset: Any, progress: Progress
    ) -> ExportResult:
        return export_corrections(dataset, params.folder, params.field, progress)
