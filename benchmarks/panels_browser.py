"""How long a person waits for the panels: from a click in the real App to the new view on screen.

Run it as ``python -m benchmarks.panels_browser``; it needs Chromium. The App's server and the
browser share the machine with the database, all of this run. The images are not there, so the
tiles stay empty: what is waited for is the number of samples or patches above the grid, and what
the panel says.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.database import private_run
from benchmarks.panels import SIZES, prepare

if TYPE_CHECKING:
    from tests.e2e.app import App

RESULTS: Final = Path(__file__).parent / "results" / "panels_browser.md"
TAXA: Final = ("Cnidaria", "Echinodermata", "Chordata")
LONG: Final = 120_000
"""Milliseconds to wait at most."""

COUNTED: Final = """text =>
    document.querySelector("[data-cy=entry-counts]")?.textContent.trim() === text"""
SAID: Final = """where =>
    [...document.querySelectorAll("p")].some(line => line.textContent.match(where))"""
"""Looked at for every frame that is drawn: Playwright's own assertions look once a second."""

Waits = dict[str, list[float]]
"""Seconds, by what was waited for."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[int, Waits] = {}
    with private_run() as (scratch, environment):
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(
            environment,
            FIFTYONE_SHOW_PROGRESS_BARS="false",
            FIFTYONE_PLUGINS_DIR=str(Path(__file__).parents[1]),
        )
        for boxes in arguments.boxes:
            dataset = prepare(boxes)
            found[boxes] = {}
            # Each in an App of its own, which remembers no panel of the other.
            for measure in (_Clicks.saved_views, _Clicks.tree, _Clicks.evaluation):
                with _app(scratch / "app.log") as app:
                    clicks = _Clicks(app, dataset)
                    measure(clicks, arguments.repeats)
                found[boxes] |= clicks.waits
            print(boxes, found[boxes], flush=True)
    text = _table(found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


@contextmanager
def _app(log: Path) -> Iterator[App]:
    from tests.e2e.app import App, browser, browser_page
    from tests.e2e.servers import app_server

    with browser() as chromium, app_server(log) as url, browser_page(chromium) as page:
        yield App(page, url)


class _Clicks:
    """Clicks in the panels of one dataset, each timed until all that it changes is seen."""

    def __init__(self, app: App, dataset: Any) -> None:
        self.waits: Waits = {}
        self._app = app
        self._dataset = dataset
        self._all = f"{len(dataset):,} samples"

    def saved_views(self, repeats: int) -> None:
        """Without a panel: the same phyla, as views that are chosen from FiftyOne's own list."""
        for taxon in TAXA:
            self._dataset.save_view(taxon, self._view(taxon), overwrite=True)
        self._show()
        for taxon in TAXA * repeats:
            with self._timed("FiftyOne's own: choose a saved view of a phylum"):
                self._app.choose_view(taxon)
                self._counted(f"{len(self._view(taxon)):,} samples")

    def tree(self, repeats: int) -> None:
        """In the panel of the tree of life: phyla, and back."""
        from playwright.sync_api import expect

        self._open("FathomNet: taxonomy")
        self._said("All")
        for taxon in TAXA * repeats:
            name = self._app.page.locator("g.slice text").filter(has_text=taxon)
            expect(name).to_be_visible(timeout=LONG)
            images = len(self._view(taxon))
            with self._timed("click on a phylum, until the grid counts its images"):
                with self._timed("click on a phylum, until the panel says its boxes"):
                    # Forced: the slice lies over its name, and takes the click.
                    name.click(force=True)
                    self._said(taxon)
                self._counted(f"{images:,} samples")
            with self._timed("back to all"):
                self._app.page.get_by_role("button", name="All >").click()
                self._said("All")
                self._counted(self._all)

    def evaluation(self, repeats: int) -> None:
        """In the panel of the evaluation: the cell with the most mistakes, and back."""
        from playwright.sync_api import expect

        from tests.e2e.plots import click, largest_mistake, plot

        self._open("FathomNet: evaluation by rank")
        expect(plot(self._app, "matrix")).to_be_visible(timeout=LONG)
        count, row, column, _, _ = largest_mistake(self._app, "concept")
        for _ in range(repeats):
            with self._timed("click on a cell of the confusion matrix"):
                click(self._app, "matrix", column, row)
                self._counted(f"{count:,} patches")
            with self._timed("show everything"):
                self._app.page.get_by_role("button", name="Show everything").click()
                self._counted(self._all)

    def _view(self, taxon: str) -> Any:
        from fathomnet_voxel51.taxonomy import load_taxonomy
        from fiftyone import ViewField

        names = load_taxonomy().within(taxon)
        return self._dataset.filter_labels("ground_truth", ViewField("label").is_in(names))

    def _show(self) -> None:
        self._app.page.goto(f"{self._app.url}/datasets/{self._dataset.name}")
        self._counted(self._all)

    def _open(self, panel: str) -> None:
        self._show()
        self._app.open_panel(panel)

    def _counted(self, text: str) -> None:
        self._app.page.wait_for_function(COUNTED, arg=text, timeout=LONG)

    def _said(self, name: str) -> None:
        where = rf"^{re.escape(name)}.*: [0-9,]+ (of|boxes)"
        self._app.page.wait_for_function(SAID, arg=where, timeout=LONG)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.waits.setdefault(what, []).append(time.perf_counter() - started)


def _table(found: dict[int, Waits]) -> str:
    head = "".join(f" {boxes:,} boxes: median | longest |" for boxes in found)
    lines = [f"| seconds |{head}", f"|---|{'---|---|' * len(found)}"]
    for what in next(iter(found.values())):
        cells = (f" {median(of[what]):.2f} | {max(of[what]):.2f} |" for of in found.values())
        lines.append(f"| {what} |" + "".join(cells))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
