"""Loads a model of fathomnet-voxel51 for FiftyOne.

This file is copied into FiftyOne's folder of models, so that every program that uses FiftyOne on
this machine finds them: the App's server, workers and notebooks, with or without the plugin.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

PACKAGE = "fathomnet_voxel51"


def load_model(model_name: str, model_path: str, **settings: Any) -> Any:
    """FiftyOne calls this; ``model_path`` is the file that says which model it is."""
    entry = json.loads(Path(model_path).read_text(encoding="utf-8"))
    return _models(Path(entry["code"])).load_zoo_model(entry["model"], **settings)


def _models(folder: Path) -> Any:
    """The project's module of models: as it is loaded or installed, else from its folder."""
    if PACKAGE not in sys.modules and importlib.util.find_spec(PACKAGE) is None:
        code = folder if folder.is_dir() else _plugin_folder(folder)
        spec = importlib.util.spec_from_file_location(
            PACKAGE, code / "__init__.py", submodule_search_locations=[str(code)]
        )
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = module
        spec.loader.exec_module(module)
    return importlib.import_module(f"{PACKAGE}.models")


def _plugin_folder(folder: Path) -> Path:
    """Where the plugin is now, if it is not where it was when the model was registered."""
    import fiftyone.plugins as fop

    for plugin in fop.list_plugins():
        if plugin.name == "@fathomnet/voxel51":
            return Path(plugin.py_entry_path).parent
    raise RuntimeError(
        f"this model belongs to fathomnet-voxel51, which is neither installed, nor among "
        f"FiftyOne's plugins, nor in {folder} any more: install it again"
    )
