"""A data card after a search for label errors: how many suspects, by what, where, what became."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from bs4 import BeautifulSoup
from fathomnet_voxel51.label_errors import LabelErrorsResult, find_label_errors
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.review import review_labels

from demo.generate import DemoSet
from demo.wrong_labels import Planted, plant
from tests.support.cards import notes, read_page, rows, section
from tests.support.drawn import LARGE, Drawn
from tests.support.planted import planted_dataset

LEFT = "suspects that are left to look at"
CHANGED = "suspects that were relabelled since"
AS_SUGGESTED = "of these, those that have the suggested name now"
DOUBTED_BY = "what says that the label is more probably wrong than right"
REMOVED = "suspects that were removed since"


@pytest.fixture(scope="module")
def demo(drawn: Drawn) -> DemoSet:
    return drawn(LARGE)


@pytest.fixture(scope="module")
def planted(demo: DemoSet, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(demo.train, tmp_path_factory.mktemp("planted"), seed=1, share=0.025)


@pytest.fixture(scope="module")
def searched(demo: DemoSet, planted: Planted) -> Iterator[Any]:
    """With predictions, vectors and their index."""
    dataset = planted_dataset("test-report-suspects", demo, planted, True, "probabilities")
    yield dataset
    fo.delete_dataset("test-report-suspects")


@pytest.fixture
def dataset(searched: Any, dataset_name: str) -> Any:
    """A copy that a test may change."""
    return searched.clone(dataset_name, persistent=True)


@pytest.fixture
def result(dataset: Any) -> LabelErrorsResult:
    found = find_label_errors(dataset)
    assert found.suspects >= 5
    return found


def suspects_part(dataset: Any, folder: Path) -> BeautifulSoup:
    return section(read_page(report_dataset(dataset, folder).files[1]), "Suspects")


def numbers(part: BeautifulSoup) -> dict[str, int]:
    """The counts of the section's first table."""
    return {name: int(count) for name, count in rows(part.find("table"))[1:]}


