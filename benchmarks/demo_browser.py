"""What a person does first on the demo: the clicks of it, and the seconds until all is drawn.

Run it as ``python -m benchmarks.demo_browser``; it needs Chromium. Each action is timed in the real
App until the number above the grid and every tile in sight are those of what was asked for.
FiftyOne's own share is the same again in an App that does not load this plugin, by turns: what a
taxon or a bar opens is there a saved view that holds the same boxes. Browser, server and database
share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.database import private_run, run_step

if TYPE_CHECKING:
    from tests.e2e.app import App

RESULTS: Final = Path(__file__).parent / "results" / "demo_browser.md"
NAME: Final = "demo-browser"
TAXON: Final = "Echinodermata"
RANK: Final = "family"
"""At which the bar is clicked: all boxes that are wrong there."""
OPEN, CLICK_TAXON, CLICK_BAR, CHOOSE = (
    "open the dataset",
    "click on a taxon",
    "click on a bar of the evaluation",
    "choose a saved view",
)
VIEWS: Final = {CLICK_TAXON: "of a taxon", CLICK_BAR: "of a bar", CHOOSE: "of the test split"}
LONG: Final = 120_000
"""Milliseconds to wait at most."""

COUNT_CLICKS: Final = """
window.clicks = 0;
document.addEventListener("pointerdown", () => { window.clicks += 1; }, true);
"""
DRAWN: Final = """text => {
    const tiles = [...document.querySelectorAll("[data-cy=fo-grid] canvas")];
    return document.querySelector("[data-cy=entry-counts]")?.textContent.trim() === text
        && tiles.length > 0
        && tiles.every(tile => tile.getAttribute("canvas-loaded") === "true");
}"""
"""Looked at for every frame that is drawn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help="one round, without the plugin")
    arguments = parser.parse_args()
    if arguments.plain:
        print(json.dumps(_round(plain=True)))
        return
    with private_run() as (scratch, environment):
        environment["FIFTYONE_SHOW_PROGRESS_BARS"] = "false"
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(environment, FIFTYONE_PLUGINS_DIR=str(Path(__file__).parents[1]))
        prepare(scratch)
        none = scratch / "no-plugins"
        none.mkdir()
        without = environment | {"FIFTYONE_PLUGINS_DIR": str(none)}
        rounds = []
        for _ in range(arguments.rounds):
            plain = json.loads(run_step("benchmarks.demo_browser", ["--plain"], without))
            rounds.append((_round(), plain))
            print(rounds[-1], flush=True)
    lines = ["| | clicks | seconds, median | longest | FiftyOne's own |", "|---|---|---|---|---|"]
    for action in (OPEN, CLICK_TAXON, CLICK_BAR, CHOOSE):
        ours = [one[action] for one, _ in rounds]
        own = median(plain[action][1] for _, plain in rounds)
        seconds = [one[1] for one in ours]
        lines.append(
            f"| {action} | {max(one[0] for one in ours)} | {median(seconds):.1f} "
            f"| {max(seconds):.1f} | {own:.1f} |"
        )
    text = "\n".join(lines) + "\n"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def prepare(folder: Path) -> None:
    """The demo's images with their labels, predictions, an evaluation and the views."""
    import fiftyone as fo
    from fathomnet_voxel51.evaluation import evaluate_predictions
    from fathomnet_voxel51.ingest import ingest_dataset
    from fathomnet_voxel51.predictions import import_predictions
    from fathomnet_voxel51.taxonomy import load_taxonomy
    from fiftyone import ViewField

    from demo.generate import make

    demo = make(folder / "demo", workers=os.cpu_count() or 1)
    ingest_dataset(
        NAME,
        train_annotations=str(demo.train),
        test_annotations=str(demo.test_truth),
        media_root=str(demo.media_root),
    )
    dataset = fo.load_dataset(NAME)
    import_predictions(dataset, str(demo.predictions))
    evaluate_predictions(dataset)
    taxonomy = load_taxonomy()
    at_rank = {name: taxonomy.rollup(name, RANK) for name in taxonomy.names}
    # Both splits count from 1, and the predictions are of the test split.
    test = dataset.match_tags("test")
    ids, numbers, truths = (
        test.values(f"ground_truth.detections.{name}", unwind=True)
        for name in ("id", "annotation_id", "label")
    )
    known, names = (
        test.values(f"model_predictions.detections.{name}", unwind=True)
        for name in ("annotation_id", "label")
    )
    predicted = dict(zip(known, names, strict=True))
    wrong = [
        one
        for one, number, truth in zip(ids, numbers, truths, strict=True)
        if at_rank[truth] and at_rank.get(predicted.get(number, "")) != at_rank[truth]
    ]
    in_taxon = ViewField("label").is_in(taxonomy.within(TAXON))
    dataset.save_view(VIEWS[CLICK_TAXON], dataset.filter_labels("ground_truth", in_taxon))
    dataset.save_view(VIEWS[CLICK_BAR], dataset.to_patches("ground_truth").select(wrong))
    dataset.save_view(VIEWS[CHOOSE], test)


