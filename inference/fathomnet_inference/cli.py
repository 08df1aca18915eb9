"""The command line: ``fathomnet-infer download | run | merge | inspect | convert | calibrate``."""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import click
from fathomnet_voxel51.command_line import (
    ITEMS_FAILED,
    errors,
    exit_status,
    given_values,
    parameter_options,
    print_result,
    progress_bar,
)
from fathomnet_voxel51.media import not_moved, run_download
from fathomnet_voxel51.parameters.media import DownloadImages
from fathomnet_voxel51.text import as_plain

from .decide import ARGMAX, RULES
from .stop import StoppedError, handled_signals

CONTINUE: Final = 75
"""Exit status of a run that was asked to stop: EX_TEMPFAIL of sysexits.h, "try again"."""

AS_JSON: Final = ("--json", "as_json")
AS_JSON_HELP: Final = "Print the result as JSON alone."

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fathomnet-inference")
def main() -> None:
    """Names for the boxes of a COCO file, by the FathomNet 2025 winning model.

    Exit status: 0 done; 2 bad input, nothing written; 3 finished, but for some items, which are
    listed; 75 stopped by a signal, run it again to go on; 1 anything else.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")


def _json_option(command: Command) -> Command:
    return click.option(*AS_JSON, is_flag=True, help=AS_JSON_HELP)(command)


@contextlib.contextmanager
def _status() -> Iterator[None]:
    with exit_status():
        try:
            yield
        except StoppedError as error:
            errors.print(str(error), markup=False)
            sys.exit(CONTINUE)


@main.command()
@click.option("--annotations", required=True, help="COCO file with the boxes.")
@click.option("--images", required=True, help="Folder that its file names are relative to.")
@click.option(
    "--checkpoint",
    required=True,
    help="The published last.ckpt, or the folder that convert made of it.",
)
@click.option("--output", required=True, help="Folder for the predictions of this run or shard.")
@click.option("--shard", default="", help="I/N: the I-th of N parts of the images.")
@click.option("--batch-size", type=int, help="Boxes at once.  [default: what fits]")
@click.option(
    "--precision",
    type=click.Choice(["auto", "fp32", "fp16", "bf16"]),
    default="auto",
    show_default=True,
    help="Of the matrix products; auto: what the GPU is made for, fp32 on a CPU.",
)
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True
)
@click.option(
    "--decision",
    type=click.Choice(RULES),
    default=ARGMAX,
    show_default=True,
    help="The likeliest concept, or the name at any rank that is least wrong on average.",
)
@click.option(
    "--temperature", default="1", show_default=True, help="A number, or a file that calibrate made."
)
@click.option("--limit", type=int, help="Look at the first so many images only.")
@click.option("--workers", type=int, help="Threads that prepare images.  [default: by the cores]")
@_json_option
def run(as_json: bool, **options: Any) -> None:
    """Predict the boxes of a COCO file; started again, it goes on where it was."""
    # PyTorch's threads spin while they wait, on processors that could prepare the next images: a
    # third of the time of a small model. The setting is read when PyTorch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with _status():
        with progress_bar() as report, handled_signals() as stop:
            from .request import RunRequest
            from .run import run as run_stage

            result = run_stage(RunRequest(**options), report, stop)
        print_result(as_plain(result), as_json)
        _end(result.not_predicted, "boxes are not predicted", f"{result.output}/manifest.json")


@main.command()
@click.argument("shards", nargs=-1, required=True)
@click.option("--output", required=True, help="Folder for the predictions of the whole run.")
@_json_option
def merge(shards: tuple[str, ...], output: str, as_json: bool) -> None:
    """Merge the folders of all SHARDS of a run into one."""
    from .merge import merge as merge_stage

    with _status():
        with progress_bar() as report:
            result = merge_stage(shards, output, report)
        print_result(as_plain(result), as_json)
        _end(result.not_predicted, "boxes are not predicted", f"{result.output}/manifest.json")


@main.command()
@click.argument("checkpoint")
@_json_option
def inspect(checkpoint: str, as_json: bool) -> None:
    """Say what is in a CHECKPOINT, without loading its weights."""
    with _status():
        from .checkpoint import inspect as inspect_stage

        with progress_bar() as report:
            found = inspect_stage(checkpoint, report)
        result = as_plain(found)
        if not as_json:
            del result["hyper_parameters"]
            result["concepts"] = len(found.concepts)
        print_result(result, as_json)


@main.command()
@click.argument("checkpoint")
@click.argument("output")
@_json_option
def convert(checkpoint: str, output: str, as_json: bool) -> None:
    """Make of a 16 GB CHECKPOINT an OUTPUT folder of 5 GB that loads in seconds."""
    with _status():
        from .checkpoint import convert as convert_stage

        with progress_bar() as report:
            found = convert_stage(checkpoint, output, report)
        print_result({"name": found.name, "sha256": found.sha256, "output": output}, as_json)


@main.command()
@click.option("--annotations", required=True, help="COCO file with the true category of boxes.")
@click.option("--predictions", required=True, help="Folder of a run on the same file.")
@click.option("--output", required=True, help="JSON file for run --temperature.")
@_json_option
def calibrate(annotations: str, predictions: str, output: str, as_json: bool) -> None:
    """Fit the temperature at which probabilities mean what they say."""
    from .calibrate import calibrate as calibrate_stage

    with _status():
        print_result(as_plain(calibrate_stage(annotations, predictions, output)), as_json)


def _download(as_json: bool, **values: Any) -> None:
    with _status():
        params = DownloadImages.parse(given_values(values))
        with progress_bar() as report:
            result = as_plain(run_download(params, report))
        print_result(result, as_json)
        _end(not_moved(result), "images are not there", result["ledger"])


def _end(failed: int, what: str, where: str) -> None:
    if failed:
        errors.print(f"{failed:,} {what}; see {where}", markup=False)
        sys.exit(ITEMS_FAILED)


main.add_command(
    click.Command(
        "download",
        params=[
            *parameter_options(DownloadImages),
            click.Option(AS_JSON, is_flag=True, help=AS_JSON_HELP),
        ],
        callback=_download,
        help=f"{DownloadImages.summary}; run --images is its <split>_images folder.",
    )
)

if __name__ == "__main__":
    main()
