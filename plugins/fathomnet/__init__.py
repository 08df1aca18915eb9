"""FathomNet 2025 in FiftyOne: the plugin's entry point, and the one name of its code.

FiftyOne runs this file as a module whose name depends on the release and on where the plugin lies:
``fiftyone.plugins.orgs.fathomnet.voxel51``, ``@fathomnet.voxel51`` without a parent that could be
imported, or an empty name where a checkout itself is the folder of plugins. Nothing here relies on
that name. The code is always imported as ``fathomnet_voxel51``, the name of the installed package,
so that each class has one path in every release and every process: the path by which FiftyOne
stores a run's class in the database and finds it again.

Where FiftyOne has loaded the plugin, that name stands for the plugin's own folder:

- No package is installed: the name is made importable from the folder.
- A package is installed too, whatever its version: the folder is taken all the same, since its
  operators are those that the manifest beside it declares.
- The package was imported before, from elsewhere: it stays if its code is the same to the byte, as
  where one release is installed both ways. If it differs it is replaced, with a warning, because
  what such a process still holds of the other version is better not used any more.

FiftyOne runs this file anew whenever it lists its operators; the modules below it stay imported.
"""

import hashlib
import importlib.util
import logging
import sys
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = "fathomnet_voxel51"

_FOLDER: Final = Path(__file__).resolve().parent
_logger = logging.getLogger(PACKAGE)


def register(plugin: Any) -> None:
    """Registers operators, panels and models with FiftyOne; called by its plugin loader."""
    _take_the_name()
    from fathomnet_voxel51.errors import SetupError
    from fathomnet_voxel51.metrics import METRICS
    from fathomnet_voxel51.models import register_zoo_models
    from fathomnet_voxel51.operators import OPERATORS
    from fathomnet_voxel51.panels import PANELS

    for operator in (*OPERATORS, *METRICS, *PANELS):
        plugin.register(operator)
    try:
        register_zoo_models()
    except SetupError as error:
        # The stages that need the models raise it again; the others work without.
        _logger.warning(error)


def _take_the_name() -> None:
    """Makes the package's name stand for the code in this folder, in this process."""
    loaded = sys.modules.get(PACKAGE)
    if loaded is not None:
        other = Path(str(loaded.__file__)).resolve().parent
        if other == _FOLDER or _digest(other) == _digest(_FOLDER):
            return
        _logger.warning(
            "The plugin in %s replaces the other version of %s that this process had imported from "
            "%s: uninstall that package, or install the plugin's version",
            _FOLDER,
            PACKAGE,
            other,
        )
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        PACKAGE, _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


def _digest(folder: Path) -> bytes:
    """Of all code in a folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()
