"""Stages in order, as one operation."""

from __future__ import annotations

from .workflow import check_workflow, run_workflow

__all__ = [
    "check_workflow",
    "run_workflow",
]
