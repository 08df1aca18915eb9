"""The data card: what a dataset holds, where it came from, how models score on it."""

from .report import ReportResult, report_dataset

__all__ = [
    "ReportResult",
    "report_dataset",
]
