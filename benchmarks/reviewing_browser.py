"""How long an annotator waits: from a key in the review panel to the next label on the screen.

Run it as ``python -m benchmarks.reviewing_browser``; it needs Chromium. All labels of a dataset are
one set, and a scripted annotator judges the first of them by keys, each as soon as its picture is
there. The App's server and the browser share the machine with the database, all of this run. The
photographs are noise of 1,920 x 1,080 pixels; there are as many as the annotator looks at.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import numpy as np
from fathomnet_voxel51.review import open_review
from PIL import Image

from benchmarks.database import private_run
from benchmarks.panels import SIZES, prepare

RESULTS: Final = Path(__file__).parent / "results" / "reviewing_browser.md"
JUDGED: Final = 200
LONG: Final = 120_000
"""Milliseconds to wait at most."""
KEYS: Final = {"v": "confirmed", "r": "rejected", "u": "unsure"}

WATCH: Final = """() => {
    const panel = document.querySelector("[data-testid=review-panel]");
    window.waits = [];
    let pressed = 0;
    panel.addEventListener("keydown", event => { pressed = event.timeStamp; }, true);
    new MutationObserver(() => {
        const shown = panel.querySelector("[data-testid=review-label]")?.dataset.id;
        const there = panel.querySelector(".fnr-large canvas")?.dataset.painted;
        if (pressed && shown && shown === there && shown !== window.shown) {
            const since = pressed;
            window.shown = shown;
            requestAnimationFrame(() => window.waits.push(performance.now() - since));
        }
    }).observe(panel, {subtree: true, attributes: true, attributeFilter: ["data-painted"]});
}"""
"""Keeps the milliseconds from each key to the frame in which the next label's picture is drawn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, nargs="*", default=[24_487], choices=list(SIZES))
    parser.add_argument("--judged", type=int, default=JUDGED)
    arguments = parser.parse_args()
    lines = [
        "| labels in the set | open the set | from key to next label, median | 95 % | longest "
        f"| {arguments.judged} labels judged and written |",
        "|---|---|---|---|---|---|",
    ]
    with private_run() as (scratch, environment):
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(
            environment,
            FIFTYONE_SHOW_PROGRESS_BARS="false",
            FIFTYONE_PLUGINS_DIR=str(Path(__file__).parents[1]),
        )
        for boxes in arguments.boxes:
            lines.append(_measure(prepare(boxes), scratch, arguments.judged))
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def _measure(dataset: Any, scratch: Path, judged: int) -> str:
    from tests.e2e.app import App, browser, browser_page
    from tests.e2e.servers import app_server

    images = zip(*dataset.values(["id", "ground_truth.detections.id"]), strict=True)
    boxes = [(image, label) for image, labels in images for label in labels or ()]
    _photograph(dataset, [image for image, _ in boxes[: judged + 10]], scratch)
    open_review(dataset, title="all labels")
    log = scratch / "app.log"
    with browser() as chromium, app_server(log) as url, browser_page(chromium) as page:
        app = App(page, url)
        app.open_dataset(dataset.name, len(dataset))
        app.open_panel("FathomNet: review")
        panel = page.get_by_test_id("review-panel")
        started = time.perf_counter()
        _wait_for(page, boxes[0][1])
        opened = time.perf_counter() - started
        page.evaluate(WATCH)
        panel.focus()
        keys = [list(KEYS)[place % 3] for place in range(judged)]
        started = time.perf_counter()
        for place, key in enumerate(keys, 1):
            page.keyboard.press(key)
            _wait_for(page, boxes[place][1])
        progress = panel.get_by_test_id("review-progress")
        progress.filter(has_not_text="saving").wait_for(timeout=5 * LONG)
        whole = time.perf_counter() - started
        waits = page.evaluate("window.waits")
    _check(dataset, [label for _, label in boxes], [KEYS[key] for key in keys])
    assert len(waits) == judged, len(waits)
    last = quantiles(waits, n=20)[-1]
    return (
        f"| {len(boxes):,} | {opened:.1f} s | {median(waits):.0f} ms | {last:.0f} ms "
        f"| {max(waits):.0f} ms | {whole:.1f} s |"
    )


def _wait_for(page: Any, label: str) -> None:
    # For every frame that is drawn: Playwright's own assertions look once a second.
    page.wait_for_function(
        """label => document.querySelector(".fnr-large canvas")?.dataset.painted === label""",
        arg=label,
        timeout=LONG,
        polling="raf",
    )


def _check(dataset: Any, labels: list[str], expected: list[str]) -> None:
    """The dataset holds these verdicts, and no other."""
    dataset.reload()
    stored = {
        str(box["_id"]): box.get("review_state")
        for document in dataset._sample_collection.find()
        for box in document["ground_truth"]["detections"]
    }
    found = [stored[label] for label in labels]
    assert found[: len(expected)] == expected, Counter(found)
    assert set(found[len(expected) :]) == {None}


def _photograph(dataset: Any, samples: list[str], scratch: Path) -> None:
    """Gives images that are looked at files of their own."""
    dice = np.random.default_rng(1)
    folder = scratch / f"photographs-{dataset.name}"
    folder.mkdir()
    noise = dice.integers(0, 255, (1080, 1920, 3), dtype=np.uint8)
    paths = {}
    for number, sample in enumerate(dict.fromkeys(samples)):
        paths[sample] = str(folder / f"{number}.jpg")
        Image.fromarray(np.roll(noise, number, axis=0)).resize((480, 270)).resize(
            (1920, 1080)
        ).save(paths[sample], quality=85)
    dataset.set_values("filepath", paths, key_field="id")


if __name__ == "__main__":
    main()
