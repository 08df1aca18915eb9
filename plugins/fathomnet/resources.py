"""What comes with an installation, and where a machine keeps what the project makes."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from .errors import SetupError

DISTRIBUTION: Final = "fathomnet-voxel51"
HOME_VARIABLE: Final = "FATHOMNET_HOME"
"""Environment variable: the folder below which a machine keeps things, unless each has its own."""
DEFAULT_HOME: Final = "~/.fathomnet"

_HERE = Path(__file__).resolve().parent
_FOLDERS = (
    _HERE / "data",  # an installed wheel: the data subpackage
    _HERE.parents[1] / "data",  # a checkout, an editable install or a FiftyOne plugin folder
)


def data_file(name: str) -> Path:
    """The path of a file in the project's ``data`` folder, however the project was installed.

    Args:
        name: the file's name, for example ``"taxonomy.csv"``.

    Raises:
        SetupError: no such file came with this installation.

    Examples:
        >>> data_file("taxonomy.csv").name
        'taxonomy.csv'
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    looked = " and ".join(str(folder) for folder in _FOLDERS)
    raise SetupError(f"data file {name!r} is in neither {looked}; install the project again")


def data_files(folder: str, suffix: str) -> tuple[Path, ...]:
    """The files of one kind in a folder of the project's ``data``, sorted by name.

    Args:
        folder: its name, for example ``"needles"``.
        suffix: the end of their names, for example ``".yaml"``.
    """
    for data in _FOLDERS:
        if found := sorted((data / folder).glob(f"*{suffix}")):
            return tuple(found)
    return ()


def kept_in(name: str, variable: str) -> Path:
    """The folder in which this machine keeps something.

    Args:
        name: of the folder below ``FATHOMNET_HOME``.
        variable: the environment variable that names another one.
    """
    home = os.environ.get(HOME_VARIABLE) or DEFAULT_HOME
    return Path(os.environ.get(variable) or f"{home}/{name}").expanduser()


def installed_version() -> str | None:
    """This distribution's version; None if it runs from a folder without an installation."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None
