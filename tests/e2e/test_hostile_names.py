"""Names that somebody else has made up are read in forms and results, and not run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.relabelling import relabel_boxes
from playwright.sync_api import expect

from demo.synthetic import write_catalog
from tests.e2e.app import PATIENCE, App

NAME = "hostile-names"
IMAGE = '<img src=x onerror="window.hacked = 1">'
LINK = "[read me](javascript:window.hacked=1)"
BOLD = "**Sebastes** # 1. `x` | ~~y~~"
VIEW = "all of them"


@pytest.fixture
def dataset(tmp_path: Path) -> Iterator[Any]:
    """Boxes of three names that are markup, relabelled with notes that are markup too."""
    catalog = write_catalog(tmp_path / "train.json", 6, 30, seed=3)
    ingest_dataset(NAME, train_annotations=catalog, media_root=str(tmp_path))
    dataset = fo.load_dataset(NAME)
    path = "ground_truth.detections.label"
    names = cycle([IMAGE, LINK, BOLD])
    dataset.set_values(path, [[next(names) for _ in image or ()] for image in dataset.values(path)])
    for note in (IMAGE, LINK):
        relabel_boxes(dataset.limit(1), IMAGE, note=note)
    relabel_boxes(dataset.skip(1).limit(1), BOLD, note=LINK)
    dataset.save_view(VIEW, dataset.limit(len(dataset)))
    yield dataset
    fo.delete_dataset(NAME)


def check_nothing_ran(app: App) -> None:
    assert app.page.evaluate("window.hacked") is None
    expect(app.page.locator("img[src='x']")).to_have_count(0)
    expect(app.page.locator("a[href^='javascript']")).to_have_count(0)


def test_labels_and_notes_in_forms_and_results_are_text(app: App, dataset: Any) -> None:
    app.open_dataset(NAME, len(dataset))
    app.open_operator("FathomNet: relabel boxes")
    app.fill("New label", "Sebastes")
    app.fill("Saved view", VIEW)
    app.wait_until_ready()
    facts = " ".join(app.facts())
    assert all(f"{name} becomes Sebastes" in facts for name in (IMAGE, LINK, BOLD))
    app.fill("New label", IMAGE[:-1])
    app.wait_for_text("is neither in the taxonomy")
    check_nothing_ran(app)
    app.page.get_by_role("button", name="Cancel").click()

    app.open_operator("FathomNet: undo a relabelling")
    assert BOLD in " ".join(app.facts())
    app.form.get_by_role("combobox").first.click()
    expect(app.page.get_by_role("option").first).to_contain_text(LINK, timeout=PATIENCE)
    check_nothing_ran(app)
    app.page.keyboard.press("Escape")
    app.page.get_by_role("button", name="Cancel").click()

    app.open_operator("FathomNet: add taxonomy ranks")
    app.submit("Execute")
    result = app.result()
    assert all(name in result for name in (IMAGE, LINK, BOLD))
    check_nothing_ran(app)
