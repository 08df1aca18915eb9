"""What the project's command lines share: deployment, options, exit status, progress, results."""

import contextlib
import json
import os
import sys
import types as python_types
import typing
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final
from unicodedata import category

import click
from dotenv import dotenv_values
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..errors import DatasetError, FathomNetError, Fault, InputError
from ..parameters import Parameters, nested, title
from ..progress import Progress as Report
from ..progress import throttled

FAILED: Final = 1
BAD_INPUT: Final = 2
"""Bad input; nothing was written."""
ITEMS_FAILED: Final = 3
"""Finished, except for items that are listed."""

LOG_INTERVAL_SECONDS: Final = 2.0

API_VARIABLES: Final = ("FIFTYONE_API_URI", "FIFTYONE_API_KEY")
ENV_FILE: Final = ".env"

errors = Console(stderr=True, highlight=False)


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


@contextlib.contextmanager
def progress_bar() -> Iterator[Report]:
    """Shows a progress bar on a terminal, or an occasional line in a log."""
    if not errors.is_terminal:
        yield throttled(
            lambda share, label: _say(f"{share:4.0%} {label}"),
            LOG_INTERVAL_SECONDS,
        )
        return
    columns = (
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield throttled(
            lambda share, label: bar.update(
                task, completed=share, description=without_control_characters(label)
            ),
            0.1,
        )


@contextlib.contextmanager
def exit_status() -> Iterator[None]:
    """Ends the program with an error's message and its exit status."""
    try:
        yield
    except (InputError, DatasetError) as error:
        _say(str(error), style="red")
        sys.exit(BAD_INPUT)
    except FathomNetError as error:
        _say(str(error), style="red")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        _say("stopped; run it again to go on from here")
        sys.exit(FAILED)


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """Prints a result on standard output, as JSON or for people to read."""
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    for line in _lines(result):
        click.echo(without_control_characters(line))


def without_control_characters(text: str) -> str:
    """A text without characters that control a terminal, except for line breaks."""
    acts = ("Cc", "Cf", "Cs")  # control, formatting such as right-to-left, and surrogates
    return "".join("?" if category(sign) in acts and sign not in "\n\t" else sign for sign in text)


def _say(text: str, style: str | None = None) -> None:
    """Prints to standard error; the terminal itself wraps lines, so a path stays in one piece."""
    errors.print(without_control_characters(text), markup=False, style=style, soft_wrap=True)


def _lines(result: dict[str, Any], indent: str = "") -> Iterator[str]:
    for name, value in result.items():
        if isinstance(value, dict):
            yield f"{indent}{name}"
            yield from _lines(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from (f"{indent}{'  '.join(str(v) for v in row.values() if v)}" for row in value)
        else:
            shown = f"{value:,}" if isinstance(value, int) else value
            yield f"{indent}{name.replace('_', ' ')}: {shown}"


def parameter_options(
    model: type[Parameters], prefix: tuple[str, ...] = ()
) -> Iterator[click.Option]:
    """The options of an operator's command, one for each of its parameters."""
    for name, info in model.model_fields.items():
        if inner := nested(info):
            yield from parameter_options(inner, (*prefix, name))
        else:
            flag = ".".join((*prefix, name)).replace("_", "-")
            declared = f"--{flag}/--no-{flag}" if info.annotation is bool else f"--{flag}"
            text = f"{title(info, name)}. {info.description}."
            if not info.is_required() and info.default not in ("", None, False, ()):
                default = info.default
                shown = ",".join(default) if isinstance(default, tuple) else default
                text += f"  [default: {shown}]"
            choices = _choices(info.annotation)
            kind = click.Choice(choices) if choices else None
            joined = "__".join((*prefix, name))
            yield click.Option([declared, joined], default=None, help=text, type=kind)


def _choices(annotation: Any) -> list[str]:
    """The choices of a literal type, which may also allow None; none for other types."""
    is_union = typing.get_origin(annotation) in (typing.Union, python_types.UnionType)
    kinds = typing.get_args(annotation) if is_union else (annotation,)
    literals = (kind for kind in kinds if typing.get_origin(kind) is typing.Literal)
    return [choice for literal in literals for choice in typing.get_args(literal)]


def given_values(values: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, nested again where their names were joined.

    Examples:
        >>> given_values({"stages": "ingest_dataset", "limit": None, "ingest_dataset__limit": 5})
        {'stages': 'ingest_dataset', 'ingest_dataset': {'limit': 5}}
    """
    given: dict[str, Any] = {}
    for joined, value in values.items():
        if value is None:
            continue
        *outer, name = joined.split("__")
        inner = given
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = value
    return given
