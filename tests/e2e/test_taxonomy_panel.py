"""The panel of the tree of life in the real App: open it, click a taxon, look for one by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone import ViewField as F
from playwright.sync_api import expect

from tests.e2e.app import PATIENCE, App
from tests.e2e.watched import SETTLES, Watched
from tests.support.drawn import MANY_PREDICTED, Drawn

LABELS = ("ground_truth", "model_predictions")
PANEL = "FathomNet: taxonomy"
HOSTILE = "<img src=x onerror=alert(1)> a|b **c** $d"


@pytest.fixture(scope="module")
def dataset(drawn: Drawn) -> Iterator[Any]:
    """The demo's images with their truth, and a model's predictions of some of them."""
    demo = drawn(MANY_PREDICTED)
    ingest_dataset(
        "tree-of-life",
        train_annotations=str(demo.train),
        test_annotations=str(demo.test_truth),
        media_root=str(demo.media_root),
    )
    dataset = fo.load_dataset("tree-of-life")
    import_predictions(dataset, str(demo.predictions))
    evaluate_predictions(dataset)
    yield dataset
    fo.delete_dataset("tree-of-life")


def images_with(dataset: Any, *taxa: str) -> tuple[int, int]:
    """How many images and boxes have a label at or below some taxa."""
    names = [name for taxon in taxa for name in load_taxonomy().within(taxon) or (taxon,)]
    view = dataset.filter_labels("ground_truth", F("label").is_in(names))
    return len(view), view.count("ground_truth.detections")


def wait_for_place(app: App, name: str, boxes: int) -> None:
    """Waits until the panel says where one is, and of how many boxes."""
    said = re.compile(rf"^{re.escape(name)}.*: {boxes:,} (of|boxes)")
    expect(app.page.get_by_text(said).first).to_be_visible(timeout=PATIENCE)


def test_a_click_on_a_taxon_and_a_search_show_exactly_its_boxes(
    app: App, dataset: Any, pictures: Path
) -> None:
    page = app.page
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    everything = dataset.count("ground_truth.detections")
    wait_for_place(app, "All", everything)
    slices = page.locator("g.slice text")
    expect(slices.filter(has_text="Echinodermata")).to_be_visible(timeout=PATIENCE)
    app.wait_until_drawn()  # the panel has narrowed the grid, which loads its images anew
    app.screenshot(pictures / "taxonomy-panel.png")

    images, boxes = images_with(dataset, "Echinodermata")
    # Forced: the slice lies over its name, and takes the click.
    slices.filter(has_text="Echinodermata").click(force=True)
    app.wait_for_samples(images)
    wait_for_place(app, "Echinodermata", boxes)
    # Boxes of the model, of the same corners, are not drawn over those of the taxon.
    ticks = [page.locator(f"[data-cy=checkbox-{one}]").first for one in LABELS]
    expect(ticks[0].locator("input")).to_be_checked(timeout=PATIENCE)
    expect(ticks[1].locator("input")).not_to_be_checked(timeout=PATIENCE)

    page.get_by_role("button", name="All >").click()
    app.wait_for_samples(len(dataset))
    wait_for_place(app, "All", everything)
    expect(ticks[1].locator("input")).to_be_checked(timeout=PATIENCE)

    page.get_by_placeholder("Asteroidea").fill("sea cucum")
    common = page.get_by_role("button", name=re.compile("^sea cucumber: Holothuroidea, class"))
    expect(common).to_be_visible(timeout=PATIENCE)
    images, boxes = images_with(dataset, "Holothuroidea")
    page.get_by_placeholder("Asteroidea").fill("holothuroidae")
    found = page.get_by_role("button", name=re.compile("^Holothuroidea, class"))
    found.click()
    app.wait_for_samples(images)
    expect(found).to_have_count(0, timeout=PATIENCE)  # it says the same as the page that comes
    wait_for_place(app, "Holothuroidea", boxes)

    species = dataset.filter_labels(
        "ground_truth", F("label").is_in(load_taxonomy().within("Holothuroidea"))
    ).distinct("ground_truth.detections.label")[0]
    page.get_by_role("cell", name=species, exact=True).click()
    images, boxes = images_with(dataset, species)
    app.wait_for_samples(images)
    wait_for_place(app, species, boxes)


def test_a_taxon_has_a_page_that_fits_a_laptop_and_opens_what_is_wrong(
    app: App, dataset: Any, pictures: Path
) -> None:
    page = app.page
    page.set_viewport_size({"width": 1280, "height": 720})
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    page.locator("g.slice text").filter(has_text="Echinodermata").click(force=True)
    worms = page.get_by_role("link", name="WoRMS")
    address = re.compile("marinespecies.*Echinodermata")
    expect(worms).to_have_attribute("href", address, timeout=PATIENCE)
    expect(page.get_by_role("link", name="FathomNet").first).to_be_visible()
    for said in ("By rank", "By dive", "Taken for"):
        expect(page.get_by_text(re.compile(said, re.IGNORECASE)).first).to_be_visible()
    expect(page.locator(".js-plotly-plot image")).to_have_count(6, timeout=PATIENCE)
    # Nothing is beyond the panel's edge, nor smaller than can be read.
    for plot in page.locator(".js-plotly-plot").all():
        place = plot.bounding_box()
        assert place and place["x"] + place["width"] <= 1280
    sizes = page.locator(".js-plotly-plot text").evaluate_all(
        "found => found.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 9
    app.screenshot(pictures / "taxon-page.png")
    picture = page.locator(".js-plotly-plot").filter(has=page.locator("image"))
    picture.scroll_into_view_if_needed()
    picture.hover(position={"x": 40, "y": 60})
    expect(picture.locator(".hoverlayer text").first).to_be_attached(timeout=PATIENCE)
    page.mouse.down()
    page.mouse.up()
    opened = page.locator("[data-cy=modal] canvas[canvas-loaded=true]")
    expect(opened).to_be_visible(timeout=PATIENCE)
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0, timeout=PATIENCE)

    names = load_taxonomy().within("Echinodermata")
    wrong = dataset.filter_labels(
        "ground_truth", F("label").is_in(names) & (F("eval_model_predictions") == "fn")
    ).count("ground_truth.detections")
    page.get_by_role("button", name=f"Show wrong: {wrong:,} boxes").click()
    counter = page.locator("[data-cy=entry-counts]")
    expect(counter).to_have_text(f"{wrong:,} patches", timeout=PATIENCE)
    images, boxes = images_with(dataset, "Echinodermata")
    page.get_by_role("button", name="Back to Echinodermata").click()
    app.wait_for_samples(images)
    wait_for_place(app, "Echinodermata", boxes)


def in_the_list(app: App, label: str, option: str) -> None:
    """Chooses in a list of the panel, and waits until it is chosen."""
    row = app.page.get_by_text(label, exact=True).last
    field = row.locator("xpath=following::*[@role='combobox'][1]")
    field.click()
    app.page.get_by_role("option", name=option, exact=True).click()
    expect(field).to_have_text(option, timeout=PATIENCE)


def test_in_a_narrow_window_a_taxon_stays_while_colours_and_labels_change(
    app: App, dataset: Any
) -> None:
    page = app.page
    page.set_viewport_size({"width": 1000, "height": 700})
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    # A search waits for three letters, and shows nothing before a button is clicked.
    everything = dataset.count("ground_truth.detections")
    wait_for_place(app, "All", everything)
    page.get_by_placeholder("Asteroidea").fill("ec")
    app.wait_for_text("Type 3 letters of a name or more")
    page.get_by_placeholder("Asteroidea").fill("echinod")
    found = page.get_by_role("button", name=re.compile("^Echinodermata, phylum"))
    expect(found).to_be_visible(timeout=PATIENCE)
    app.wait_for_samples(len(dataset))
    wait_for_place(app, "All", everything)
    found.click()
    images, boxes = images_with(dataset, "Echinodermata")
    app.wait_for_samples(images)
    wait_for_place(app, "Echinodermata", boxes)

    tree = page.locator(".js-plotly-plot").filter(has=page.locator("g.slice")).first
    place = tree.bounding_box()
    assert place and place["x"] >= 0 and place["x"] + place["width"] <= 1000
    tables = page.get_by_role("table")
    expect(tables.first).to_be_visible(timeout=PATIENCE)
    assert tables.evaluate_all(
        "found => found.every(one => one.scrollWidth <= one.parentElement.clientWidth)"
    )
    colours = "found => found.map(one => getComputedStyle(one).fill).join()"
    by_branch = tree.locator("path.surface").evaluate_all(colours)
    in_the_list(app, "Colours", "accuracy")
    for _ in range(PATIENCE // 500):
        if tree.locator("path.surface").evaluate_all(colours) != by_branch:
            break
        page.wait_for_timeout(500)
    assert tree.locator("path.surface").evaluate_all(colours) != by_branch

    in_the_list(app, "Labels", "model_predictions")
    names = load_taxonomy().within("Echinodermata")
    predicted = dataset.filter_labels("model_predictions", F("label").is_in(names))
    app.wait_for_samples(len(predicted))
    wait_for_place(app, "Echinodermata", predicted.count("model_predictions.detections"))


def test_one_click_has_the_page_drawn_once_in_each_tab(app: App, dataset: Any) -> None:
    everything = dataset.count("ground_truth.detections")
    images, boxes = images_with(dataset, "Echinodermata")
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    wait_for_place(app, "All", everything)
    beside = App(app.page.context.new_page(), app.url)
    beside.open_dataset(dataset.name, len(dataset))
    wait_for_place(beside, "All", everything)  # FiftyOne opens there what is open here
    beside.wait_until_drawn()

    app.page.bring_to_front()
    app.page.wait_for_timeout(SETTLES)
    tabs = Watched(app.page), Watched(beside.page)
    app.page.locator("g.slice text").filter(has_text="Echinodermata").click(force=True)
    for one in (app, beside):
        one.page.bring_to_front()
        one.wait_for_samples(images)
        wait_for_place(one, "Echinodermata", boxes)
        one.wait_until_drawn()
        one.page.wait_for_timeout(SETTLES)
    assert [one.pages for one in tabs] == [1, 1]
    assert not any(one.remembered for one in tabs)

    beside.page.get_by_role("button", name="All >").click()
    for one in (beside, app):
        one.page.bring_to_front()
        one.wait_for_samples(len(dataset))
        wait_for_place(one, "All", everything)


def test_what_is_in_a_label_is_read_not_run(app: App, dataset: Any) -> None:
    path = "ground_truth.detections.label"
    labels = before = dataset.values(path)
    labels = [[HOSTILE, *image[1:]] if image else image for image in labels]
    dataset.set_values(path, labels)
    said: list[str] = []
    app.page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    app.open_dataset(dataset.name, len(dataset))
    app.open_panel(PANEL)
    images, boxes = images_with(dataset, HOSTILE)
    app.page.get_by_role("cell", name=HOSTILE, exact=True).click()
    app.wait_for_samples(images)
    wait_for_place(app, HOSTILE, boxes)
    assert not said
    dataset.set_values(path, before)
