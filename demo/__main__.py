"""Command line: ``python -m demo make`` and ``python -m demo stand-ins``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from fathomnet_voxel51.errors import FathomNetError
from fathomnet_voxel51.progress import throttled

from demo.generate import Settings, make
from demo.stand_ins import draw_stand_ins


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status: 0 done, 2 bad input."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        summary = _make(options) if options.command == "make" else _stand_ins(options)
    except FathomNetError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{summary} in {time.monotonic() - started:.1f} s: {options.output}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    make_parser = commands.add_parser("make", help="make the demo set")
    make_parser.add_argument("--seed", type=int, default=Settings.seed)
    make_parser.add_argument("--train", type=int, default=Settings.train, help="training images")
    make_parser.add_argument("--test", type=int, default=Settings.test, help="test images")
    stand_ins = commands.add_parser("stand-ins", help="draw stand-in images for a COCO file")
    stand_ins.add_argument("--annotations", type=Path, required=True)
    for command in (make_parser, stand_ins):
        command.add_argument("--output", type=Path, required=True)
        command.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser


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
