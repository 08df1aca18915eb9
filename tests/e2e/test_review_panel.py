"""The review panel in the real App: what keys and clicks say is in the database, no more."""

from __future__ import annotations

import getpass
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.brain as fob
import numpy as np
import pytest
from fathomnet_voxel51.dataset.hit_views import Hit, save_hits_view
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset
from fathomnet_voxel51.labels.verdicts import VERDICT_KEYS, state_of
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling.box_states import box_ids
from fathomnet_voxel51.relabelling.journal import acting_as, journals_of
from fathomnet_voxel51.review import review_labels
from fiftyone import ViewField as F
from playwright.sync_api import Locator, expect

from demo.crops import cut_crops
from tests.e2e.app import PATIENCE, App
from tests.e2e.boxes import Boxes, boxes_of
from tests.e2e.maps import lasso_left_half, open_map
from tests.e2e.test_hostile_names import BOLD, IMAGE, LINK, check_nothing_ran
from tests.support.drawn import MANY_PREDICTED, Drawn

NAME = "reviewed"
PANEL = "FathomNet: review"
PATH = "ground_truth.detections"
KEYS = {"v": "confirmed", "r": "rejected", "u": "unsure", "Enter": "relabelled"}
SUSPECTS = 40
SUGGESTED = "Peniagone"
SHOWN = """label =>
    document.querySelector("[data-testid=review-label]")?.dataset.id === label
    && document.querySelector(".fnr-large canvas")?.dataset.painted === label"""


@pytest.fixture
def dataset(drawn: Drawn) -> Iterator[Any]:
    """The demo's test images with their truth, and a view of suspects with suggestions."""
    demo = drawn(MANY_PREDICTED)
    ingest_dataset(NAME, test_annotations=str(demo.test_truth), media_root=str(demo.media_root))
    dataset = fo.load_dataset(NAME)
    boxes = box_ids(dataset, PATH)
    random.Random(3).shuffle(boxes)
    dataset.add_sample_field(f"{PATH}.suggested_label", fo.StringField)
    stored = boxes_of(dataset)
    boxes = [box for box in boxes if stored[box[1]]["label"] != SUGGESTED][:SUSPECTS]
    suggestions = {label: SUGGESTED for _, label in boxes}
    dataset.set_label_values(f"{PATH}.suggested_label", suggestions)
    save_suspects(dataset, boxes)
    yield dataset
    fo.delete_dataset(NAME)


def save_suspects(dataset: Any, boxes: Sequence[tuple[str, str]]) -> None:
    save_hits_view(dataset, "suspects", "ground_truth", [Hit(b, a, 0) for a, b in boxes], "")


