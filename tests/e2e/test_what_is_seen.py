"""In the real App an edit touches exactly what is on the screen, whatever way led there.

``tests/test_seen.py`` tries all ways, without a browser, with the requests of
``tests.support.screens``; here the App's own requests are compared with these.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.tiles import add_tiles
from fiftyone import ViewField as F
from playwright.sync_api import Request, expect

from demo.generate import DemoSet, Settings, make
from tests.e2e.app import PATIENCE, App, figures
from tests.e2e.boxes import Boxes, boxes_of, wait_for_label
from tests.e2e.search import Search
from tests.support import screens

IMAGES = 12
RELABEL = "FathomNet: relabel boxes"
TRUTH, PREDICTED = "ground_truth", "model_predictions"
NAME = "ground_truth.detections.label"
NEW = "Sebastes diploproa"
"""Which no box of the demo has."""


@pytest.fixture(scope="module")
def demo_set(tmp_path_factory: pytest.TempPathFactory) -> DemoSet:
    settings = Settings(train=8, test=4)
    return make(tmp_path_factory.mktemp("demo"), settings, workers=os.cpu_count() or 1)


@pytest.fixture
def dataset(demo_set: DemoSet, no_dataset: str) -> Any:
    ingest_dataset(
        no_dataset,
        train_annotations=str(demo_set.train),
        test_annotations=str(demo_set.test_truth),
        media_root=str(demo_set.media_root),
    )
    dataset = fo.load_dataset(no_dataset)
    add_taxonomy_ranks(dataset)
    import_predictions(dataset, str(demo_set.predictions))
    evaluate_predictions(dataset)
    return dataset


class Sent:
    """The requests that the App sends for a form."""

    def __init__(self, app: App) -> None:
        self._requests: list[dict[str, Any]] = []
        app.page.on("request", self._note)

    def last(self) -> dict[str, Any]:
        """The newest, without what says nothing of the screen."""
        found = {k: v for k, v in self._requests[-1].items() if k not in screens.VOLATILE}
        found["view"] = [
            {k: v for k, v in stage.items() if k != "_uuid"} for stage in found["view"]
        ]
        return found

    def _note(self, request: Request) -> None:
        if request.url.endswith("/operators/resolve-type"):
            content: dict[str, Any] = json.loads(request.post_data or "{}")
            if content["operator_uri"].endswith("relabel_boxes") and content["target"] == "inputs":
                self._requests.append(content)


@pytest.fixture
def sent(app: App) -> Sent:
    return Sent(app)


def relabel(app: App, says: str, asks: bool = True, label: str = NEW) -> None:
    """Fills in the form of what is seen, ticks what it asks, and runs it."""
    app.open_operator(RELABEL)
    app.wait_for_text(says)
    app.fill("New label", label)
    if asks:
        app.wait_until_blocked("Tick it if this is meant")
        app.confirm()
    app.submit("Execute")
    app.result()
    app.close()


def changed(before: Boxes, dataset: Any) -> set[str]:
    after = boxes_of(dataset)
    return {one for one in before if after[one]["label"] != before[one]["label"]}


def two_names(boxes: Boxes) -> list[str]:
    """The two names that most boxes have."""
    labels = [one["label"] for one in boxes.values()]
    return sorted(set(labels), key=lambda name: (-labels.count(name), name))[:2]


def test_a_saved_view_and_a_filter_of_the_sidebar(app: App, sent: Sent, dataset: Any) -> None:
    before = boxes_of(dataset)
    names = two_names(before)
    view = dataset.filter_labels(TRUTH, F("label").is_in(names))
    dataset.save_view("two names", view)
    meant = {one for one, box in before.items() if box["label"] == names[0]}
    images = len(dataset.filter_labels(TRUTH, F("label") == names[0]))
    app.open_dataset(dataset.name, IMAGES)
    app.wait_until_drawn()
    app.choose_view("two names")
    app.wait_for_samples(len(view))
    app.filter(NAME, names[0])
    app.wait_for_text(f"{images} of {len(view)} samples")
    said = f"{len(meant)} boxes in {images} images, of {len(meant)} shown: all that is shown"
    relabel(app, said)
    assert sent.last() == screens.request(
        dataset, view, "two names", filters={NAME: screens.is_label(names[0])}
    )
    assert changed(before, dataset) == meant
    # What was changed is what is shown, though the filter would hide it.
    app.wait_for_samples(images)
    assert app.values_shown(NAME) == [NEW]


def test_an_opened_image_of_a_view_and_a_box_that_is_clicked_in_it(
    app: App, sent: Sent, dataset: Any
) -> None:
    before = boxes_of(dataset)
    names = two_names(before)
    view = dataset.filter_labels(TRUTH, F("label").is_in(names))
    dataset.save_view("two names", view)
    opened = list(view)[1]
    meant = {one.id for one in opened.ground_truth.detections}
    everything = view.count("ground_truth.detections")
    assert len(meant) < everything
    app.open_dataset(dataset.name, IMAGES)
    app.wait_until_drawn()
    app.choose_view("two names")
    app.wait_for_samples(len(view))
    app.wait_until_drawn()
    app.open_sample(1)
    boxes = "1 box" if len(meant) == 1 else f"{len(meant)} boxes"
    relabel(app, f"{boxes} in 1 image, of {everything} shown: in what is open")
    assert sent.last() == screens.request(dataset, view, "two names", opened=opened.id)
    assert changed(before, dataset) == meant


def test_predictions_of_one_taxon_mean_the_boxes_that_they_are_about(
    app: App, sent: Sent, dataset: Any
) -> None:
    before = boxes_of(dataset)
    labels = [
        one for image in dataset.values(f"{PREDICTED}.detections.label") for one in image or ()
    ]
    taxon = max(sorted(set(labels)), key=labels.count)
    numbers = {
        (sample.id, one.annotation_id)
        for sample in dataset
        for one in (sample[PREDICTED].detections if sample[PREDICTED] else ())
        if one.label == taxon
    }
    meant = {
        box.id
        for sample in dataset
        for box in sample.ground_truth.detections
        if (sample.id, box.annotation_id) in numbers
    }
    view = dataset.filter_labels(PREDICTED, F("label") == taxon)
    assert 0 < len(meant) == labels.count(taxon) < len(before)
    app.open_dataset(dataset.name, IMAGES)
    app.wait_until_drawn()
    app.open_panel("FathomNet: taxonomy")
    app.wait_for_text(f"{len(before)} boxes of the whole dataset")
    app.page.get_by_role("combobox").filter(has_text=TRUTH).click()
    app.page.get_by_role("option", name=PREDICTED).click()
    app.wait_for_text(f"{len(labels)} boxes of the whole dataset")
    app.page.get_by_role("cell", name=taxon, exact=True).click()
    app.wait_for_samples(len(view))
    images = len({sample for sample, _ in numbers})
    noun = "image" if images == 1 else "images"
    relabel(
        app, f"{len(meant)} boxes in {images} {noun}, of {len(meant)} boxes of {PREDICTED} shown"
    )
    stages = sent.last()["view"]
    assert [one["_cls"] for one in stages] == ["fiftyone.core.stages.FilterLabels"]
    assert dict(stages[0]["kwargs"])["field"] == PREDICTED
    assert changed(before, dataset) == meant


def test_patches_of_predictions_mean_their_boxes_and_tiles_are_refused(
    app: App, sent: Sent, dataset: Any
) -> None:
    add_tiles(dataset)
    before = boxes_of(dataset)
    view = dataset.to_patches(PREDICTED)
    dataset.save_view("predicted", view)
    dataset.save_view("tiled", dataset.to_patches("tiles"))
    search = Search(app)
    shown = search.open_view(dataset.name, "tiled", dataset.count("tiles.detections"))
    assert shown
    app.open_operator(RELABEL)
    app.fill("New label", NEW)
    app.wait_until_blocked("nothing says which boxes of ground_truth they belong to")
    app.form.get_by_role("button", name="Cancel").click()

    app.choose_other_view("predicted")
    expect(app.page.locator("[data-cy=entry-counts]")).to_have_text(f"{len(view)} patches")
    app.wait_until_drawn()
    app.select(0, 2)
    relabel(app, f"of {len(view)} boxes of {PREDICTED} shown: selected")
    chosen = [view.values("id")[place] for place in (0, 2)]
    request = screens.request(
        dataset, dataset.load_saved_view("predicted"), "predicted", selected=chosen
    )
    assert sent.last() == request | {"active_fields": sent.last()["active_fields"]}
    patches = dataset.to_patches(PREDICTED)
    numbers = {
        (patch.sample_id, patch[PREDICTED].annotation_id) for patch in patches.select(chosen)
    }
    meant = {
        box.id
        for sample in dataset
        for box in sample.ground_truth.detections
        if (sample.id, box.annotation_id) in numbers
    }
    assert changed(before, dataset) == meant


def test_a_clone_has_patches_of_its_own(app: App, dataset: Any) -> None:
    dataset.save_view("patches", dataset.to_patches(TRUTH))
    original = boxes_of(dataset)
    clone = dataset.clone("deep-sea-clone", persistent=True)
    try:
        search = Search(app)
        first = next(iter(original))
        shown = search.open_view(clone.name, "patches", len(original))
        app.select(shown.index(first))
        relabel(app, f"1 box in 1 image, of {len(original)} shown: selected")
        assert changed(original, clone) == {first}
        # Patches stay patches, and only what was changed is shown.
        expect(app.page.locator("[data-cy=entry-counts]")).to_have_text("1 patch", timeout=PATIENCE)
        wait_for_label(app, 0, NEW)
        assert boxes_of(dataset) == original
        shown = search.open_view(dataset.name, "patches", len(original))
        wait_for_label(app, shown.index(first), original[first]["label"])
        clone.reload()
        renewed = clone.load_saved_view("patches")
        assert renewed.select(first).first().ground_truth.label == NEW
    finally:
        fo.delete_dataset(clone.name)


def test_the_form_asks_once_for_every_run(app: App, dataset: Any, pictures: Path) -> None:
    before = boxes_of(dataset)
    dataset.save_view("patches", dataset.to_patches(TRUTH))
    search = Search(app)
    shown = search.open_view(dataset.name, "patches", len(before))
    app.select(0, 1)
    app.open_operator(RELABEL)
    app.wait_for_text("2 boxes in ")
    app.wait_for_text(f"of {len(before)} shown: selected")
    app.fill("New label", NEW)
    app.confirm()
    app.wait_until_ready()
    # Another label is another question.
    app.fill("New label", "Umbellula")
    app.wait_until_blocked("Tick it if this is meant")
    app.fill("New label", NEW)
    app.wait_until_ready()
    app.submit("Execute")
    assert figures(app.result())["Changed"] == "2"
    app.close()
    assert changed(before, dataset) == set(shown[:2])
    expect(app.page.locator("[data-cy=entry-counts]")).to_have_text("2 patches", timeout=PATIENCE)
    # Nothing is selected any more, and the next run asks again.
    app.open_operator(RELABEL)
    app.wait_for_text("of 2 shown: all that is shown")
    app.fill("New label", "Umbellula")
    app.wait_until_blocked("Tick it if this is meant")
