"""One name for this code in every process, also where only the FiftyOne plugin is there.

FiftyOne stores the path of a run's class and imports it when the run is loaded. A plugin's modules
have another name than those of the installed package, so the stored paths are always those of the
package's ``stored_classes``, and the plugin makes the package importable where none is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Final

from ..fields import STORED_CLASSES

PACKAGE: Final = "fathomnet_voxel51"

_FOLDER: Final = Path(__file__).resolve().parents[1]


def stored_path(cls: type) -> str:
    """The path under which every process finds a class of ``stored_classes``, whatever moves."""
    return f"{STORED_CLASSES}.{cls.__qualname__}"


def make_importable() -> None:
    """Lets this process import the package by its name; nothing where it already can."""
    if PACKAGE in sys.modules or importlib.util.find_spec(PACKAGE) is not None:
        return
    spec = importlib.util.spec_from_file_location(
        PACKAGE, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)
