"""Workspaces of the demo: the grid with the map or one of the panels beside it, a click away."""

from typing import Any, Final

BESIDE_THE_GRID: Final = {
    "Home": ("home", "What waits for you, and what comes next"),
    "Map": ("Embeddings", "What looks alike: open the map, then colour it by any rank"),
    "Tree of life": ("taxonomy", "The concepts on the tree, their numbers and their boxes"),
    "Evaluation by rank": ("evaluation_by_rank", "How good predictions are at every rank"),
}
"""Panel and description by the workspace's name."""


def beside_the_grid(panel_type: str) -> Any:
    """The grid, with a panel of that type beside it, as a FiftyOne space."""
    import fiftyone as fo

    panels = fo.Panel(type="Samples", pinned=True), fo.Panel(type=panel_type)
    # Without an active child the App shows the tab and nothing beneath it.
    halves = [fo.Space(children=[one], active_child=one.component_id) for one in panels]
    return fo.Space(children=halves, orientation="horizontal")


def save_workspaces(dataset: Any) -> list[str]:
    """Saves the workspaces on a dataset, in place of those that have their names.

    Args:
        dataset: a FiftyOne dataset.

    Returns:
        their names.
    """
    for name, (panel_type, description) in BESIDE_THE_GRID.items():
        space = beside_the_grid(panel_type)
        dataset.save_workspace(name, space, description=description, overwrite=True)
    return list(BESIDE_THE_GRID)
