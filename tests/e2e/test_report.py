"""A data card from its form in the real App, and its page in a browser."""

from __future__ import annotations

import os
from pathlib import Path

import fiftyone as fo
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from playwright.sync_api import expect

from demo.generate import Settings, make
from tests.e2e.app import PATIENCE, App


def test_a_data_card_is_made_from_the_form_and_its_page_shows_every_concept(
    app: App, no_dataset: str, pictures: Path, tmp_path: Path
) -> None:
    demo = make(tmp_path, Settings(train=12, test=4), workers=os.cpu_count() or 1)
    ingest_dataset(
        no_dataset,
        train_annotations=str(demo.train),
        test_annotations=str(demo.test_truth),
        media_root=str(demo.media_root),
    )
    dataset = fo.load_dataset(no_dataset)
    import_predictions(dataset, str(demo.predictions))
    evaluate_predictions(dataset)
    concepts = dataset.distinct("ground_truth.detections.label")

    app.open_dataset(no_dataset, 16)
    app.open_operator("FathomNet: report on the dataset")
    app.wait_for_text("The card is shown; no file is written")
    folder = tmp_path / "card"
    app.fill("Folder", str(folder))
    app.wait_for_text(f"{folder / 'data-card.html'} is written")
    app.submit("Execute")
    shown = app.result()
    assert "Boxes by concept" in shown
    assert all(concept in shown for concept in concepts)
    assert "http://fathomnet.org/fathomnet/#/license" in shown
    app.page.get_by_text("Sources and licences", exact=True).evaluate("e => e.scrollIntoView()")
    app.screenshot(pictures / "report-result.png")
    app.close()

    page = (folder / "data-card.html").read_text(encoding="utf-8")
    app.page.set_content(page)
    captions = app.page.locator("figcaption")
    expect(captions).to_have_count(len(concepts), timeout=PATIENCE)
    assert sorted(captions.all_inner_texts()) == sorted(concepts)
    loaded = "all => all.every(image => image.complete && image.naturalWidth > 0)"
    assert app.page.locator("img").evaluate_all(loaded)
    app.page.screenshot(path=pictures / "data-card.png", full_page=True)
