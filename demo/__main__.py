"""Command line: ``python -m demo run``, ``python -m demo make``, ``python -m demo stand-ins``."""

import argparse
import os
import sys
import time
from pathlib import Path

from fathomnet_voxel51.errors import FathomNetError
from fathomnet_voxel51.names import Split, images_folder
from fathomnet_voxel51.progress import throttled

from demo.crops import show_crops
from demo.emulator import emulator
from demo.generate import Settings, make
from demo.origin import published
from demo.run import Job, main_job, run, split_of
from demo.stand_ins import draw_stand_ins
from demo.story import StoryFiles, story
from demo.workspaces import save_workspaces
from demo.wrong_labels import plant

OUTPUT = Path("demo-data")
"""Where ``run`` puts what it draws."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0 done, 2 bad input."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        summary = options.action(options)
    except FathomNetError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{summary} in {time.monotonic() - started:.1f} s: {options.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run_parser = commands.add_parser("run", help="run the main job, on the demo set or on files")
    run_parser.add_argument("--dataset", default="fathomnet-demo", help="the dataset to make")
    run_parser.add_argument("--annotations", type=Path, help="a COCO file to take instead")
    run_parser.add_argument("--predictions", type=Path, help="predictions for that file's boxes")
    run_parser.add_argument("--media", type=Path, help="a folder that holds its <split>_images")
    run_parser.add_argument(
        "--crops",
        action="store_true",
        help="only cut its boxes into crops, and ingest these",
    )
    run_parser.set_defaults(action=_run, output=OUTPUT)
    make_parser = commands.add_parser("make", help="make the demo set")
    make_parser.set_defaults(action=_make)
    make_parser.add_argument("--seed", type=int, default=Settings.seed)
    make_parser.add_argument("--train", type=int, default=Settings.train, help="training images")
    make_parser.add_argument("--test", type=int, default=Settings.test, help="test images")
    stand_ins = commands.add_parser("stand-ins", help="draw stand-in images for a COCO file")
    stand_ins.add_argument("--annotations", type=Path, required=True)
    stand_ins.set_defaults(action=_stand_ins)
    for command in (run_parser, make_parser, stand_ins):
        command.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    for command in (make_parser, stand_ins):
        command.add_argument("--output", type=Path, required=True)
    return parser


def _offer_workspaces(dataset: str) -> None:
    import fiftyone as fo

    names = save_workspaces(fo.load_dataset(dataset))
    print(f"Workspaces to choose from, at the top right: {', '.join(names)}.")


def _run(options: argparse.Namespace) -> str:
    if options.annotations is not None:
        split, media = split_of(options.annotations), options.media
        if media is None:
            media = OUTPUT / options.dataset / "media"
            folder = media / images_folder(split)
            draw_stand_ins(options.annotations, folder, options.workers, throttled(_tell))
        job = Job(options.annotations, split, options.predictions, media)
        run([main_job(job, options.dataset)], options.dataset, OUTPUT / "worker.log")
        _offer_workspaces(options.dataset)
        return "Done"
    made = make(OUTPUT / "set", None, options.workers, throttled(_tell))
    planted = plant(made.train, OUTPUT / "planted")
    if options.crops:
        name = f"{options.dataset}-crops"
        print(show_crops(name, planted, made.media_root, OUTPUT / "crops"))
        return "Done"
    catalogs: dict[Split, Path] = {"train": planted.catalog, "test": made.test}
    with (
        published(catalogs, made.media_root, OUTPUT / "published") as copies,
        emulator(folder=OUTPUT / "bucket") as bucket,
    ):
        # The worker inherits it: this is the Cloud Storage that it knows.
        os.environ["STORAGE_EMULATOR_HOST"] = bucket.url
        files = StoryFiles(
            copies["train"],
            copies["test"],
            planted.predictions,
            made.predictions,
            OUTPUT / "data-card",
        )
        run(story(files, options.dataset), options.dataset, OUTPUT / "worker.log")
    _offer_workspaces(options.dataset)
    print(f"{len(planted.wrong):,} of the training labels had been made wrong.")
    return "Done"


def _make(options: argparse.Namespace) -> str:
    settings = Settings(train=options.train, test=options.test, seed=options.seed)
    made = make(options.output, settings, options.workers, throttled(_tell))
    return f"drew {made.drawn} images, found {made.present} already there,"


def _stand_ins(options: argparse.Namespace) -> str:
    done = draw_stand_ins(options.annotations, options.output, options.workers, throttled(_tell))
    return f"drew {done.drawn} stand-ins, found {done.present} already there,"


def _tell(share: float, label: str) -> None:
    print(f"{share:4.0%} {label}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
