"""The command line: every operator as a command, and what it shares with others."""

from .terminal import (
    ITEMS_FAILED,
    errors,
    exit_status,
    given_values,
    parameter_options,
    print_result,
    progress_bar,
)

__all__ = [
    "ITEMS_FAILED",
    "errors",
    "exit_status",
    "given_values",
    "parameter_options",
    "print_result",
    "progress_bar",
]
