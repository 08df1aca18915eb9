"""The pictures of a panel in the App: looked at and clicked in."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.e2e.app import PATIENCE, App

PLOTS = ("ranks", "kinds", "pairs", "matrix")

PLACE_OF_CELL = """(plot, [column, row]) => {
    const {xaxis, yaxis} = plot._fullLayout;
    return [xaxis._offset + xaxis.l2p(column), yaxis._offset + yaxis.l2p(row)];
}"""
"""Where Plotly has drawn a cell, in pixels from the plot's corner."""


def plot(app: App, name: str) -> Locator:
    """One of the panel's pictures."""
    return app.page.locator(".js-plotly-plot").nth(PLOTS.index(name))


def click(app: App, name: str, column: float, row: float) -> None:
    """Clicks in a picture, at a place that is given in its axes."""
    # Plotly answers a click on what the pointer was over before.
    hover(app, name, column, row)
    app.page.mouse.down()
    app.page.mouse.up()


def hover(app: App, name: str, column: float, row: float) -> None:
    """Points at a place in a picture, given in its axes, until it says what is there."""
    picture = plot(app, name)
    picture.scroll_into_view_if_needed()
    x, y = picture.evaluate(PLACE_OF_CELL, [column, row])
    picture.hover(position={"x": x, "y": y})
    expect(picture.locator(".hoverlayer text").first).to_be_attached(timeout=PATIENCE)


def largest_mistake(app: App, rank: str) -> tuple[int, int, int, str, str]:
    """The off-diagonal cell of the confusion matrix with most boxes.

    Returns:
        how many boxes, its row and column, and the names that these have.
    """
    data = app.page.wait_for_function(
        "rank => [...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.data[0])"
        ".find(trace => trace.type === 'heatmap' && trace.name === rank)",
        arg=rank,
    ).json_value()
    cells = [
        (fact[0], row, column)
        for row, facts in enumerate(data["customdata"])
        for column, fact in enumerate(facts)
        if fact and row != column and column < len(facts) - 2 and row < len(data["customdata"]) - 1
    ]
    count, row, column = max(cells)
    return count, row, column, data["y"][row], data["x"][column]
