"""What a panel of the App is answered, counted in its page."""

from __future__ import annotations

from playwright.sync_api import Page, Request

SETTLES = 3_000
"""Milliseconds within which the App has told of all that has changed."""


class Watched:
    """What a tab is answered: the pages of the panel, and what its memory is told."""

    def __init__(self, page: Page) -> None:
        self.pages = self.remembered = 0
        page.on("requestfinished", self._look)

    def _look(self, request: Request) -> None:
        if request.url.endswith("/operators/execute"):
            response = request.response()
            answer = response.text() if response else ""
            self.pages += answer.count("show_panel_output")
            self.remembered += answer.count("patch_panel_state")
