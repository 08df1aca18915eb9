"""The map of embeddings in the App: opened, coloured and lassoed."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App

PAUSE = 300
"""Milliseconds in which a busy browser catches up."""


def open_map(app: App, brain_key: str, points: int) -> None:
    """Chooses a map in the panel of embeddings that is open, and waits for all its points."""
    app.page.get_by_text(brain_key, exact=True).click()
    expect(app.page.get_by_text(f"{points} points")).to_be_visible(timeout=PATIENCE)


def colour_by_phylum(app: App, dataset: Any) -> None:
    """Colours the map that is open, and checks that each phylum is told with its boxes."""
    page = app.page
    page.get_by_role("button", name="Color by").click()
    page.get_by_role("option", name="detections.label").wait_for(timeout=PATIENCE)
    page.get_by_role("combobox", name="Color by").fill("phylum")
    page.get_by_role("option", name="phylum").click()
    for phylum, members in dataset.count_values("ground_truth.detections.phylum").items():
        row = page.get_by_text(re.compile(rf"^{phylum}\s*{members}$"))
        expect(row.first).to_be_visible(timeout=PATIENCE)


def lasso_left_half(app: App) -> None:
    """Draws a line around the left half of the map that is open."""
    page = app.page
    page.get_by_role("button", name="Select", exact=True).click()
    canvas = page.locator("canvas").last
    place, before = canvas.bounding_box(), None
    while place != before:  # the buttons above it may not have their places yet
        page.wait_for_timeout(PAUSE)
        place, before = canvas.bounding_box(), place
    assert place
    corners = ((0.02, 0.02), (0.5, 0.02), (0.5, 0.98), (0.02, 0.98), (0.02, 0.04))
    for number, (x, y) in enumerate(corners):
        at = (place["x"] + x * place["width"], place["y"] + y * place["height"])
        page.mouse.move(*at, steps=8)
        page.wait_for_timeout(PAUSE)  # a busy browser leaves out moves that come at once
        if not number:
            page.mouse.down()
    page.mouse.up()
