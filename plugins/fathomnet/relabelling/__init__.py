"""Bulk relabelling with a journal, its undo, and what stands corrected."""

from .corrections import ExportResult, check_corrections, export_corrections
from .export import DatasetExportResult, check_dataset_export, export_dataset
from .relabel import RelabelResult, UndoResult, relabel_boxes, undo_relabel

__all__ = [
    "DatasetExportResult",
    "ExportResult",
    "RelabelResult",
    "UndoResult",
    "check_corrections",
    "check_dataset_export",
    "export_corrections",
    "export_dataset",
    "relabel_boxes",
    "undo_relabel",
]
