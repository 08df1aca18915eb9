"""The panel of an evaluation in the real App: open it, change the rank, click, see the boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.review.sets import read_set
from fathomnet_voxel51.taxonomy import load_taxonomy
from playwright.sync_api import expect

from demo.workspaces import save_workspaces
from tests.e2e.app import PATIENCE, App
from tests.e2e.plots import click, hover, largest_mistake, plot
from tests.e2e.watched import SETTLES, Watched
from tests.support.drawn import MANY_PREDICTED, Drawn

PANEL = "FathomNet: evaluation by rank"


@pytest.fixture(scope="module")
def dataset(drawn: Drawn) -> Iterator[Any]:
    """The demo's test images with their truth, and a model's predictions of them."""
    demo = drawn(MANY_PREDICTED)
    ingest_dataset(
        "evaluated", test_annotations=str(demo.test_truth), media_root=str(demo.media_root)
    )
    dataset = fo.load_dataset("evaluated")
    import_predictions(dataset, str(demo.predictions))
    yield dataset
    fo.delete_dataset("evaluated")


def open_evaluation(app: App, dataset: Any) -> None:
    """Evaluates the predictions, and opens the panel beside the images."""
    evaluate_predictions(dataset)
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    expect(plot(app, "matrix")).to_be_visible(timeout=PATIENCE)


def wait_for_patches(app: App, count: int) -> None:
    counter = app.page.locator("[data-cy=entry-counts]")
    noun = "patch" if count == 1 else "patches"
    expect(counter).to_have_text(f"{count:,} {noun}", timeout=PATIENCE)


def choose(app: App, label: str, option: str) -> None:
    app.page.get_by_text(label, exact=True).locator(
        "xpath=following::*[@role='combobox'][1]"
    ).click()
    app.page.get_by_role("option", name=option, exact=True).click()


def test_a_rank_is_chosen_and_a_cell_shows_exactly_its_boxes(
    app: App, dataset: Any, pictures: Path
) -> None:
    open_evaluation(app, dataset)

    # Names and numbers are there, and large enough to be read.
    choose(app, "Rank", "class")
    number, *_ = largest_mistake(app, "class")
    matrix = plot(app, "matrix")
    data = matrix.evaluate("plot => plot.data[0]")
    written = matrix.locator("text").evaluate_all(
        "found => found.map(one => [one.textContent, parseFloat(getComputedStyle(one).fontSize)])"
    )
    assert {*data["x"], *data["y"], str(number)} <= {text for text, _ in written}
    assert min(size for text, size in written if text) >= 9

    choose(app, "Rank", "family")
    count, row, column, true, predicted = largest_mistake(app, "family")
    click(app, "matrix", column, row)
    wait_for_patches(app, count)
    app.wait_for_text(f"{true} taken for {predicted}")

    family = {name: load_taxonomy().rollup(name, "family") for name in load_taxonomy().names}
    columns = [
        dataset.values(f"{field}.detections.label", unwind=True)
        for field in ("ground_truth", "model_predictions")
    ]
    expected = [
        a
        for a, b in zip(*columns, strict=True)
        if (family.get(a), family.get(b)) == (true, predicted)
    ]
    assert len(expected) == count
    shown = app.page.locator("[data-cy=looker]")
    expect(shown).to_have_count(count, timeout=PATIENCE)
    app.screenshot(pictures / "evaluation-cell.png")

    app.page.get_by_role("button", name="Show everything").click()
    app.wait_for_samples(len(dataset))
    # Macro F1 says over how many names it is.
    named = sum(
        any(family.get(name) == one for pair in zip(*columns, strict=True) for name in pair)
        for one in {*family.values()} - {None}
    )
    f1 = plot(app, "ranks").evaluate("plot => plot.data[2]")
    at = f1["x"].index("family")
    hover(app, "ranks", at, f1["y"][at])
    said = f"over the {named:,} names that are true or predicted there"
    expect(plot(app, "ranks").locator(".hoverlayer text").first).to_contain_text(said)
    # The wheel scrolls, and zooms nothing.
    ranges = "plot => [plot._fullLayout.xaxis.range, plot._fullLayout.yaxis.range].join()"
    matrix.scroll_into_view_if_needed()
    matrix.hover()
    drawn, place = matrix.evaluate(ranges), matrix.bounding_box()
    app.page.mouse.wheel(0, -200)
    app.page.wait_for_timeout(500)
    assert matrix.evaluate(ranges) == drawn
    assert matrix.bounding_box() != place
    # One click on the edge of a row: all boxes of this family that are wrong.
    edge = len(matrix.evaluate("plot => plot.data[0].x")) - 1
    click(app, "matrix", edge, row)
    pairs = zip(*columns, strict=True)
    wrong = [b for a, b in pairs if family.get(a) == true != family.get(b)]
    assert len(wrong) >= count
    wait_for_patches(app, len(wrong))
    app.wait_for_text(f"truly {true}, wrong at family")
    app.page.get_by_role("button", name="Show everything").click()
    app.wait_for_samples(len(dataset))
    app.wait_until_drawn()
    plot(app, "ranks").scroll_into_view_if_needed()
    app.screenshot(pictures / "evaluation-by-rank.png")


def test_a_click_on_a_bar_has_the_page_drawn_once_and_so_has_the_way_back(
    app: App, dataset: Any
) -> None:
    open_evaluation(app, dataset)
    app.page.wait_for_timeout(SETTLES)
    watched = Watched(app.page)
    bar = plot(app, "ranks").evaluate("plot => plot.data[1].x").index("family")
    click(app, "ranks", bar, 0.99)  # wrong is on top of right
    app.wait_for_text("boxes: wrong at family")
    app.page.wait_for_timeout(SETTLES)
    assert watched.pages == 1
    app.page.get_by_role("button", name="Show everything").click()
    app.wait_for_samples(len(dataset))
    app.page.wait_for_timeout(SETTLES)
    assert watched.pages == 2


def test_beside_the_grid_of_a_narrow_window_numbers_can_be_read(app: App, dataset: Any) -> None:
    evaluate_predictions(dataset)
    save_workspaces(dataset)
    app.page.set_viewport_size({"width": 700, "height": 900})
    app.page.goto(f"{app.url}/datasets/{dataset.slug}?workspace=evaluation-by-rank")
    expect(plot(app, "matrix")).to_be_visible(timeout=PATIENCE)
    # What is drawn is scaled in some pictures, beside the size of its letters.
    sizes = app.page.locator(".js-plotly-plot text").evaluate_all(
        "found => found.filter(one => one.textContent.trim() && one.getBoundingClientRect().width)"
        ".map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a)"
    )
    assert len(sizes) > 20
    assert min(size for size in sizes if size > 0) >= 8


def test_what_is_wrong_of_a_family_is_reviewed_by_two_actions(app: App, dataset: Any) -> None:
    open_evaluation(app, dataset)
    choose(app, "Rank", "family")
    _, row, _, true, _ = largest_mistake(app, "family")
    edge = len(plot(app, "matrix").evaluate("plot => plot.data[0].x")) - 1
    family = {name: load_taxonomy().rollup(name, "family") for name in load_taxonomy().names}
    labels, names = (
        dataset.values(f"ground_truth.detections.{name}", unwind=True) for name in ("id", "label")
    )
    predicted = dataset.values("model_predictions.detections.label", unwind=True)
    wrong = {
        label
        for label, name, other in zip(labels, names, predicted, strict=True)
        if family.get(name) == true != family.get(other)
    }

    actions = 0
    click(app, "matrix", edge, row)
    actions += 1
    wait_for_patches(app, len(wrong))
    app.page.get_by_role("button", name="Review them").click()
    actions += 1
    progress = app.page.get_by_test_id("review-progress")
    expect(progress).to_contain_text(f"0 of {len(wrong)} labels done", timeout=PATIENCE)
    assert actions == 2
    kept = read_set(dataset)
    assert kept is not None
    assert {label for _, label in kept.boxes} == wrong


def test_a_correction_makes_the_evaluation_out_of_date_until_it_is_made_again(
    app: App, dataset: Any
) -> None:
    evaluate_predictions(dataset)
    sample = dataset.first()
    box = sample.ground_truth.detections[0]
    before, box.label = box.label, "Sebastes diploproa"
    sample.save()
    try:
        app.open_dataset(dataset.name, len(dataset))
        app.open_panel(PANEL)
        app.wait_for_text("Out of date: evaluation eval_model_predictions")
        app.wait_for_text("Since then labels of ground_truth changed.")
        app.page.get_by_role("button", name="Evaluate again").click()
        app.wait_for_text("The evaluation eval_model_predictions is there already and is replaced")
        app.submit("Execute")
        app.result()
        app.close()
        gone = app.page.get_by_text("Out of date: evaluation eval_model_predictions")
        expect(gone).to_have_count(0, timeout=PATIENCE)
    finally:
        box.label = before
        sample.save()


def test_where_there_is_no_evaluation_a_button_opens_the_form(app: App, dataset: Any) -> None:
    for key in dataset.list_evaluations():
        dataset.delete_evaluation(key)
    app.open_dataset(dataset.name, len(dataset))
    app.open_panel(PANEL)
    app.wait_for_text("There is no evaluation yet")
    app.page.get_by_role("button", name="Evaluate predictions").click()
    app.wait_for_text("boxes are scored, as evaluation eval_model_predictions")
    app.submit("Execute")
    app.result()
    app.close()
    expect(plot(app, "matrix")).to_be_visible(timeout=PATIENCE)
