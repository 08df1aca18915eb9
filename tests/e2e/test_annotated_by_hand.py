"""A person edits a box in FiftyOne's own Annotate tab: it is told, and its ranks follow."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.relabelling import export_corrections
from fathomnet_voxel51.taxonomy import load_taxonomy

from tests.e2e.app import App
from tests.e2e.boxes import boxes_of
from tests.support.drawn import SMALL, Drawn

pytestmark = pytest.mark.skipif(
    not hasattr(fo, "AnnotationOntology"), reason="this FiftyOne has no ontologies"
)


@pytest.fixture
def dataset(drawn: Drawn) -> Iterator[Any]:
    demo = drawn(SMALL)
    ingest_dataset(
        "by-hand", test_annotations=str(demo.test_truth), media_root=str(demo.media_root)
    )
    dataset = fo.load_dataset("by-hand")
    add_taxonomy_ranks(dataset)
    yield dataset
    fo.delete_dataset("by-hand")


def test_an_edit_in_the_annotate_tab_is_a_correction_and_its_ranks_follow(
    app: App, dataset: Any, pictures: Path, tmp_path: Path
) -> None:
    page, before = app.page, boxes_of(dataset)
    index, sample = next(
        one for one in enumerate(dataset) if one[1].ground_truth and one[1].ground_truth.detections
    )
    box = sample.ground_truth.detections[0]
    new = "Sebastes" if box.label != "Sebastes" else "Elpidia"

    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_sample(index)
    modal = page.locator("[data-cy=modal]")
    modal.get_by_text("Annotate", exact=True).click()
    modal.get_by_text(box.label, exact=True).first.click()
    app.wait_for_text(box.id)
    # What is no person's to set is not there.
    said = modal.inner_text()
    assert "iscrowd" in said
    for name in ("annotation_id", "area", "kingdom"):
        assert name not in said
    modal.locator("input[role=combobox][aria-haspopup=tree]").click()
    page.get_by_placeholder("Search...").fill(new)
    with page.expect_response(lambda answer: answer.request.method == "PATCH"):
        page.get_by_role("treeitem").get_by_text(new, exact=True).first.click()
        # A busy browser saves what was edited when the tab is left.
        modal.get_by_text("Explore", exact=True).click()
    app.screenshot(pictures / "annotate.png")
    page.keyboard.press("Escape")

    after = boxes_of(dataset)
    assert [id_ for id_ in after if after[id_] != before[id_]] == [box.id]
    assert after[box.id]["label"] == new
    result = export_corrections(dataset, tmp_path / "out")
    with Path(result.csv).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["annotation_id"], row["before"], row["after"], row["change"]) == (
        str(box.annotation_id), box.label, new, "relabelled",
    )  # fmt: skip

    app.open_dataset(dataset.name, len(dataset))
    app.open_panel("FathomNet: taxonomy")
    app.wait_for_text("1 label that was named by hand got the ranks of the new name")
    stored, taxon = boxes_of(dataset)[box.id], load_taxonomy().taxon(new)
    assert taxon is not None
    assert (stored["rank"], stored["phylum"]) == (taxon.rank, taxon.lineage[1])
