"""Crops are reviewed as boxes are: verdicts, rounds, the panel and what is selected, either way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels.verdicts import VERDICT_KEYS
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.review import review_labels, start_review
from fathomnet_voxel51.review.progress import progress_of
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.wrong_labels import Planted
from tests.panels.driven import DrivenPanel, asked
from tests.support.paired import Paired
from tests.support.stored import DICE_AND_TIMES, documents, without_none

NAME = "test-crops-reviewed"
SELECT = "fiftyone.core.stages.Select"


@pytest.fixture(scope="module")
def pairs_with_suspects(
    pairs: Callable[[], Paired], planted: Planted
) -> Iterator[Callable[[], Paired]]:
    """Finds suspects in both datasets, by predictions: once each way of writing."""
    made: dict[str, Paired] = {}

    def pair_of_way() -> Paired:
        way = os.environ[PUBLIC_API]
        if way not in made:
            made[way] = pairs().copy(f"test-suspected-{way}")
            for one in made[way].boxes, made[way].crops:
                import_predictions(one, str(planted.predictions), "train")
                find_label_errors(one)
        return made[way]

    yield pair_of_way
    for one in made.values():
        one.delete()


@pytest.fixture
def suspected(pairs_with_suspects: Callable[[], Paired], either_way: str) -> Iterator[Paired]:
    """Copies of both datasets, with predictions and suspects."""
    copies = pairs_with_suspects().copy(NAME)
    yield copies
    copies.delete()


def some_of(paired: Paired, numbers: list[int]) -> tuple[Any, Any]:
    """The labels of some numbers, as boxes and as crops."""
    return (
        paired.boxes.filter_labels("ground_truth", F("annotation_id").is_in(numbers)),
        paired.crops.match(F("ground_truth.annotation_id").is_in(numbers)),
    )


def numbers_shown(view: Any) -> list[int]:
    """The numbers of the labels that a view of patches, or of crops, shows."""
    found: list[int] = view.values("ground_truth.annotation_id")
    return found


def called(name: str, dataset: Any, params: dict[str, Any], **sent: Any) -> tuple[Any, str, Any]:
    """An operator as the App runs it: its form, what that says, and its result."""
    door = foo.get_operator(f"{PLUGIN_NAME}/{name}")
    request = {"dataset_name": dataset.name, "params": params, **sent}
    form = door.resolve_type(ExecutionContext(request, executor=Executor()), "inputs").type
    assert not any(one.invalid for one in form.properties.values())
    views = [one.view for one in form.properties.values() if one.view is not None]
    words = " ".join(f"{view.label} {view.description}" for view in views)
    return form, words, door.execute(ExecutionContext(request, executor=Executor()))


def test_verdicts_are_the_same_and_undone_to_the_last_attribute(paired: Paired) -> None:
    before = without_none(documents(paired.crops, DICE_AND_TIMES))
    numbers = sorted(paired.crops.values("image_id"))
    journals = []
    for verdict, label, some in (
        ("confirm", "", numbers[:8]),
        ("reject", "", numbers[8:12]),
        ("unsure", "", numbers[12:15]),
        ("relabel", "Octopus rubescens", numbers[6:20]),
        ("reset", "", numbers[10:11]),
    ):
        views = some_of(paired, some)
        with acting_as("bo" if verdict == "relabel" else "ana"):
            dry = [review_labels(view, verdict, label=label, dry_run=True) for view in views]
            done = [review_labels(view, verdict, label=label) for view in views]
        assert dry[0] == dry[1] and dry[1].changed > 0
        assert done[1].changed == done[0].changed == dry[0].changed
        assert done[0].differences == done[1].differences == dry[0].differences
        journals.append(done[1].journal)
    for name in {*VERDICT_KEYS, "label"} - {"reviewed_at"}:
        of_boxes, of_crops = paired.by_number(name)
        assert of_boxes == of_crops and any(of_crops.values()), name
    told = [progress_of(one, "ground_truth") for one in (paired.boxes, paired.crops)]
    assert told[0] == told[1] and told[0].all.done > 15
    cards = [report_dataset(one).markdown for one in (paired.boxes, paired.crops)]
    reviewed = [card.partition("## Review")[2].partition("\n## ")[0] for card in cards]
    assert reviewed[0] == reviewed[1] and "relabelled" in reviewed[1]
    for journal in reversed(journals):
        undo_relabel(paired.crops, journal)
    assert without_none(documents(paired.crops, DICE_AND_TIMES)) == before


def test_suggestions_are_accepted_and_confirmed_labels_are_no_suspects(suspected: Paired) -> None:
    results = []
    for one in (suspected.boxes, suspected.crops):
        accepted = review_labels(one.load_saved_view("suspects"), "accept_suggestion")
        results.append((accepted, find_label_errors(one)))
    (accepted, found), (of_crops, found_of_crops) = results
    assert accepted.accepted == of_crops.accepted > 0
    assert found_of_crops.confirmed_labels == found.confirmed_labels == accepted.accepted
    assert found_of_crops.suspects == found.suspects
    assert suspected.by_number("label")[0] == suspected.by_number("label")[1]


@pytest.mark.parametrize("order", ["suspicion", "margin", "concept", "random"])
def test_queues_have_the_same_labels_in_the_same_order(suspected: Paired, order: Any) -> None:
    people = ("ana", "bo")
    queues = []
    for one in (suspected.boxes, suspected.crops):
        told = start_review(one, "first", order=order, assignees=people, overlap=0.2)
        assert start_review(one, "first", order=order, assignees=people, overlap=0.2) == told
        assert told.labels == len(suspected.crops) and told.twice > 0
        views = [one.load_saved_view(name) for name in told.views]
        queues.append([numbers_shown(view) for view in views])
        # What is judged leaves the queue, as soon as it is loaded again.
        with acting_as("ana"):
            review_labels(views[0].limit(3), "confirm")
        left = one.load_saved_view(told.views[0])
        left.reload()
        assert numbers_shown(left) == queues[-1][0][3:]
    if order == "random":
        # The dice are thrown for places, and the places of the two differ.
        queues = [[sorted(queue) for queue in some] for some in queues]
        assert sum(map(len, queues[0])) == sum(map(len, queues[1]))
        return
    if order == "concept":
        of_number = suspected.by_number("label")[0]
        queues = [[[of_number[one] for one in queue] for queue in some] for some in queues]
    assert queues[0] == queues[1]
    for name in ("review_round", "review_state"):
        assert suspected.by_number(name)[0] == suspected.by_number(name)[1]
    confirmed = suspected.crops.load_saved_view("labels: confirmed")
    assert len(confirmed) == 3


def test_the_panel_shows_of_crops_what_it_shows_of_boxes_and_their_whole_picture(
    suspected: Paired,
) -> None:
    shown = []
    for one in (suspected.boxes, suspected.crops):
        start_review(one, "first")
        shown.append(Screen(one))
    of_boxes, of_crops = shown
    choices = [one.asked("load_choices")["choices"] for one in shown]
    assert choices[0] == choices[1] and {"view": "suspects"} in choices[1]
    keys = [one.asked("open_view", view="review first")["key"] for one in shown]
    sets = [one.asked("load_set", key=key) for one, key in zip(shown, keys, strict=True)]
    assert sets[0]["set"]["labels"] == sets[1]["set"]["labels"] == len(suspected.crops)
    assert sets[0]["states"] == sets[1]["states"] and sets[0]["names"] == sets[1]["names"]
    cards = [
        one.asked("load_cards", key=key, places=list(range(30)))["cards"]
        for one, key in zip(shown, keys, strict=True)
    ]
    of_picture = {"id", "sample", "media", "width", "height", "box"}
    said = [
        [{name: one[name] for name in one.keys() - of_picture} for one in some] for some in cards
    ]
    assert said[0] == said[1] and any(one["suggestion"] for one in said[1])
    files = dict(zip(*suspected.crops.values(["id", "filepath"]), strict=True))
    for card in cards[1]:
        assert card["box"] == [0.0, 0.0, 1.0, 1.0]
        assert card["media"] == files[card["sample"]] and Path(card["media"]).exists()
    progress = [
        one.asked("load_progress", key=key)["parts"] for one, key in zip(shown, keys, strict=True)
    ]
    assert progress[0] == progress[1] and progress[1]
    alikes = of_crops.asked("load_alikes", key=keys[1], place=0, names=[])
    assert "build_similarity_index" in alikes["missing"]
    # By its ids the panel judges one, and takes it back.
    card = cards[1][0]
    one = [{"label": card["label"], "boxes": f"{card['sample']} {card['id']}"}]
    _, _, result = called("review_labels", suspected.crops, {"verdict": "reject", "_boxes": one})
    assert result["rejected"] == 1
    assert of_crops.asked("load_set", key=keys[1])["states"][0] == "r"
    undo_relabel(suspected.crops, result["journal"])
    assert of_crops.asked("load_set", key=keys[1])["states"][0] == "-"
    assert of_boxes.asked("load_set", key=keys[0])["states"][0] == "-"


def test_selected_samples_are_selected_labels(paired: Paired) -> None:
    crops = paired.crops
    ids = crops.values("id")
    stages = crops.limit(12)._serialize()
    _, _, result = called(
        "review_labels", crops, {"verdict": "reject", "scope": "selected"}, selected=ids[2:4]
    )
    assert result["rejected"] == 2
    _, words, result = called(
        "review_labels",
        crops,
        {"verdict": "confirm", "scope": "all_except_selected"},
        selected=ids[2:4],
        view=stages,
    )
    assert result["confirmed"] == 10 and "of 12 shown: all but the 2 selected" in words
    _, _, result = called(
        "review_labels", crops, {"verdict": "unsure", "scope": "shown"}, view=stages
    )
    assert result["unsure"] == 12
    # A lasso in a map of the images.
    lasso = {SELECT: {"sample_ids": ids[20:25]}}
    _, words, result = called(
        "review_labels", crops, {"verdict": "confirm", "scope": "selected"}, extended=lasso
    )
    assert result["confirmed"] == 5 and "lassoed" in words
    clicked = [
        {"field": "ground_truth", "label_id": label, "sample_id": sample}
        for sample, label in zip(*crops.limit(2).values(["id", "ground_truth.id"]), strict=True)
    ]
    _, _, result = called(
        "relabel_boxes", crops, {"label": "Octopus", "scope": "selected"}, selected_labels=clicked
    )
    assert result["changed"] == 2
    assert crops.reload() is None
    assert crops.match(F("ground_truth.label") == "Octopus").values("id") == ids[:2]


def test_what_is_selected_of_the_predictions_means_the_labels_of_these_crops(
    paired: Paired, planted: Planted
) -> None:
    crops = paired.crops
    import_predictions(crops, str(planted.predictions), "train")
    clicked = [
        {"field": "model_predictions", "label_id": label, "sample_id": sample}
        for sample, label in zip(
            *crops.limit(3).values(["id", "model_predictions.id"]), strict=True
        )
    ]
    _, _, result = called(
        "review_labels", crops, {"verdict": "confirm", "scope": "selected"}, selected_labels=clicked
    )
    assert result["confirmed"] == 3
    judged = crops.match(F("ground_truth.review_state") == "confirmed")
    assert judged.values("id") == crops.limit(3).values("id")


def test_what_is_shown_or_selected_or_lassoed_is_opened_in_the_panel(paired: Paired) -> None:
    crops = paired.crops
    ids = crops.values("id")
    for sent, labels, is_grid in (
        ({}, len(crops), False),
        ({"selected": ids[5:9]}, 4, False),
        ({"extended": {SELECT: {"sample_ids": ids[:7]}}}, 7, True),
    ):
        screen = Screen(crops, **sent)
        told = screen.asked("load_set", key=screen.asked("open_seen")["key"])["set"]
        assert (told["labels"], told["as_grid"]) == (labels, is_grid), sent
        _, _, result = called("open_review", crops, {}, **sent)
        assert result["labels"] == labels
    panel = DrivenPanel("review", crops)
    panel.sent = {"extended": {SELECT: {"sample_ids": ids[:7]}}}
    (offer,) = panel.fire("on_change_view").of("show_review_set")
    assert offer == {"offer": "7 labels, lassoed"}


def test_a_dataset_without_any_labels_says_what_would_make_some(dataset_name: str) -> None:
    dataset = fo.Dataset(dataset_name)
    panel = DrivenPanel("review", dataset)
    panel.fire("on_load")
    assert "crops with ingest" in panel.texts()
    with pytest.raises(DatasetError, match="is no field of dataset"):
        start_review(dataset)


def test_reconciled_names_are_those_of_boxes(paired: Paired, tmp_path: Path) -> None:
    from fathomnet_voxel51.relabelling import reconcile_labels

    for one in (paired.boxes, paired.crops):
        relabel_boxes(one.limit(20), "Octopus rubescens")
    names = sorted(set(paired.crops.values("ground_truth.label")))[:3]
    table = tmp_path / "renamed.csv"
    table.write_text(f"old,new\n{names[0]},Octopus\n{names[1]},Octopus\n{names[2]},Sebastes\n")
    results = [
        reconcile_labels(one, table=str(table), dry_run=dry)
        for dry in (True, False)
        for one in (paired.crops,)
    ]
    assert results[0].renamed == results[1].renamed and results[1].merged == results[0].merged
    assert results[1].renamed + results[1].merged > 0
    paired.crops.reload()
    assert not set(names) & set(paired.crops.values("ground_truth.label")) - {"Sebastes", "Octopus"}
    undo_relabel(paired.crops, results[1].journal)
    assert set(names) <= set(paired.crops.values("ground_truth.label"))


class Screen:
    """The review panel of a dataset, asked as its component asks it."""

    def __init__(self, dataset: Any, **sent: Any) -> None:
        self._dataset, self._sent = dataset, sent

    def asked(self, method: str, **params: Any) -> Any:
        """What a method of the panel returns to the component."""
        return asked(self._dataset, method, self._sent, **params)