class Panel:
    """The panel as a person uses it."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.root: Locator = app.page.get_by_test_id("review-panel")

    def open(self, dataset: Any, view: str = "suspects") -> None:
        self.app.open_dataset(dataset.name, len(dataset))
        self.app.wait_until_drawn()
        self.app.open_panel(PANEL)
        self.root.get_by_role("button", name=view, exact=True).click()
        self.wait_for_progress("0 of")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.app.page.keyboard.press(key)

    def wait_for_label(self, label_id: str) -> None:
        """Waits until a label is large on the screen, its picture too."""
        # Looked at for every frame that is drawn: Playwright's own assertions look once a second.
        self.app.page.wait_for_function(SHOWN, arg=label_id, timeout=PATIENCE, polling="raf")

    def wait_for_progress(self, text: str) -> None:
        """Waits until the progress says something, and all is saved."""
        progress = self.root.get_by_test_id("review-progress")
        expect(progress).to_contain_text(text, timeout=PATIENCE)
        expect(progress).not_to_contain_text("saving", timeout=PATIENCE)

    def name_of_key(self, digit: int) -> str:
        """The name on the button with a digit."""
        button = self.root.get_by_role("button").filter(
            has=self.app.page.locator(f"kbd:text-is('{digit}')")
        )
        return button.inner_text().removesuffix(str(digit)).strip()

    def open_grid(self) -> None:
        self.press("g")
        expect(self.root.locator("canvas[data-painted]").first).to_be_visible(timeout=PATIENCE)

    def sentence(self) -> str:
        return self.root.get_by_test_id("review-sentence").inner_text()


def suspects_of(dataset: Any) -> list[str]:
    ids: list[str] = dataset.load_saved_view("suspects").values("id")
    return ids


def verdicts(boxes: Boxes) -> dict[str, tuple[str, str]]:
    """State and name of each label that somebody has judged."""
    told = {box: (state_of(stored), stored["label"]) for box, stored in boxes.items()}
    return {box: one for box, one in told.items() if one[0] != "unreviewed"}


def test_keys_give_exactly_these_verdicts_and_a_reload_keeps_the_set(
    app: App, dataset: Any
) -> None:
    before, suspects = boxes_of(dataset), suspects_of(dataset)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(suspects[0])
    first = panel.name_of_key(1)
    dice = random.Random(7)
    expected = {}
    for label in suspects[:30]:
        panel.wait_for_label(label)
        key, name = dice.choice(["1", "n", *KEYS]), before[label]["label"]
        panel.press(key)
        if key == "1":
            expected[label] = ("confirmed" if name == first else "relabelled", first)
        elif key == "Enter":
            expected[label] = ("relabelled", SUGGESTED)
        elif key != "n":
            expected[label] = (KEYS[key], name)
    panel.wait_for_label(suspects[30])
    panel.wait_for_progress(f"{len(expected)} of {SUSPECTS} labels done")
    after = boxes_of(dataset)
    assert verdicts(after) == expected
    assert {after[label]["reviewed_by"] for label in expected} == {getpass.getuser()}
    changed = {box for box in before if before[box] != after[box]}
    assert changed == set(expected)

    last, *others = reversed(expected)
    panel.press("z")
    panel.wait_for_label(last)
    panel.wait_for_progress(f"{len(others)} of {SUSPECTS} labels done")
    assert verdicts(boxes_of(dataset)) == {box: expected[box] for box in others}

    app.page.reload()
    if not panel.root.is_visible():
        app.wait_for_samples(len(dataset))
        app.open_panel(PANEL)
    panel.wait_for_label(last)
    panel.wait_for_progress(f"{len(others)} of {SUSPECTS} labels done")
    panel.press("z")
    panel.wait_for_label(others[0])
    panel.wait_for_progress(f"{len(others) - 1} of {SUSPECTS} labels done")
    assert verdicts(boxes_of(dataset)) == {box: expected[box] for box in others[1:]}
    # What is taken back is as it was before, in all its attributes.
    left = boxes_of(dataset)
    assert {box for box in before if before[box] != left[box]} == set(others[1:])


def test_crops_are_judged_by_the_same_keys(app: App, drawn: Drawn, tmp_path: Path) -> None:
    demo = drawn(MANY_PREDICTED)
    table = cut_crops(demo.test_truth, demo.media_root, "test", tmp_path)
    ingest_crops(f"{NAME}-crops", table=str(table), split="test")
    crops = fo.load_dataset(f"{NAME}-crops")
    labelled = crops.match(F("ground_truth.label") != None).limit(SUSPECTS)  # noqa: E711
    crops.save_view("suspects", labelled)
    ids, names = labelled.values(["ground_truth.id", "ground_truth.label"])
    panel = Panel(app)
    try:
        panel.open(crops)
        expected = {}
        for label, name, key in zip(ids, names, "vruv", strict=False):
            panel.wait_for_label(label)
            panel.press(key)
            expected[label] = (KEYS[key], name)
        panel.wait_for_label(ids[len(expected)])
        panel.wait_for_progress(f"{len(expected)} of {len(ids)} labels done")
        assert judged_crops(crops) == expected
        panel.press("z")
        panel.wait_for_label(ids[len(expected) - 1])
        panel.wait_for_progress(f"{len(expected) - 1} of {len(ids)} labels done")
        assert judged_crops(crops) == dict(list(expected.items())[:-1])
    finally:
        fo.delete_dataset(crops.name)


def judged_crops(crops: Any) -> dict[str, tuple[str, str]]:
    """State and name of the label of each crop that somebody has judged."""
    columns = ("id", "label", "review_state")
    rows = zip(*crops.values([f"ground_truth.{name}" for name in columns]), strict=True)
    return {id_: (state, name) for id_, name, state in rows if state}


def test_exceptions_in_the_grid_are_clicked_and_the_rest_gets_a_name(
    app: App, dataset: Any, pictures: Path
) -> None:
    before, suspects = boxes_of(dataset), suspects_of(dataset)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(suspects[0])
    panel.open_grid()
    first = panel.name_of_key(1)
    marked = suspects[2:7]
    actions = 0
    for label in marked:
        panel.root.locator(f"[data-testid=review-tile][data-id='{label}']").click()
        actions += 1
    rest = [label for label in suspects if label not in marked]
    same = sum(before[label]["label"] == first for label in rest)
    assert panel.sentence().startswith(
        f"{SUSPECTS} shown, 5 marked: {len(rest) - same} become {first}"
    )
    app.screenshot(pictures / "review-grid.png")
    panel.press("1")
    actions += 1
    panel.wait_for_progress(f"{len(rest)} of {SUSPECTS} labels done")
    assert actions == 6  # seven with the lasso that makes the set
    after = boxes_of(dataset)
    assert {after[label]["label"] for label in rest} == {first}
    assert set(verdicts(after)) == set(rest)

    panel.press("a")
    panel.wait_for_progress(f"{SUSPECTS} of {SUSPECTS} labels done")
    told = verdicts(boxes_of(dataset))
    assert {told[label] for label in marked} == {
        ("confirmed", before[label]["label"]) for label in marked
    }
    panel.press("z", "z")
    panel.wait_for_progress(f"0 of {SUSPECTS} labels done")
    assert boxes_of(dataset) == before


def test_ten_suggestions_are_accepted_by_two_actions(app: App, dataset: Any) -> None:
    ten = box_ids(dataset.load_saved_view("suspects"), PATH)[:10]
    save_suspects(dataset, ten)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(ten[0][1])
    panel.press("g", "Enter")
    panel.wait_for_progress("10 of 10 labels done")
    stored = boxes_of(dataset)
    assert {stored[label]["label"] for _, label in ten} == {SUGGESTED}
    dataset.reload()
    assert len(journals_of(dataset)) == 1


def test_keys_act_only_while_the_panel_has_the_focus(app: App, dataset: Any) -> None:
    suspects, before = suspects_of(dataset), boxes_of(dataset)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(suspects[0])
    panel.press("/")
    app.page.keyboard.type("vru1a")
    expect(panel.root.get_by_role("textbox")).to_have_value("vru1a")
    panel.press("Escape")
    app.page.evaluate("document.activeElement.blur()")
    app.page.keyboard.type("vru1a")
    panel.wait_for_label(suspects[0])
    panel.wait_for_progress(f"0 of {SUSPECTS} labels done")
    assert boxes_of(dataset) == before
    panel.root.get_by_test_id("review-label").click()
    panel.press("v")
    panel.wait_for_label(suspects[1])
    panel.wait_for_progress(f"1 of {SUSPECTS} labels done")
    assert set(verdicts(boxes_of(dataset))) == {suspects[0]}


def test_a_name_is_searched_and_a_misspelt_one_offers_the_nearest(app: App, dataset: Any) -> None:
    suspects = suspects_of(dataset)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(suspects[0])
    panel.press("/")
    app.page.keyboard.type("Scotoplanes globsa")
    expect(panel.root.get_by_text("Did you mean")).to_be_visible(timeout=PATIENCE)
    panel.press("Enter")  # a guess is not taken for what was typed
    panel.wait_for_label(suspects[0])
    panel.root.get_by_role("button", name="Scotoplanes globosa").first.click()
    panel.wait_for_label(suspects[1])
    panel.wait_for_progress("1 of")
    assert verdicts(boxes_of(dataset)) == {suspects[0]: ("relabelled", "Scotoplanes globosa")}


def test_what_somebody_else_said_meanwhile_stays_and_is_told(app: App, dataset: Any) -> None:
    suspects = suspects_of(dataset)
    panel = Panel(app)
    panel.open(dataset)
    panel.wait_for_label(suspects[0])
    with acting_as("bo"):
        view = dataset.select_labels(ids=suspects[:1])
        review_labels(view, "relabel", label="Elpidia")
    panel.press("v")
    message = panel.root.get_by_role("alert")
    expect(message).to_contain_text("1 label was changed by somebody else", timeout=PATIENCE)
    panel.press("p")
    expect(panel.root.get_by_test_id("review-label")).to_contain_text("Elpidia")
    expect(panel.root.get_by_test_id("review-label")).to_contain_text("by bo")
    stored = boxes_of(dataset)[suspects[0]]
    assert (stored["label"], stored["reviewed_by"]) == ("Elpidia", "bo")


def test_the_next_best_name_is_told_with_how_far_behind_or_ahead_it_is(
    app: App, dataset: Any, tmp_path: Path
) -> None:
    suspects, stored = suspects_of(dataset), boxes_of(dataset)
    numbers = [stored[label]["annotation_id"] for label in suspects[:2]]
    path = tmp_path / "two.csv"
    path.write_text(
        "annotation_id,concept_name,confidence,label_2,confidence_2\n"
        f"{numbers[0]},Caridea,0.6,Actiniaria,0.25\n{numbers[1]},Caridea,0.2,Actiniaria,0.7\n"
    )
    import_predictions(dataset, str(path))
    panel = Panel(app)
    panel.open(dataset)
    second = panel.root.get_by_test_id("review-second")
    for label, words in zip(
        suspects,
        ("(25 %); the predicted name leads by 35 %", "(70 %); it leads the predicted name by 50 %"),
        strict=False,
    ):
        panel.wait_for_label(label)
        expect(second).to_have_text(f"Next best: Actiniaria {words}")
        panel.press("n")
    panel.wait_for_label(suspects[2])
    expect(second).to_have_count(0)


def test_names_and_views_are_text_whatever_they_hold(app: App, dataset: Any) -> None:
    suspects = suspects_of(dataset)
    hostile = [IMAGE, LINK, BOLD]
    names = {label: hostile[place % 3] for place, label in enumerate(suspects)}
    dataset.set_label_values(f"{PATH}.label", names)
    dataset.set_label_values(f"{PATH}.suggested_label", dict.fromkeys(suspects, IMAGE))
    with acting_as(IMAGE):
        review_labels(dataset.select_labels(ids=suspects[1:2]), "reject", note=LINK)
    panel = Panel(app)
    panel.app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    panel.root.get_by_role("button", name="suspects", exact=True).click()
    for label in suspects[:3]:
        panel.wait_for_label(label)
        expect(panel.root.get_by_test_id("review-label")).to_contain_text(names[label])
        panel.press("n")
    panel.press("/")
    app.page.keyboard.type("<img")
    panel.press("Enter")
    panel.wait_for_label(suspects[4])
    panel.press("g")
    expect(panel.root.get_by_test_id("review-sentence")).to_contain_text(IMAGE)
    panel.wait_for_progress("2 of")
    assert boxes_of(dataset)[suspects[3]]["label"] == IMAGE
    check_nothing_ran(app)
    assert VERDICT_KEYS[0] in boxes_of(dataset)[suspects[3]]


def test_a_lasso_five_exceptions_and_a_name_are_seven_actions(app: App, dataset: Any) -> None:
    before = boxes_of(dataset)
    # The first box of each image lies on the left of the map, the others on the right.
    images = dataset.values(f"{PATH}.id")
    places = [(place, image) for image, boxes in enumerate(images) for place in range(len(boxes))]
    points = np.array([(min(place, 1), image + place / 20) for place, image in places])
    fob.compute_visualization(
        dataset, patches_field="ground_truth", points=points, brain_key="by_place"
    )
    first = [boxes[0] for boxes in images if boxes]
    panel = Panel(app)
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.open_panel(PANEL)
    expect(panel.root).to_contain_text("Which labels", timeout=PATIENCE)
    app.open_panel("Embeddings")
    open_map(app, "by_place", len(before))
    lasso_left_half(app)
    actions = 1
    panel.wait_for_progress(f"0 of {len(first)} labels done")
    tile = panel.root.get_by_test_id("review-tile")
    expect(tile).to_have_count(len(first), timeout=PATIENCE)
    for label in first[:5]:
        panel.root.locator(f"[data-testid=review-tile][data-id='{label}']").click()
        actions += 1
    name = panel.name_of_key(1)
    panel.press("1")
    actions += 1
    assert actions == 7
    panel.wait_for_progress(f"{len(first) - 5} of {len(first)} labels done")
    panel.press("a")
    panel.wait_for_progress(f"{len(first)} of {len(first)} labels done")
    told = verdicts(boxes_of(dataset))
    assert set(told) == set(first)
    assert {told[label][1] for label in first[5:]} == {name}
    assert {told[label] for label in first[:5]} == {
        ("confirmed", before[label]["label"]) for label in first[:5]
    }


def test_what_is_selected_is_one_click_from_the_panel_and_the_next_takes_its_place(
    app: App, dataset: Any
) -> None:
    app.open_dataset(dataset.name, len(dataset))
    app.wait_until_drawn()
    app.select(0, 1)
    app.page.locator("img[src*='open_review.svg']").first.click()
    panel = Panel(app)
    some = sum(len(one.ground_truth.detections) for one in dataset[:2])
    panel.wait_for_progress(f"0 of {some} labels done")
    app.select(2)
    # The button has gone into a menu: the grid is narrower now.
    app.open_operator("FathomNet: open in the review panel")
    app.submit("Execute")
    app.close()
    more = some + len(dataset[2:3].first().ground_truth.detections)
    panel.wait_for_progress(f"0 of {more} labels done")
