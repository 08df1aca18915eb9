"""The App with a worker beside it: ``python -m demo.app fathomnet-demo``, or ``make app``."""

import argparse
import contextlib
import sys
from pathlib import Path

from demo.processes import worker
from demo.workspaces import beside_the_grid

WELCOME = """\
{dataset} is at {url}
  on the right:      what is in it, what waits for you, and what comes next
  at the top left:   saved views, such as "suspects"
  at the top right:  workspaces with panels, where it says "Unsaved"
  the key `          all operators: type "relabel", "evaluate", "find"
docs/tutorial.md goes through all of it. What you schedule is run by a worker, whose log is
{log}.
Ctrl-C ends both; closing the page ends neither.
"""


def main() -> int:
    """Serves the App until it is interrupted; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo.app", description=__doc__)
    parser.add_argument("dataset", help="the dataset to open")
    parser.add_argument("--log", type=Path, default=Path("demo-data/worker.log"))
    parser.add_argument("--port", type=int, help="where the App is served, by default 5151")
    options = parser.parse_args()
    import fiftyone as fo

    # Both programs would start an embedded database, and the second one fail: this one is first.
    if not fo.dataset_exists(options.dataset):
        known = ", ".join(fo.list_datasets()) or "none; make demo makes one"
        print(f"there is no dataset {options.dataset}; known: {known}", file=sys.stderr)
        return 2
    port = options.port or fo.config.default_app_port
    dataset = fo.load_dataset(options.dataset)
    # At an address with the name in place of the slug the App opens it anew, without the panel.
    url = f"http://localhost:{port}/datasets/{dataset.slug}"
    print(WELCOME.format(dataset=options.dataset, url=url, log=options.log), flush=True)
    home = beside_the_grid("home")
    with worker(options.log), contextlib.suppress(KeyboardInterrupt):
        session = fo.launch_app(dataset, spaces=home, port=port)
        # Less than 0: it waits for ever, whether a page is open or not.
        session.wait(-1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
