"""What the project's command lines share: exit statuses, progress and printed results."""

import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Final
from unicodedata import category

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from ..errors import DatasetError, FathomNetError, InputError
from ..progress import Progress as Report
from ..progress import throttled

FAILED: Final = 1
BAD_INPUT: Final = 2
"""Bad input; nothing was written."""
ITEMS_FAILED: Final = 3
"""Finished, except for items that are listed."""

LOG_INTERVAL_SECONDS: Final = 2.0

errors = Console(stderr=True, highlight=False)


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
