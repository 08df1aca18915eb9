"""The App as a person uses it: open a dataset, open a form, fill it in, read what comes back."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from tests.support.releases import is_newest

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Of what a page asks for, only this machine answers.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
WIDTH, HEIGHT = 1600, 1000
WITHOUT_MOTION = """
new MutationObserver((_, observer) => {
    if (document.head) {
        observer.disconnect();
        const style = document.createElement("style");
        style.textContent =
            "*, *::before, *::after { animation: none !important; transition: none !important }";
        document.head.append(style);
    }
}).observe(document, {childList: true, subtree: true});
"""
"""Drawn in software, what turns while the App waits would cost more than what it waits for."""

PATIENCE = 30_000
"""Milliseconds that any one wait may take."""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Headless Chromium: the system's, or else the one that Playwright has downloaded."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        running = playwright.chromium.launch(
            executable_path=chromium, args=list(CHROMIUM_ARGUMENTS)
        )
        yield running
        running.close()


@contextlib.contextmanager
def browser_page(chromium: Browser, with_plugin: bool = True) -> Iterator[Page]:
    """A page with nothing remembered, which can reach only this machine.

    Args:
        chromium: the browser.
        with_plugin: whether the App loads this plugin, which has FiftyOne's invitation to its
            Enterprise edition counted as seen; it would lie over all else, and take the clicks.
    """
    with chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as context:
        context.set_default_timeout(PATIENCE)
        if not (with_plugin and is_newest()):  # else the plugin does so itself
            context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
        context.add_init_script(WITHOUT_MOTION)
        yield context.new_page()


class App:
    """One browser page on a running App.

    Fields are named by the labels that the form shows. A method returns when the server has
    answered, and fails after :data:`PATIENCE`; the page may show the answer a moment later, so read
    it with :meth:`wait_for_text`.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    @property
    def form(self) -> Locator:
        """The form, result or message that is open in front of everything else."""
        return self.page.get_by_role("dialog").last

    def open_home(self) -> None:
        """Opens the page that asks which dataset to open."""
        self.page.goto(self.url)
        self.wait_for_text("browse operations")

    def open_dataset(self, name: str, samples: int) -> None:
        """Opens a dataset, and waits for its number of samples."""
        self.page.goto(f"{self.url}/datasets/{name}")
        self.wait_for_samples(samples)

    def choose_view(self, name: str) -> None:
        """Chooses a saved view of the dataset that is open.

        An address with ``?view=`` is no other way to one: the App's server may hold on to a state
        of the dataset from before the view was saved, and then shows all samples.
        """
        self.page.locator("[data-cy=saved-views-selection-container]").click()
        self.page.locator("[data-cy=saved-views-selection-view]").get_by_text(
            name, exact=True
        ).click()

    def choose_other_view(self, name: str) -> None:
        """Chooses another saved view while one is open."""
        self.page.locator("[data-cy=saved-views-selection-container]").click()
        self.page.get_by_text(name, exact=True).last.click()

    def wait_for_samples(self, count: int) -> None:
        """Waits until the view that is open counts ``count`` samples."""
        counter = self.page.locator("[data-cy=entry-counts]")
        expect(counter).to_have_text(re.compile(rf"^{count:,} samples?$"), timeout=PATIENCE)

    def wait_until_drawn(self) -> None:
        """Waits until each tile in sight shows its image; fails where one cannot be loaded."""
        grid = self.page.locator("[data-cy=fo-grid]")
        expect(grid.locator("canvas[canvas-loaded=true]").first).to_be_visible(timeout=PATIENCE)
        waiting = grid.locator("canvas:not([canvas-loaded=true])")
        expect(waiting).to_have_count(0, timeout=PATIENCE)

    def click_until(self, button: Locator, text: str) -> None:
        """Clicks until a text is there: what is drawn may not listen to clicks yet."""
        button.click()
        try:
            self.page.get_by_text(text).first.wait_for(timeout=PATIENCE / 3)
        except PlaywrightTimeoutError:
            button.click()
            self.wait_for_text(text)

    def search_operators(self, text: str) -> None:
        """Opens the operator browser and narrows it down."""
        field = self.page.get_by_placeholder("Search operations")
        self.page.keyboard.press("Backquote")
        try:
            field.wait_for(timeout=PATIENCE / 3)
        except PlaywrightTimeoutError:
            # A page that is drawn may not listen to keys yet.
            self.page.keyboard.press("Backquote")
        field.fill(text)

    def open_operator(self, label: str) -> None:
        """Finds an operator in the operator browser by its whole label, and opens its form."""
        self.search_operators(label)
        self.form.get_by_text(label, exact=True).click()
        expect(self.form.get_by_role("button", name="Cancel")).to_be_visible(timeout=PATIENCE)

    def open_panel(self, label: str) -> None:
        """Opens a panel, by its label, in a tab of its own."""
        self.page.locator("[data-cy=new-panel-btn]").first.click()
        self.page.get_by_text(label, exact=True).last.click()

    def fill(self, label: str, text: str) -> None:
        """Types into a field of text, of a number, or of a file's path."""
        field = self._field(label)
        if field.input_value() != text:
            with self._form_answers(text):
                field.fill(text)
        # A list of suggestions would lie over what is said beneath the field.
        field.blur()

    def browse(self, label: str, path: Path) -> None:
        """Chooses a file in the file browser beside a field."""
        self.form.locator(
            f"{_after_label(label)}/following::*[@data-testid='FolderIcon'][1]"
        ).click()
        explorer = self.form
        folder = explorer.get_by_role("textbox").first
        folder.fill(str(path.parent))
        folder.press("Enter")
        explorer.get_by_role("cell", name=path.name, exact=True).click()
        with self._form_answers(str(path)):
            explorer.get_by_role("button").last.click()

    def choose(self, label: str, option: str) -> None:
        """Chooses one value of a drop-down list, or adds it to a list of several."""
        self.form.locator(f"{_after_label(label)}/following::*[@role='combobox'][1]").click()
        with self._form_answers():
            self.page.get_by_role("option", name=option, exact=True).click()

    def tick(self, label: str, on: bool = True) -> None:
        """Sets a check box or switch."""
        box = self.form.get_by_role("checkbox", name=label)
        if box.is_checked() != on:
            with self._form_answers():
                box.set_checked(on)

    def confirm(self) -> None:
        """Ticks what the form asks before it changes anything."""
        box = self.form.get_by_role("checkbox", name=re.compile("^(Change|Label) th(is|ese) "))
        with self._form_answers():
            box.check()

    def submit(self, how: Literal["Execute", "Schedule"]) -> None:
        """Runs the form at once, or leaves it to a worker; waits until the form allows it."""
        self.wait_until_ready()
        choice = self._submit_buttons()
        # FiftyOne's own word for the other one cannot be changed.
        words = "Run now" if how == "Execute" else how
        if choice.first.inner_text() != words:
            choice.last.click()
            self.page.get_by_role("menuitem", name=words).click()
        choice.first.click()
        if how == "Schedule":
            self.wait_for_text("Operation successfully scheduled")

    def result(self, patience: int = PATIENCE) -> str:
        """Waits until an operation that runs at once has ended.

        Args:
            patience: milliseconds that it may take.

        Returns:
            the text of its result, or "Error occurred during operator execution".
        """
        # The button is there before the result is.
        expect(self.form).to_have_text(re.compile(r".+Close$", re.DOTALL), timeout=patience)
        return self.form.inner_text()

    def facts(self) -> list[str]:
        """The lines that the form that is open says of what will happen."""
        return self.form.get_by_role("listitem").all_inner_texts()

    def open_details(self) -> None:
        """Unfolds what is known of the error that an operation ended with."""
        self.form.get_by_text("Error occurred during operator execution").click()

    def close(self) -> None:
        """Closes the result or message that is open, unless it goes by itself.

        On the home page an operator that opens a dataset takes its own result away with the page.
        """
        dialogs = self.page.get_by_role("dialog")
        for _ in range(3):
            # A page that is drawn anew may miss a click.
            with contextlib.suppress(PlaywrightTimeoutError):
                self.form.get_by_role("button", name="Close").click(timeout=3_000)
            with contextlib.suppress(AssertionError):
                expect(dialogs).to_have_count(0)
                return
        expect(dialogs).to_have_count(0, timeout=PATIENCE)

    def wait_until_ready(self) -> None:
        """Waits until the form that is open can be submitted."""
        expect(self._submit_buttons().first).to_be_enabled(timeout=PATIENCE)

    def wait_until_blocked(self, reason: str) -> None:
        """Waits until the form that is open says ``reason``, and cannot be submitted."""
        self.wait_for_text(reason)
        expect(self._submit_buttons().first).to_be_disabled(timeout=PATIENCE)

    def follow(self, link: str) -> None:
        """Clicks a link in the form or result that is open."""
        self.form.get_by_role("link", name=link).click()

    def wait_for_text(self, text: str) -> None:
        """Waits until ``text`` can be read somewhere on the page."""
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)

    def values_of(self, path: str) -> list[str]:
        """The values that the sidebar offers for an attribute, such as its first concepts.

        Args:
            path: a label's attribute, for example ``ground_truth.detections.label``.
        """
        values = self._open_values(path).inner_text().splitlines()
        self.page.keyboard.press("Escape")
        return values

    def values_shown(self, path: str) -> list[str]:
        """The few values of an attribute in what is shown, which the sidebar offers to tick."""
        field = path.split(".", maxsplit=1)[0]
        boxes = self.page.locator(f"[data-cy='categorical-filter-{path}'] [data-cy^='checkbox-']")
        if not boxes.first.is_visible():
            self.page.locator(f"[data-cy=sidebar-field-arrow-enabled-{field}]").click()
            expect(boxes.first).to_be_visible(timeout=PATIENCE)
        names = boxes.evaluate_all("found => found.map(one => one.getAttribute('data-cy'))")
        return [name.removeprefix("checkbox-") for name in names]

    def filter(self, path: str, value: str) -> None:
        """Leaves only the samples that have a value, chosen among those that the sidebar offers.

        A few values are boxes to tick, many are a list that is searched.
        """
        few = f"[data-cy='categorical-filter-{path}'] [data-cy='checkbox-{value}']"
        many = f"[data-cy='selector-sidebar-search-{path}']"
        either = self.page.locator(f"{few}, {many}").first
        if not either.is_visible():
            field = path.split(".", maxsplit=1)[0]
            self.page.locator(f"[data-cy=sidebar-field-arrow-enabled-{field}]").click()
            expect(either).to_be_visible(timeout=PATIENCE)
        if self.page.locator(few).first.is_visible():
            self.page.locator(few).first.click()
        else:
            self._open_values(path).get_by_text(value, exact=True).click()

    def select(self, *indexes: int) -> None:
        """Selects tiles of the grid, counted from 0."""
        for index in indexes:
            tile = self.page.locator("[data-cy=looker]").nth(index)
            tile.hover()
            tile.get_by_title("Click to select sample").click()

    def open_sample(self, index: int) -> None:
        """Opens the sample modal of a tile of the grid, counted from 0."""
        self.page.locator("[data-cy=looker]").nth(index).click()
        modal = self.page.locator("[data-cy=modal] canvas[canvas-loaded=true]")
        expect(modal).to_be_visible(timeout=PATIENCE)

    def screenshot(self, path: Path) -> None:
        """Saves what the page shows as a PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)

    def _open_values(self, path: str) -> Locator:
        search = self.page.locator(f"[data-cy='selector-sidebar-search-{path}']")
        if not search.is_visible():
            field = path.split(".", maxsplit=1)[0]
            self.page.locator(f"[data-cy=sidebar-field-arrow-enabled-{field}]").click()
        search.click()
        results = self.page.locator(f"[data-cy='selector-results-container-sidebar-search-{path}']")
        expect(results).to_be_visible(timeout=PATIENCE)
        return results

    def _field(self, label: str) -> Locator:
        return self.form.locator(f"{_after_label(label)}/following::input[1]")

    def _submit_buttons(self) -> Locator:
        """The button that runs the form, and the one that opens the menu of ways to run it."""
        return self.form.get_by_role("group", name="split button").get_by_role("button")

    @contextlib.contextmanager
    def _form_answers(self, value: str = "") -> Iterator[None]:
        """Waits until the server has answered the change that is made in the block.

        The App waits for a pause before it sends the form, so an earlier answer may come first:
        with ``value``, only an answer to a form that holds it counts.
        """
        written = json.dumps(value, ensure_ascii=False)[1:-1]

        def carries_value(request: Request) -> bool:
            asks = request.url.endswith("/operators/resolve-type")
            return asks and written in (request.post_data or "")

        with self.page.expect_event("requestfinished", carries_value, timeout=PATIENCE):
            yield


def figures(result: str) -> dict[str, str]:
    """What a result says, by its words."""
    lines = [line for line in result.splitlines() if line]
    return {label[:-1]: value for label, value in pairwise(lines) if label.endswith(":")}


def checks_in(app: App) -> dict[str, list[str]]:
    """Status, detail and fix of each check in the result that is open, by the check's name."""
    rows = [row.split("\t") for row in app.form.get_by_role("row").all_inner_texts()]
    return {row[0]: row[1:] for row in rows}


def _after_label(label: str) -> str:
    """XPath of a field's label: the App ties no label to its field, but puts it just before."""
    return f"xpath=//p[normalize-space()='{label}']"
