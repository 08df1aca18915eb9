"""Every operator's parameters, from which forms, command line and validation are made.

Nothing here imports FiftyOne, so that the command line can list and check them without it.
"""

from .base import Parameters, modules_of, nested, title
from .kinds import Widget, widget
from .workflow import OPERATORS, RunWorkflow

__all__ = [
    "OPERATORS",
    "Parameters",
    "RunWorkflow",
    "Widget",
    "modules_of",
    "nested",
    "title",
    "widget",
]
