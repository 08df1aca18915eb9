"""The App with a worker beside it: ``python -m demo.app fathomnet-demo``, or ``make app``."""

import argparse
import contextlib
import subprocess
import sys
from pathlib import Path

from demo.processes import worker


def main() -> int:
    """Serves the App until it is interrupted; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.app", description=__doc__)
    parser.add_argument("dataset", help="the dataset to open")
    parser.add_argument("--log", type=Path, default=Path("demo-data/worker.log"))
    options = parser.parse_args()
    import fiftyone as fo

    # Both programs would start an embedded database, and the second one fail: this one is first.
    if not fo.dataset_exists(options.dataset):
        known = ", ".join(fo.list_datasets()) or "none; make demo makes one"
        print(f"there is no dataset {options.dataset}; known: {known}", file=sys.stderr)
        return 2
    fiftyone = str(Path(sys.executable).parent / "fiftyone")
    with worker(options.log), contextlib.suppress(KeyboardInterrupt):
        return subprocess.run([fiftyone, "app", "launch", options.dataset], check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
