"""The command line: every operator as a command, made from the same definitions as its form."""

from __future__ import annotations

import contextlib
import json
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from . import delegation, media_stages
from .deployments import use_deployment
from .errors import DatasetError, FathomNetError, Fault, InputError
from .parameters import OPERATORS, Parameters, Widget, title, widget
from .plain import plain
from .progress import Progress as Report
from .progress import throttled

FAILED, BAD_INPUT, ITEMS_FAILED = 1, 2, 3
"""Exit statuses; 0 is done."""
PATH_WIDGETS = (Widget.FILE, Widget.PLACE)
LOG_INTERVAL_SECONDS = 2.0

errors = Console(stderr=True, highlight=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathomnet-voxel51")
def main() -> None:
    """FathomNet in FiftyOne, from image URLs to answers."""


def _option_name(*names: str) -> str:
    return "--" + ".".join(name.replace("_", "-") for name in names)


def parameter_options(
    model: type[Parameters], prefix: tuple[str, ...] = ()
) -> Iterator[click.Option]:
    """An option for each parameter of an operator, for its command."""
    for name, info in model.model_fields.items():
        nested = info.annotation
        if isinstance(nested, type) and issubclass(nested, Parameters):
            yield from parameter_options(nested, (*prefix, name))
        else:
            yield _option((*prefix, name), info)


def _option(names: tuple[str, ...], info: FieldInfo) -> click.Option:
    flag = _option_name(*names)
    text = f"{title(info, names[-1])}. {info.description}."
    declared = [f"{flag}/--no-{flag[2:]}" if info.annotation is bool else flag, "__".join(names)]
    if not info.is_required() and info.default not in ("", None, False):
        default = info.default
        shown = ",".join(default) if isinstance(default, tuple) else default
        text += f"  [default: {shown}]"
    choices = typing.get_args(info.annotation)
    literal = bool(choices) and all(isinstance(choice, str) for choice in choices)
    return click.Option(
        declared, default=None, help=text, type=click.Choice(list(choices)) if literal else None
    )


def given_values(values: dict[str, Any]) -> dict[str, Any]:
    """The options that were typed, nested again where their names were joined."""
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


def _command(model: type[Parameters]) -> click.Command:
    def callback(
        delegate: bool,
        wait: bool,
        deployment: str | None,
        as_json: bool,
        dataset: str | None = None,
        **values: Any,
    ) -> None:
        with exit_status():
            use_deployment(deployment)
            params = model.parse(given_values(values))
            params = _with_absolute_paths(params)
            with contextlib.redirect_stdout(sys.stderr):
                result, failed = _execute(params, dataset, delegate, wait)
            print_result(result, as_json)
            if failed:
                sys.exit(ITEMS_FAILED)

    own = [
        click.Option(["--delegate"], is_flag=True, help="Queue it for a worker instead."),
        click.Option(["--wait"], is_flag=True, help="With --delegate: follow it to its end."),
        click.Option(["--deployment"], help="Prefix of a pair of variables in .env."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON alone."),
    ]
    if model.takes_dataset:
        own.insert(0, click.Option(["--dataset"], help="The FiftyOne dataset to work on."))
    return click.Command(
        model.operator.replace("_", "-"),
        params=[*parameter_options(model), *own],
        callback=callback,
        help=f"{model.summary}.",
    )


def _execute(
    params: Parameters, dataset_name: str | None, delegate: bool, wait: bool
) -> tuple[dict[str, Any], int]:
    """Runs or queues an operator.

    Returns:
        its result, and how many items failed.
    """
    if params.operator in media_stages.RUNNERS and not delegate:
        with progress_bar() as report:
            result = plain(media_stages.RUNNERS[params.operator](params, report))
        return result, media_stages.not_moved(result)
    from . import operators

    operator = next(kind for kind in operators.OPERATORS if kind.model is type(params))()
    dataset = _load_dataset(dataset_name, type(params))
    if not delegate:
        with progress_bar() as report:
            result = operator.run_to_dict(params, dataset, report)
        return result, operator.failed_items(result)
    operation = delegation.queue(params.operator, dataset_name, params.model_dump(mode="json"))
    if not wait:
        return {"operation": operation}, 0
    with progress_bar() as report:
        result = delegation.follow(operation, report)
    return result, operator.failed_items(result)


def _load_dataset(name: str | None, model: type[Parameters]) -> Any:
    import fiftyone as fo

    if name is None:
        if model.needs_dataset:
            raise InputError(model.operator, [Fault("--dataset", "name the dataset to work on")])
        return None
    if not fo.dataset_exists(name):
        known = ", ".join(fo.list_datasets()) or "none"
        raise DatasetError(f"there is no dataset {name}; known: {known}")
    return fo.load_dataset(name)


def _with_absolute_paths(params: Parameters) -> Parameters:
    """A worker runs in a folder of its own, so relative paths are resolved here."""
    changed: dict[str, Any] = {}
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if isinstance(value, Parameters):
            changed[name] = _with_absolute_paths(value)
        elif widget(info) in PATH_WIDGETS and value and "://" not in value:
            changed[name] = str(Path(value).expanduser().absolute())
    return params.model_copy(update=changed)


@contextlib.contextmanager
def progress_bar() -> Iterator[Report]:
    """A bar on a terminal, and a line now and then in a log."""
    if not errors.is_terminal:
        yield throttled(
            lambda share, label: errors.print(f"{share:4.0%} {label}", markup=False),
            LOG_INTERVAL_SECONDS,
        )
        return
    columns = (
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        yield throttled(
            lambda share, label: bar.update(task, completed=share, description=label), 0.1
        )


@contextlib.contextmanager
def exit_status() -> Iterator[None]:
    """Ends the program with the status that belongs to an error, and its message."""
    try:
        yield
    except (InputError, DatasetError) as error:
        errors.print(str(error), markup=False, style="red")
        sys.exit(BAD_INPUT)
    except FathomNetError as error:
        errors.print(str(error), markup=False, style="red")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        errors.print("stopped; run it again to go on from here")
        sys.exit(FAILED)


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """Prints what was done on standard output, as JSON or for a person."""
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    for line in _lines(result):
        click.echo(line)


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


for _model in OPERATORS.values():
    main.add_command(_command(_model))


@main.command("refresh-taxonomy")
@click.option("--write", type=click.Path(path_type=Path), help="Write the fresh table here.")
def refresh_taxonomy(write: Path | None) -> None:
    """Ask WoRMS for the lineages again and print what drifted."""
    from . import worms

    with exit_status():
        with progress_bar() as report:
            drifts = worms.refresh(write=write, progress=report)
        click.echo(worms.describe(drifts))


if __name__ == "__main__":
    main()
