"""Which FiftyOne the command line talks to: the local one, or a named Enterprise deployment."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from dotenv import dotenv_values

from ..errors import Fault, InputError

API_VARIABLES = ("FIFTYONE_API_URI", "FIFTYONE_API_KEY")
ENV_FILE = ".env"


def use_deployment(
    name: str | None,
    folder: Path | None = None,
    environment: MutableMapping[str, str] | None = None,
) -> None:
    """Sets the variables that FiftyOne reads when it is imported; call this before importing it.

    A ``.env`` file may hold ``FIFTYONE_API_URI`` and ``FIFTYONE_API_KEY``, and any number of
    prefixed pairs such as ``LAB_FIFTYONE_API_URI``. Variables that are already set take precedence
    over the file's, except when a deployment is named.

    Args:
        name: the prefix of a pair, in any case; None for the unprefixed pair, if there is one.
        folder: where the ``.env`` file is; the current folder by default.
        environment: the variables to read and change; the process's own by default.

    Raises:
        InputError: no pair has that prefix, or one of its two variables is missing.
    """
    environment = os.environ if environment is None else environment
    path = (folder or Path.cwd()) / ENV_FILE
    known = {key: value for key, value in dotenv_values(path).items() if value}
    known.update(environment)
    for variable in API_VARIABLES:
        if name is None:
            if variable in known:
                environment[variable] = known[variable]
            continue
        prefixed = f"{name.strip().upper().replace('-', '_')}_{variable}"
        if prefixed not in known:
            suffix = f"_{API_VARIABLES[0]}"
            pairs = (key for key in known if key.endswith(suffix))
            others = sorted(key.removesuffix(suffix).lower() for key in pairs)
            problem = f"is not set; known deployments: {', '.join(others) or 'none'}"
            raise InputError(
                f"deployment {name}",
                [Fault(prefixed, problem)],
                f"Set it in {path} or in the environment.",
            )
        environment[variable] = known[prefixed]
