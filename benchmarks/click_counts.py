"""What one click on a taxon has the App and its server do, beside the choice of a saved view.

Run it as ``python -m benchmarks.click_counts``; it needs Chromium. Seconds say little where others
use the machine too. Counted are, from the click until nothing is asked any more: the events of the
panel, the pages and pictures that it sends, the App's other requests by kind, and the processor
seconds of the server and of the page's main thread. The demo's dataset is that of
:mod:`benchmarks.demo_browser`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from benchmarks.database import private_run
from benchmarks.demo_browser import CLICK_TAXON, LONG, NAME, TAXON, VIEWS, Person, prepare

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

RESULTS: Final = Path(__file__).parent / "results" / "click_counts.md"
QUIET: Final = 2.0
"""Seconds without a request after which nothing more is asked."""

Counts = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with private_run() as (scratch, environment):
        # Before FiftyOne is imported, which reads them then.
        os.environ.update(
            environment,
            FIFTYONE_SHOW_PROGRESS_BARS="false",
            FIFTYONE_PLUGINS_DIR=str(Path(__file__).parents[1]),
        )
        prepare(scratch)
        text = table([one_round() for _ in range(arguments.rounds)])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    print(text)


def one_round() -> dict[str, Counts]:
    """A saved view, then a taxon, the way back, and the taxon once more; in an App of its own."""
    import fiftyone as fo
    from playwright.sync_api import expect

    from tests.e2e.app import App, browser, browser_page
    from tests.e2e.servers import app_server

    found: dict[str, Counts] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        browser() as chromium,
        app_server(Path(folder) / "app.log") as url,
        browser_page(chromium) as page,
    ):
        person = Person(App(page, url), fo.load_dataset(NAME, reload=True))
        counter = _Counter(page, url)
        name = page.locator("g.slice text").filter(has_text=TAXON)

        def choose() -> None:
            person.app.choose_view(VIEWS[CLICK_TAXON])
            person.wait_until_drawn(person.counts[CLICK_TAXON])

        def click() -> None:
            # Forced: the slice lies over its name, and takes the click.
            name.click(force=True)
            person.wait_until_drawn(person.counts[CLICK_TAXON])
            expect(page.get_by_role("button", name="All >")).to_be_visible(timeout=LONG)

        def back() -> None:
            page.get_by_role("button", name="All >").click()
            person.wait_until_drawn(person.everything)
            expect(name).to_be_visible(timeout=LONG)

        person.open()
        found["saved view"] = counter.count(choose)
        page.locator("[data-cy=btn-clear-view-bar]").click()
        person.wait_until_drawn(person.everything)
        person.app.open_panel("FathomNet: taxonomy")
        expect(name).to_be_visible(timeout=LONG)
        person.wait_until_drawn(person.everything)
        found["click on a taxon"] = counter.count(click)
        found["back to all"] = counter.count(back)
        found["click on it again"] = counter.count(click)
    return found


class _Counter:
    """Counts what a page asks of its server."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._server = _listening_at(int(url.rpartition(":")[2]))
        self._browser = page.context.new_cdp_session(page)
        self._browser.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._requests: list[Request] = []
        self._latest = time.perf_counter()
        page.on("request", self._asks)
        page.on("requestfinished", self._asked)
        page.on("requestfailed", self._asked)

    def count(self, act: Callable[[], None]) -> Counts:
        """Does something, and counts until nothing is asked any more."""
        self._settle()
        self._requests.clear()
        main_thread, server, started = self._main_thread(), self._processor(), time.perf_counter()
        act()
        seconds = time.perf_counter() - started
        self._settle()
        found = Counter[str]()
        for request in self._requests:
            found.update(_counted(request))
        return {
            **found,
            "s until drawn": seconds,
            "s of processor, main thread": self._main_thread() - main_thread,
            "s of processor, server": self._processor() - server,
        }

    def _asks(self, request: Request) -> None:
        self._requests.append(request)
        self._asked(request)

    def _asked(self, _: Request) -> None:
        self._latest = time.perf_counter()

    def _settle(self) -> None:
        while time.perf_counter() - self._latest < QUIET:
            self._page.wait_for_timeout(100)

    def _main_thread(self) -> float:
        metrics = self._browser.send("Performance.getMetrics")["metrics"]
        (seconds,) = (one["value"] for one in metrics if one["name"] == "TaskDuration")
        return float(seconds)

    def _processor(self) -> float:
        times = self._server.cpu_times()
        return float(times.user + times.system)


def _counted(request: Request) -> dict[str, float]:
    """What a request counts for."""
    path = urlsplit(request.url).path
    asked: Any = request.post_data_json if path in ("/graphql", "/operators/execute") else None
    if path == "/graphql":
        return {f"graphql {re.findall('[A-Za-z]+', asked['query'])[1]}": 1}
    if asked is None:
        return {path: 1}
    response = request.response()
    answer = response.body() if response else b""
    told = [one["operator_uri"] for one in json.loads(answer)["executor"]["requests"]]
    pages = sum(one.endswith("show_panel_output") for one in told)
    return {
        f"event {asked['params'].get('__method__') or asked['operator_uri']}": 1,
        "pages that are drawn": pages,
        "kB of them": pages * len(answer) / 1000,
        "pictures in them": answer.count(b"data:image/jpeg"),
    }


def _listening_at(port: int) -> psutil.Process:
    """The server's process."""
    for process in psutil.process_iter():
        try:
            connections = process.net_connections()
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
        if any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in connections):
            return process
    raise LookupError(f"nothing listens at port {port}")


def table(rounds: list[dict[str, Counts]]) -> str:
    """The median of each count."""
    kinds = sorted({kind for one in rounds for counts in one.values() for kind in counts})
    lines = ["| | " + " | ".join(rounds[0]) + " |", "|---" * (len(rounds[0]) + 1) + "|"]
    for kind in kinds:
        cells = (median(one[action].get(kind, 0) for one in rounds) for action in rounds[0])
        lines.append(f"| {kind} | " + " | ".join(f"{cell:.3g}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
