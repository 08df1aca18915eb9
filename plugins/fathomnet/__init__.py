"""FathomNet 2025 in FiftyOne: the plugin's entry point, and nothing else."""

from __future__ import annotations

from typing import Any


def register(plugin: Any) -> None:
    """Registers every operator with FiftyOne; called by its plugin loader."""
    from .metrics import METRICS
    from .operators import OPERATORS

    for operator in (*OPERATORS, *METRICS):
        plugin.register(operator)
