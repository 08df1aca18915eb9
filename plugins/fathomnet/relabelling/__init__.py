"""Bulk relabelling with a journal, its undo, and what stands corrected."""

from __future__ import annotations

from .corrections import ExportResult, export_corrections
from .relabel import RelabelResult, UndoResult, relabel_boxes, undo_relabel

__all__ = [
    "ExportResult",
    "RelabelResult",
    "UndoResult",
    "export_corrections",
    "relabel_boxes",
    "undo_relabel",
]
