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
from .resolving import ResolveResult, check_names, resolve_names

__all__ = [
    "DatasetExportResult",
    "ExportResult",
    "LabelMapResult",
    "ReconcileResult",
    "RelabelResult",
    "ResolveResult",
    "UndoResult",
    "check_corrections",
    "check_dataset_export",
    "check_label_map",
    "check_names",
    "check_reconciliation",
    "export_corrections",
    "export_dataset",
    "reconcile_labels",
    "relabel_boxes",
    "resolve_names",
    "set_label_map",
    "undo_relabel",
]
