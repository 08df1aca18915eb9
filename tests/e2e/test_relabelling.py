"""Labels corrected in the real App: relabelled, taken back, and handed on as files."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.progress import silent
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.relabelling.journal import journals_of
from playwright.sync_api import expect

from demo.generate import DemoSet, Settings, make
from tests.e2e.app import PATIENCE, App, figures
from tests.e2e.boxes import (
    boxes_of,
    less_verdicts,
    patches_of,
    select_in_image,
    unlike,
    wait_for_label,
)
from tests.e2e.maps import lasso_left_half, open_map
from tests.e2e.queued import newest_operation
from tests.e2e.search import Search

IMAGES = 8
RELABEL, UNDO = "FathomNet: relabel boxes", "FathomNet: undo a relabelling"
NEW, OTHER = "Scotoplanes globosa", "Sebastes"
RANKS_OF_NEW = {
    "rank": "species",
    "kingdom": "Animalia",
    "phylum": "Echinodermata",
    "class": "Holothuroidea",
    "order": "Elasipodida",
    "family": "Elpidiidae",
    "genus": "Scotoplanes",
    "species": NEW,
}
"""The lineage that WoRMS gives."""


@pytest.fixture(scope="module")
def demo_set(tmp_path_factory: pytest.TempPathFactory) -> DemoSet:
    settings = Settings(train=IMAGES, test=1)
    return make(tmp_path_factory.mktemp("demo"), settings, workers=os.cpu_count() or 1)


@pytest.fixture
def dataset(demo_set: DemoSet, no_dataset: str) -> Any:
    ingest_dataset(
        no_dataset, train_annotations=str(demo_set.train), media_root=str(demo_set.media_root)
    )
    dataset = fo.load_dataset(no_dataset)
    add_taxonomy_ranks(dataset)
    return dataset


def schedule(app: App, label: str) -> None:
    """Leaves the relabelling of what is selected to a worker, and waits until it is done."""
    app.open_operator(RELABEL)
    app.fill("New label", label)
    app.confirm()
    app.submit("Schedule")
    app.close()
    result = delegation.follow(newest_operation("relabel_boxes"), silent)
    assert result["changed"] == 1


def close_image(app: App) -> None:
    """Closes the image that is open, and in which a box may be selected."""
    # The first takes back the selection of the box, the second closes the image.
    app.page.keyboard.press("Escape")
    app.page.keyboard.press("Escape")
    expect(app.page.locator("[data-cy=modal]")).to_have_count(0, timeout=PATIENCE)


def test_selected_patches_are_relabelled_and_the_grid_shows_it(
    app: App, dataset: Any, pictures: Path
) -> None:
    before = boxes_of(dataset)
    chosen = unlike(before, NEW, 2)
    dataset.save_view("to check", dataset.to_patches("ground_truth"))
    shown = Search(app).open_view(dataset.name, "to check", len(before))
    places = [shown.index(box) for box in chosen]
    app.select(*places)

    app.open_operator(RELABEL)
    app.wait_until_blocked("name the new label")
    app.fill("New label", NEW[:-1])
    known = "is neither in the taxonomy nor a label of this field"
    app.wait_until_blocked(f"'{NEW[:-1]}' {known}; did you mean {NEW}?")
    app.fill("New label", NEW)
    app.fill("Note", "a sea pig")
    app.wait_until_blocked("Tick it if this is meant")
    app.confirm()
    app.wait_until_ready()
    told = [f"1 box: {before[box]['label']} becomes {NEW}" for box in chosen]
    assert sorted(app.facts()) == sorted(told)
    app.screenshot(pictures / "relabel-form.png")
    app.tick("Dry run")
    app.submit("Execute")
    assert figures(app.result())["Dry run"] == "yes"
    app.close()
    assert boxes_of(dataset) == before
    assert not journals_of(fo.load_dataset(dataset.name, reload=True))

    app.open_operator(RELABEL)
    app.fill("New label", NEW)
    app.fill("Note", "a sea pig")
    app.confirm()
    app.submit("Execute")
    result = figures(app.result())
    app.screenshot(pictures / "relabel-result.png")
    app.close()
    (journal,) = journals_of(fo.load_dataset(dataset.name, reload=True))
    assert (result["Changed"], result["Journal"]) == ("2", journal.key)
    assert (journal.boxes, journal.label, journal.note) == (2, NEW, "a sea pig")
    changed = {"label": NEW, **RANKS_OF_NEW}
    after = boxes_of(dataset)
    assert {after[box]["review_state"] for box in chosen} == {"relabelled"}
    assert less_verdicts(after) == {
        box: stored | changed if box in chosen else stored for box, stored in before.items()
    }
    # Those that were changed are what is shown now.
    expect(app.page.locator("[data-cy=entry-counts]")).to_have_text("2 patches", timeout=PATIENCE)
    for place in range(len(places)):
        wait_for_label(app, place, NEW)
    app.screenshot(pictures / "relabelled.png")


def test_boxes_are_lassoed_in_the_map_and_no_others_of_their_images_are_relabelled(
    app: App, dataset: Any
) -> None:
    before = boxes_of(dataset)
    # The first box of each image lies on the left, the others on the right.
    images = dataset.values("ground_truth.detections.id")
    places = [(place, number) for number, boxes in enumerate(images) for place in range(len(boxes))]
    points = np.array([(min(place, 1), number + place / 20) for place, number in places])
    fob.compute_visualization(
        dataset, patches_field="ground_truth", points=points, brain_key="by_place"
    )
    first = {boxes[0] for boxes in images}
    assert 0 < len(first) < len(before)

    app.open_dataset(dataset.name, IMAGES)
    app.open_panel("Embeddings")
    open_map(app, "by_place", len(before))
    lasso_left_half(app)
    app.wait_for_text(f"{len(first)} selected")
    app.open_operator(RELABEL)
    app.fill("New label", OTHER)
    app.confirm()
    app.wait_until_ready()
    assert sum(int(fact.split()[0]) for fact in app.facts()) == len(first)
    app.submit("Execute")
    app.result()
    app.close()
    after = boxes_of(dataset)
    assert {box for box in before if after[box]["label"] != before[box]["label"]} == first


def test_a_box_that_is_clicked_in_an_image_is_relabelled_alone(app: App, dataset: Any) -> None:
    before = boxes_of(dataset)
    box = select_in_image(app, dataset)
    app.open_operator(RELABEL)
    app.fill("New label", OTHER)
    app.confirm()
    app.wait_until_ready()
    assert app.facts() == [f"1 box: {box.label} becomes {OTHER}"]
    app.submit("Execute")
    assert figures(app.result())["Changed"] == "1"
    app.close()
    after = boxes_of(dataset)
    assert after[box.id]["label"] == OTHER
    assert {one for one, stored in after.items() if stored != before[one]} == {box.id}
    close_image(app)
    assert app.values_shown("ground_truth.detections.label") == [OTHER]


def test_what_is_selected_is_relabelled_by_a_worker(app: App, worker: None, dataset: Any) -> None:
    before = boxes_of(dataset)
    clicked = select_in_image(app, dataset)
    schedule(app, NEW)
    # Or the server, which remembers it, may open it again above the view.
    close_image(app)

    dataset.save_view("to check", patches_of(dataset, unlike(before, NEW, 3)))
    shown = Search(app).open_view(dataset.name, "to check", 3)
    selected = next(box for box in shown if box != clicked.id)
    app.select(shown.index(selected))
    schedule(app, OTHER)
    after = {box: stored["label"] for box, stored in boxes_of(dataset).items()}
    unchanged = {box: stored["label"] for box, stored in before.items()}
    assert after == unchanged | {clicked.id: NEW, selected: OTHER}


def test_an_undo_gives_back_all_but_what_was_edited_since(
    app: App, dataset: Any, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    before = boxes_of(dataset)
    chosen = unlike(before, NEW, 3)
    journal = relabel_boxes(patches_of(dataset, chosen), NEW).journal
    for sample in dataset:
        for box in sample.ground_truth.detections:
            if box.id == chosen[0]:
                box.label = OTHER
        sample.save()

    app.open_dataset(dataset.name, IMAGES)
    Search(app).show_patches("ground_truth", len(before))
    places = [list(before).index(box) for box in chosen]
    for place, label in zip(places, (OTHER, NEW, NEW), strict=True):
        wait_for_label(app, place, label)
    app.open_operator(UNDO)
    app.fill("Journal", "relabel_of_yesterday")
    app.wait_until_blocked(f"no relabelling 'relabel_of_yesterday'; the last: {journal}")
    app.fill("Journal", "")
    app.wait_for_text("1 box was edited or deleted since, and is left as it is.")
    (told,) = app.facts()
    assert told.startswith(f"2 boxes that ada made {NEW} on ")
    app.wait_until_ready()
    app.screenshot(pictures / "undo-form.png")
    app.submit("Execute")
    shown = app.result()
    assert (figures(shown)["Restored"], figures(shown)["Conflicts"]) == ("2", "1")
    assert "1 box was edited or deleted since" in shown
    app.close()
    edited = {"label": OTHER, **RANKS_OF_NEW}
    after = boxes_of(dataset)
    assert less_verdicts(after) == before | {chosen[0]: before[chosen[0]] | edited}
    verdicts = {box for box, stored in after.items() if stored.get("review_state")}
    assert verdicts == {chosen[0]}, "what was edited since keeps what was said of its old name"
    for place, box in zip(places, chosen, strict=True):
        wait_for_label(app, place, OTHER if box == chosen[0] else before[box]["label"])

    app.open_operator(UNDO)
    app.wait_until_blocked("has no relabelling that could be undone")


def test_corrections_are_exported_as_a_table_and_as_coco(
    app: App, demo_set: DemoSet, dataset: Any, pictures: Path, tmp_path: Path
) -> None:
    before = boxes_of(dataset)
    chosen = unlike(before, NEW, 3)
    relabel_boxes(patches_of(dataset, chosen), OTHER, note="seen again")
    relabel_boxes(patches_of(dataset, chosen[:1]), NEW, note="and again")
    after = {chosen[0]: NEW, chosen[1]: OTHER, chosen[2]: OTHER}
    folder = tmp_path / "corrections"

    app.open_dataset(dataset.name, IMAGES)
    app.open_operator("FathomNet: export corrections")
    app.wait_until_blocked("name the folder that takes the files")
    app.fill("Folder", str(folder))
    app.wait_until_ready()
    files = [folder / "corrections.csv", folder / "corrections.json"]
    assert app.facts() == [f"3 corrections in {file}" for file in files]
    app.submit("Execute")
    assert figures(app.result())["Corrections"] == "3"
    app.screenshot(pictures / "export-result.png")

    catalog = json.loads(demo_set.train.read_text())
    boxes = {box["id"]: box for box in catalog["annotations"]}
    names = {image["id"]: image["file_name"] for image in catalog["images"]}
    numbers = {before[box]["annotation_id"]: box for box in chosen}
    with files[0].open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert {
        int(row["annotation_id"]): (row["file_name"], row["before"], row["after"], row["note"])
        for row in rows
    } == {
        number: (
            names[boxes[number]["image_id"]],
            before[box]["label"],
            after[box],
            "and again" if after[box] == NEW else "seen again",
        )
        for number, box in numbers.items()
    }
    coco = json.loads(files[1].read_text())
    concepts = {one["id"]: one["name"] for one in coco["categories"]}
    written = {one["id"]: one for one in coco["annotations"]}
    assert written.keys() == numbers.keys()
    for number, one in written.items():
        assert concepts[one["category_id"]] == after[numbers[number]]
        assert one["bbox"] == pytest.approx(boxes[number]["bbox"], abs=0.01)
        assert one["image_id"] == boxes[number]["image_id"]
