"""FathomNet 2025 in FiftyOne: the plugin's entry point, and nothing else."""

from __future__ import annotations

import logging
from typing import Any


def register(plugin: Any) -> None:
    """Registers operators, panels and models with FiftyOne; called by its plugin loader."""
    from .errors import SetupError
    from .metrics import METRICS
    from .models import register_zoo_models
    from .operators import OPERATORS
    from .panels import PANELS
    from .search.importable import make_importable

    make_importable()
    for operator in (*OPERATORS, *METRICS, *PANELS):
        plugin.register(operator)
    try:
        register_zoo_models()
    except SetupError as error:
        # The stages that need the models raise it again; the others work without.
        logging.getLogger(__name__).warning(error)