def test_suspects_are_counted_with_their_signals_and_where_to_look(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    part = suspects_part(dataset, tmp_path)
    assert numbers(part) == {
        "labels that were judged": result.scored,
        "labels that nothing could judge": 0,
        "suspects: labels that are doubted": result.suspects,
        CHANGED: 0,
        AS_SUGGESTED: 0,
        REMOVED: 0,
        LEFT: result.suspects,
    }
    said = " ".join(notes(part))
    assert "the probabilities of the predictions in model_predictions" in said
    assert f"by the index {result.index_key}" in said
    assert f"{result.expected_errors:.1f} wrong labels are expected" in said
    assert "the saved view suspects shows them" in said
    assert "look-alike pairs shows each beside what it looks like" in said
    assert {"suspects", "look-alike pairs"} <= set(dataset.list_saved_views())


def test_every_suspect_is_doubted_by_some_signal_and_stands_with_its_suggestion(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    shown = rows(suspects_part(dataset, tmp_path))
    first = shown.index([DOUBTED_BY, "suspects"]) + 1
    by_signal = {name: int(count) for name, count in shown[first : first + 4]}
    boxes = dataset.load_saved_view("suspects").values("ground_truth")
    sides = [(box.suspicion_by_model >= 0.5, box.suspicion_by_neighbours >= 0.5) for box in boxes]
    assert by_signal == {
        "predictions and look-alikes": sides.count((True, True)),
        "predictions alone": sides.count((True, False)),
        "look-alikes alone": sides.count((False, True)),
        "neither by itself": sides.count((False, False)),
    }
    pairs = shown[shown.index(["label", "probably", "suspects left"]) + 1 :]
    found = Counter((box.label, box.suggested_label) for box in boxes)
    assert {(row[0], row[1]): int(row[2]) for row in pairs} == found


def test_suspects_that_were_relabelled_or_removed_since_are_said_to_be(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    view = dataset.load_saved_view("suspects")
    first, second, third, fourth = view.limit(4)
    relabel_boxes(view.select([first.id]), first.ground_truth.suggested_label)
    other = {"Actiniaria", "Farreidae"} - {second.ground_truth.suggested_label}
    relabel_boxes(view.select([second.id]), other.pop())
    in_the_app = dataset[third.sample_id]
    for box in in_the_app.ground_truth.detections:
        if box.id == third.ground_truth.id:
            box.label = box.suggested_label
    in_the_app.save()
    dataset.delete_labels(ids=[fourth.ground_truth.id])
    part = suspects_part(dataset, tmp_path)
    expected = {CHANGED: 3, AS_SUGGESTED: 2, REMOVED: 1, LEFT: result.suspects - 4}
    assert numbers(part).items() >= expected.items()
    assert any("run find_label_errors again" in note for note in notes(part))
    pairs = [row for row in rows(part) if len(row) == 3][1:]
    assert sum(int(row[2]) for row in pairs) == result.suspects - 4


def test_a_relabelling_that_was_undone_or_was_of_other_boxes_changes_no_suspect(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    view = dataset.load_saved_view("suspects")
    relabel_boxes(view.limit(2), "Actiniaria")
    assert numbers(suspects_part(dataset, tmp_path))[CHANGED] == 2
    undo_relabel(dataset)
    unsuspected = dataset.filter_labels("ground_truth", fo.ViewField("suspicion") < 0.1)
    relabel_boxes(unsuspected.limit(1), "Actiniaria")
    assert numbers(suspects_part(dataset, tmp_path))[CHANGED] == 0


def test_a_second_search_begins_anew(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    first = dataset.load_saved_view("suspects").first()
    relabel_boxes(dataset.load_saved_view("suspects").limit(1), first.ground_truth.suggested_label)
    again = find_label_errors(dataset)
    shown = numbers(suspects_part(dataset, tmp_path))
    assert (shown[CHANGED], shown[LEFT]) == (0, again.suspects)


def test_views_and_scores_that_are_gone_are_said_to_be(
    dataset: Any, result: LabelErrorsResult, tmp_path: Path
) -> None:
    for name in ("suspects", "look-alike pairs"):
        dataset.delete_saved_view(name)
    part = suspects_part(dataset, tmp_path)
    assert "Their saved views were deleted: run find_label_errors again." in notes(part)
    dataset.delete_sample_field("ground_truth.detections.suggested_label")
    assert numbers(suspects_part(dataset, tmp_path))[REMOVED] == result.suspects


def test_suspects_of_another_field_are_under_its_name(dataset: Any, tmp_path: Path) -> None:
    dataset.clone_sample_field("ground_truth", "second_opinion")
    found = find_label_errors(dataset, gt_field="second_opinion", threshold=0.001)
    assert found.suspects
    part = suspects_part(dataset, tmp_path)
    assert notes(part)[0] == "Labels in second_opinion:"
    assert numbers(part)[LEFT] == found.suspects
    assert f"the saved view {found.view} shows them" in " ".join(notes(part))


def test_one_signal_is_named_alone(
    demo: DemoSet, planted: Planted, dataset_name: str, tmp_path: Path
) -> None:
    dataset = planted_dataset(dataset_name, demo, planted, False, "names")
    find_label_errors(dataset, threshold=0.2)
    part = suspects_part(dataset, tmp_path)
    assert any("the names that model_predictions predicts." in note for note in notes(part))
    assert DOUBTED_BY not in str(part)


def test_what_people_confirmed_is_no_suspect_until_it_changes_and_is_on_the_card(
    dataset: Any, either_way: str, tmp_path: Path
) -> None:
    first = find_label_errors(dataset)
    suspects = dataset.load_saved_view("suspects").values("id")
    chosen = suspects[:3]
    with acting_as("ana"):
        review_labels(dataset.select_labels(ids=chosen, fields="ground_truth"), "confirm")
        review_labels(dataset.select_labels(ids=suspects[3:4], fields="ground_truth"), "reject")
    card = report_dataset(dataset).markdown
    assert f"| suspects that were confirmed since | {3} |" in card
    assert "4 are reviewed" in card and "| ana | 4 | 3 | 0 | 1 | 0 |" in card
    second = find_label_errors(dataset)
    assert (second.confirmed_labels, second.scored) == (3, first.scored - 3)
    assert second.rejected_labels == 1
    dataset.reload()
    rejected = dataset.select_labels(ids=suspects[3:4], fields="ground_truth")
    assert rejected.values("ground_truth.detections.suspicion", unwind=True) == [1.0]
    again = dataset.load_saved_view("suspects").values("id")
    assert not set(chosen) & set(again) and suspects[3] in again
    # Whoever gives one another name, by whatever hand, has it judged again.
    dataset.set_label_values("ground_truth.detections.label", {chosen[0]: "Sebastes"})
    third = find_label_errors(dataset)
    assert (third.confirmed_labels, third.scored) == (2, first.scored - 2)
