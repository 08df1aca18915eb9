"""How far a review is: every figure beside a plain loop over the stored boxes, and by hand."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.documents import now
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels.verdicts import state_of
from fathomnet_voxel51.relabelling import undo_relabel
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.review import review_labels, start_review
from fathomnet_voxel51.review.progress import Tally, agreement, progress_of
from sklearn.metrics import cohen_kappa_score

from demo.synthetic import write_catalog

BOXES = "ground_truth.detections"
FIELD = "ground_truth"


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path, either_way: str) -> Iterator[Any]:
    catalog = write_catalog(tmp_path / "train.json", 30, 90, seed=3)
    ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(tmp_path))
    yield fo.load_dataset(dataset_name)


def ids(dataset: Any) -> list[str]:
    found: list[str] = dataset.values(f"{BOXES}.id", unwind=True)
    return found


def stored(dataset: Any) -> list[dict[str, Any]]:
    """Every box, read from the database itself."""
    images = dataset._sample_collection.find().sort("_id")
    return [box for image in images for box in image[FIELD]["detections"]]


def some(dataset: Any, chosen: list[str]) -> Any:
    return dataset.select_labels(ids=chosen, fields=FIELD)


def states(tally: Tally) -> dict[str, int]:
    return {state: count for state, count in tally.states.items() if count}


def test_nothing_is_reviewed_at_first_and_agreement_is_not_applicable(dataset: Any) -> None:
    told = progress_of(dataset, FIELD)
    assert (told.all.labels, told.all.done, told.all.today) == (90, 0, 0)
    assert told.by_person == told.by_assignee == {}
    assert told.agreement_in_words() == (
        "Agreement is not applicable: no label was given to two people; start_review does so with "
        "an overlap.",
    )


def test_figures_are_those_of_the_stored_boxes(dataset: Any) -> None:
    dice = random.Random(5)
    boxes = ids(dataset)
    names = dict(zip(boxes, dataset.values(f"{BOXES}.label", unwind=True), strict=True))
    dataset.add_sample_field(f"{BOXES}.suggested_label", fo.StringField)
    dataset.set_label_values(f"{BOXES}.suggested_label", dict.fromkeys(boxes[:20], "Sebastes"))
    start_review(dataset, "first", order="random", assignees=["ana", "bo"])
    for user, verdict in [("ana", "confirm"), ("bo", "reject"), ("", "unsure"), ("bo", "confirm")]:
        with acting_as(user):
            review_labels(some(dataset, dice.sample(boxes, 25)), verdict)  # type: ignore[arg-type]
    judged = [one for one in stored(dataset) if state_of(one) != "unreviewed"]
    # One was judged yesterday, and one has become something else by another hand.
    yesterday, other = (str(one["_id"]) for one in judged[:2])
    dataset.set_label_values(f"{BOXES}.reviewed_at", {yesterday: now() - timedelta(days=1)})
    dataset.set_label_values(f"{BOXES}.label", {other: "Sebastes"})
    told = progress_of(dataset, FIELD, since=now() - timedelta(hours=1))
    there = stored(dataset)
    assert states(told.all) == Counter(map(state_of, there))
    assert told.all.today == told.all.done - 1 == len(judged) - 2
    assert sum(one.labels for one in told.by_concept.values()) == 90
    for name in {*names.values(), "Sebastes"}:
        of_name = [one for one in there if one.get("label") == name]
        assert states(told.by_concept[name]) == Counter(map(state_of, of_name))
    judges = Counter(one["reviewed_by"] for one in there if state_of(one) != "unreviewed")
    assert {person: one.done for person, one in told.by_person.items()} == judges
    assert {person: one.labels for person, one in told.by_assignee.items()} == {"ana": 45, "bo": 45}
    assert told.by_round.keys() == {("train", "first")}
    assert told.suspects == sum(
        state_of(one) == "unreviewed" and one.get("suggested_label") is not None for one in there
    )
    few = progress_of(some(dataset, boxes[:7]), FIELD)
    assert states(few.all) == Counter(
        map(state_of, (o for o in there if str(o["_id"]) in boxes[:7]))
    )


def test_two_people_agree_by_so_much_and_a_label_that_one_judged_waits_for_the_other(
    dataset: Any,
) -> None:
    people = ["ana", "bo"]
    start_review(dataset, "two", order="concept", assignees=people, overlap=0.3)
    both = [one for one in stored(dataset) if one.get("second_assignee")]
    assert {(one["assignee"], one["second_assignee"]) for one in both} == {("ana", "bo")}
    told = progress_of(dataset, FIELD)
    assert (told.shared, told.agreements) == (27, ())
    assert "of 27 labels for two people, both judged none" in told.agreement_in_words()[0]
    boxes = [str(one["_id"]) for one in both]
    said: dict[str, dict[str, str]] = {person: {} for person in people}
    for place, (person, verdict, places) in enumerate([
        ("ana", "confirm", slice(0, 20)), ("ana", "reject", slice(20, 26)),
        ("bo", "confirm", slice(0, 15)), ("bo", "reject", slice(15, 24)),
        ("bo", "unsure", slice(24, 26)),
    ]):  # fmt: skip
        with acting_as(person):
            review_labels(some(dataset, boxes[places]), verdict)  # type: ignore[arg-type]
        for box in both[places]:
            said[person][str(box["_id"])] = box["label"] if verdict == "confirm" else verdict
        if place == 1:
            half = progress_of(dataset, FIELD).by_assignee
            assert (half["ana"].done, half["bo"].done) == (26, 0)
    (found,) = progress_of(dataset, FIELD).agreements
    judged = boxes[:26]
    columns = [[said[person][box] for box in judged] for person in people]
    assert (found.labels, found.agreed) == (26, 15 + 4)
    assert found.kappa == pytest.approx(cohen_kappa_score(*columns))
    assert f"19 of 26 labels (73%); Cohen's kappa {found.kappa:.2f}" in found.in_words()
    # What ana says again takes the place of what she said, not of what bo said.
    with acting_as("ana"):
        review_labels(some(dataset, boxes[20:26]), "unsure")
    (found,) = progress_of(dataset, FIELD).agreements
    assert (found.labels, found.agreed) == (26, 15 + 2)
    undo_relabel(dataset)
    (found,) = progress_of(dataset, FIELD).agreements
    assert (found.labels, found.agreed) == (26, 15 + 4)


def test_kappa_has_no_meaning_where_one_thing_was_said_of_all() -> None:
    found = agreement(("ana", "bo"), {("crab", "crab"): 4})
    assert found.kappa is None
    assert found.in_words() == (
        "ana and bo say the same of 4 of 4 labels (100%); Cohen's kappa is not applicable: they "
        "said one thing of all."
    )
