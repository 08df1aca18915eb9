"""Bulk relabelling with a journal, its undo, and what stands corrected."""

from .corrections import ExportResult, check_corrections, export_corrections
from .export import DatasetExportResult, check_dataset_export, export_dataset
from .label_map import (
    LabelMapResult,
    ReconcileResult,
    check_label_map,
    check_reconciliation,
    reconcile_labels,
    set_label_map,
)
from .relabel import RelabelResult, UndoResult, relabel_boxes, undo_relabel

__all__ = [
    "DatasetExportResult",
    "ExportResult",
    "LabelMapResult",
    "ReconcileResult",
    "RelabelResult",
    "UndoResult",
    "check_corrections",
    "check_dataset_export",
    "check_label_map",
    "check_reconciliation",
    "export_corrections",
    "export_dataset",
    "reconcile_labels",
    "relabel_boxes",
    "set_label_map",
    "undo_relabel",
]
