"""Stages in order, as one operation."""

from .workflow import check_workflow, run_workflow

__all__ = [
    "check_workflow",
    "run_workflow",
]