def _round(plain: bool = False) -> dict[str, tuple[int, float]]:
    """Clicks and seconds of each action, once; by saved views alone without the plugin."""
    import fiftyone as fo

    from tests.e2e.app import App, browser, browser_page
    from tests.e2e.servers import app_server

    dataset = fo.load_dataset(NAME, reload=True)
    found: dict[str, tuple[int, float]] = {}
    ways = [Person.chooses_views] if plain else [Person.clicks_taxon, Person.clicks_bar]
    for way in ways:
        # Each in an App of its own, which remembers no panel of the other.
        with (
            tempfile.TemporaryDirectory() as folder,
            browser() as chromium,
            app_server(Path(folder) / "app.log") as url,
            browser_page(chromium, with_plugin=not plain) as page,
        ):
            page.add_init_script(COUNT_CLICKS)
            person = Person(App(page, url), dataset)
            way(person)
            found |= person.found
    return found


class Person:
    """Somebody at the App, whose clicks are counted and whose time is taken."""

    def __init__(self, app: App, dataset: Any) -> None:
        self.found: dict[str, tuple[int, float]] = {}
        self.app = app
        self._page = app.page
        self.everything = f"{len(dataset):,} samples"
        # What the App says above the grid, of each view.
        self.counts = {
            action: f"{len(dataset.load_saved_view(view)):,} "
            f"{'patches' if action == CLICK_BAR else 'samples'}"
            for action, view in VIEWS.items()
        }

    def chooses_views(self) -> None:
        """Opens the dataset, and from FiftyOne's own list what the panels would show."""
        self.open()
        for action in VIEWS:
            self._choose(action)

    def clicks_taxon(self) -> None:
        """Opens the dataset, chooses a saved view, and clicks a taxon in its panel."""
        from playwright.sync_api import expect

        self.open()
        self._choose(CHOOSE)
        self.app.open_panel("FathomNet: taxonomy")
        name = self._page.locator("g.slice text").filter(has_text=TAXON)
        expect(name).to_be_visible(timeout=LONG)
        self.wait_until_drawn(self.everything)
        with self._timed(CLICK_TAXON):
            # Forced: the slice lies over its name, and takes the click.
            name.click(force=True)
            self.wait_until_drawn(self.counts[CLICK_TAXON])

    def clicks_bar(self) -> None:
        """Clicks what is wrong at a rank in the panel of the evaluation."""
        from playwright.sync_api import expect

        from tests.e2e.plots import hover, plot

        self._page.goto(f"{self.app.url}/datasets/{NAME}")
        self.app.open_panel("FathomNet: evaluation by rank")
        expect(plot(self.app, "matrix")).to_be_visible(timeout=LONG)
        self.wait_until_drawn(self.everything)
        bar = plot(self.app, "ranks").evaluate("plot => plot.data[1].x").index(RANK)
        hover(self.app, "ranks", bar, 0.99)  # wrong is on top of right
        with self._timed(CLICK_BAR):
            self._page.mouse.down()
            self._page.mouse.up()
            self.wait_until_drawn(self.counts[CLICK_BAR])

    def open(self) -> None:
        """Opens the dataset."""
        # What a server reads at its first dataset is no part of opening one.
        self._page.goto(f"{self.app.url}/datasets/{NAME}")
        self.wait_until_drawn(self.everything)
        with self._timed(OPEN):
            self._page.goto(f"{self.app.url}/datasets/{NAME}")
            self.wait_until_drawn(self.everything)

    def _choose(self, action: str) -> None:
        with self._timed(action):
            self.app.choose_view(VIEWS[action])
            self.wait_until_drawn(self.counts[action])
        self._page.locator("[data-cy=btn-clear-view-bar]").click()
        self.wait_until_drawn(self.everything)

    def wait_until_drawn(self, text: str) -> None:
        """Waits until the App says this above the grid, and every tile in sight is drawn."""
        self._page.wait_for_function(DRAWN, arg=text, timeout=LONG)

    @contextmanager
    def _timed(self, action: str) -> Iterator[None]:
        self._page.evaluate("window.clicks = 0")
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.found[action] = (self._page.evaluate("window.clicks"), seconds)


if __name__ == "__main__":
    main()
