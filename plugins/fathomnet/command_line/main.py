"""The command line: every operator as a command, made from the same definitions as its form."""

import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from .. import delegation
from ..errors import Fault, InputError
from ..interruptions import told_plainly
from ..media import transfer
from ..parameters import OPERATORS, Parameters, Widget, widget
from ..text import as_plain
from . import terminal
from .terminal import given_values, parameter_options, use_deployment

PATH_WIDGETS = (Widget.FILE, Widget.PLACE)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathomnet-voxel51")
def main() -> None:
    """FathomNet in FiftyOne, from image URLs to answers."""


def _command(model: type[Parameters]) -> click.Command:
    def callback(
        delegate: bool,
        wait: bool,
        deployment: str | None,
        as_json: bool,
        dataset: str | None = None,
        **values: Any,
    ) -> None:
        with terminal.exit_status():
            use_deployment(deployment)
            params = model.parse(given_values(values))
            params = _with_absolute_paths(params)
            with contextlib.redirect_stdout(sys.stderr), told_plainly(params.operator):
                result, failed = _execute(params, dataset, delegate, wait)
            terminal.print_result(result, as_json)
            if failed:
                sys.exit(terminal.ITEMS_FAILED)

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
    if params.operator in transfer.RUNNERS and not delegate:
        with terminal.progress_bar() as report:
            result = as_plain(transfer.RUNNERS[params.operator](params, report))
        return result, transfer.not_moved(result)
    # Only here, because they import FiftyOne.
    from .. import operators
    from ..dataset.datasets import open_dataset

    operator = next(kind for kind in operators.OPERATORS if kind.model is type(params))()
    if dataset_name is None and params.needs_dataset:
        fault = Fault("--dataset", "name the dataset to work on")
        raise InputError(params.operator, [fault])
    dataset = None if dataset_name is None else open_dataset(dataset_name)
    if not delegate:
        with terminal.progress_bar() as report:
            result = operator.run_to_dict(params, dataset, report)
        return result, operator.failed_items(result)
    operation = delegation.queue(params.operator, dataset_name, params.model_dump(mode="json"))
    if not wait:
        return {"operation": operation}, 0
    with terminal.progress_bar() as report:
        result = delegation.follow(operation, report)
    return result, operator.failed_items(result)


def _with_absolute_paths(params: Parameters) -> Parameters:
    """A worker runs in a folder of its own, so relative paths are resolved here."""
    changed: dict[str, Any] = {}
    for name, info in type(params).model_fields.items():
        value = getattr(params, name)
        if isinstance(value, Parameters):
            changed[name] = _with_absolute_paths(value)
        elif widget(info) in PATH_WIDGETS and value and "://" not in value:
            paths = value.split("\n")
            changed[name] = "\n".join(str(Path(one).expanduser().absolute()) for one in paths)
    return params.model_copy(update=changed)


for _model in OPERATORS.values():
    main.add_command(_command(_model))


@main.command("refresh-taxonomy")
@click.option("--write", type=click.Path(path_type=Path), help="Write the fresh table here.")
def refresh_taxonomy(write: Path | None) -> None:
    """Ask WoRMS for the lineages again and print what drifted."""
    from ..taxonomy import worms

    with terminal.exit_status():
        with terminal.progress_bar() as report:
            drifts = worms.refresh(write=write, progress=report)
        click.echo(worms.describe(drifts))


@main.command("rename-transferred")
@click.argument("rename_map", type=click.Path(exists=True, dir_okay=False))
@click.argument("bucket")
def rename_transferred(rename_map: str, bucket: str) -> None:
    """Rename what a transfer job has fetched into BUCKET, by the map RENAME_MAP."""
    from ..media.storage_transfer import renaming

    with terminal.exit_status():
        result = renaming.rename_transferred(rename_map, bucket)
        click.echo(f"{result.renamed:,} renamed, {result.present:,} there before")
    if result.absent:
        click.echo(f"{len(result.absent):,} not fetched:", err=True)
        for name in result.absent:
            click.echo(f"  {terminal.without_control_characters(name)}", err=True)
        sys.exit(terminal.ITEMS_FAILED)


@main.command("enterprise-check")
@click.option("--media-root", default="", help="gs://bucket/prefix for a scratch folder.")
@click.option("--wait", type=float, default=0.0, help="Seconds to wait for a worker; 0 for none.")
@click.option("--deployment", help="Prefix of a pair of variables in .env.")
def enterprise_check(media_root: str, wait: float, deployment: str | None) -> None:
    """Try a deployment on a scratch dataset and print a report to send."""
    with terminal.exit_status():
        use_deployment(deployment)
        from . import enterprise

        with contextlib.redirect_stdout(sys.stderr):
            findings = enterprise.look(media_root, wait)
            report = enterprise.as_report(findings)
        click.echo(report)
    if any(one.status == "fail" for one in findings):
        sys.exit(terminal.ITEMS_FAILED)


if __name__ == "__main__":
    main()
