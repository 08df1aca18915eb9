"""FiftyOne's own search in the App: by a text that is typed, or by a patch that is selected.

Releases before the panel of searches show at once what they have found.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Locator, Page, Response, expect

from tests.e2e.app import PATIENCE, App

LOADING = 4 * PATIENCE
"""Milliseconds: the App's first query loads the model."""


class Search:
    """The search controls above the grid, and what was found."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.page: Page = app.page
        self._shown: dict[int, str] = {}
        self._found: dict[int, str] = {}
        self.page.on("response", self._note)

    def show_patches(self, field: str, count: int) -> None:
        """Shows the patches of a field of boxes instead of the images."""
        self.page.locator("[data-cy=action-clips-patches]").click()
        self.page.get_by_text(field, exact=True).last.click()
        self._wait_for_patches(count)

    def open_view(self, dataset: str, view: str, count: int) -> list[str]:
        """Opens a saved view of patches, by its name.

        Returns:
            the ids of those that the App asks for, in the order in which it shows them.
        """
        # What the page before has asked for would still arrive.
        self.page.goto("about:blank")
        self.page.goto(f"{self.app.url}/datasets/{dataset}")
        self.app.wait_until_drawn()
        self._shown.clear()
        self._found.clear()
        self.app.choose_view(view)
        self._wait_for_patches(count)
        self.app.wait_until_drawn()
        shown = self._shown | self._found
        return [shown[place] for place in sorted(shown)]

    def by_text(self, text: str) -> None:
        """Types a text into the search field of what is shown, and waits for what is found."""
        self.page.locator("[data-cy=action-sort-by-similarity]").click()
        field = self.page.get_by_placeholder("Type anything!")
        field.fill(text)
        with self._finding():
            field.press("Enter")

    def by_patch(self, place: int) -> str:
        """Selects a patch, counted from 0, and searches for those like it.

        Returns:
            the id of the patch.
        """
        self.app.select(place)
        self.page.get_by_test_id("WallpaperIcon").first.click()
        selected = self._shown[place]
        with self._finding():
            self.page.get_by_text(re.compile("Show similar")).last.click()
        return selected

    def results(self, count: int) -> list[str]:
        """Opens what was found by the newest search, as many as expected.

        Returns:
            the ids of the patches in the order in which the App shows them.
        """
        if self._in_panel.is_visible():
            # The card around the button counts as disabled, because it cannot be dragged.
            self.page.get_by_label("Show results").first.click(force=True)
        self._wait_for_patches(count)
        self.app.wait_until_drawn()
        self._until(lambda: len(self._found) >= count)
        return [self._found[place] for place in sorted(self._found)]

    def _wait_for_patches(self, count: int) -> None:
        words = re.compile(rf"^{count:,} patch(es)?$")
        expect(self._counter).to_have_text(words, timeout=PATIENCE)

    @property
    def _counter(self) -> Locator:
        return self.page.locator("[data-cy=entry-counts]")

    @property
    def _in_panel(self) -> Locator:
        return self.page.get_by_text("Completed").first

    @contextlib.contextmanager
    def _finding(self) -> Iterator[None]:
        """Waits until the search that the block starts has ended."""
        shown_at_once = self._counter.filter(has_not_text=self._counter.inner_text())
        yield
        expect(self._in_panel.or_(shown_at_once).first).to_be_visible(timeout=LOADING)

    def _until(self, reached: Callable[[], bool]) -> None:
        for _ in range(PATIENCE // 200):
            if reached():
                return
            self.page.wait_for_timeout(200)
        raise AssertionError(f"the App asked for {len(self._found)} patches only")

    def _note(self, response: Response) -> None:
        """Remembers the patches that the App receives for its grid, by their places in it."""
        asked: Any = response.request.post_data or ""
        # Without stages it is the dataset itself, which is on the page before a view is.
        if (
            response.url.endswith("/graphql")
            and "paginateSamples" in asked
            and "fiftyone.core.stages" in asked
        ):
            # What a panel has found is shown by its ids.
            finds = "stages.Select" in asked or "stages.SortBySimilarity" in asked
            places = self._found if finds else self._shown
            for edge in response.json()["data"]["samples"]["edges"]:
                places[int(edge["cursor"])] = edge["node"]["id"]
