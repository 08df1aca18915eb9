"""A round of a review: queues by person and order, which empty themselves, and survive kills."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from fathomnet_voxel51.dataset import hit_views
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.prediction_files import write_predictions
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling.journal import acting_as
from fathomnet_voxel51.review import review_labels, rounds, start_review
from fathomnet_voxel51.review.orders import Order
from fathomnet_voxel51.review.rounds import rounds_of, share_out
from fathomnet_voxel51.similarity import build_similarity_index

from demo.synthetic import write_catalog
from tests.similarity.embedded import boxes_dataset
from tests.support.forking import run_apart, wait_for_the_import
from tests.support.stored import DICE_AND_TIMES, documents, without_none

BOXES = "ground_truth.detections"


@pytest.fixture(scope="module")
def unreviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("files")
    catalog = write_catalog(folder / "train.json", 30, 90, seed=3)
    ingest_dataset("test-unreviewed", train_annotations=catalog, media_root=str(folder))
    dataset = fo.load_dataset("test-unreviewed")
    dice = random.Random(1)
    scores = {one: dice.random() for one in ids(dataset)[:80]}
    dataset.add_sample_field(f"{BOXES}.suspicion", fo.FloatField)
    dataset.set_label_values(f"{BOXES}.suspicion", scores)
    yield dataset
    dataset.delete()


@pytest.fixture
def dataset(unreviewed: Any, dataset_name: str, either_way: str) -> Any:
    return unreviewed.clone(dataset_name, persistent=True)


def ids(dataset: Any) -> list[str]:
    found: list[str] = dataset.values(f"{BOXES}.id", unwind=True)
    return found


def column(dataset: Any, name: str) -> dict[str, Any]:
    values = dataset.values(f"{BOXES}.{name}", unwind=True)
    return dict(zip(ids(dataset), values, strict=True))


def queue(dataset: Any, view: str) -> list[str]:
    """The labels that a person who opens a queue sees, in their order."""
    loaded = dataset.load_saved_view(view)
    loaded.reload()  # FiftyOne's own "Reload saved view"
    shown: list[str] = loaded.values("id")
    return shown


def test_the_most_suspicious_come_first_and_people_take_turns(dataset: Any) -> None:
    result = start_review(dataset, "first look", assignees=["Ana", "Bo"])
    assert (result.labels, result.assigned) == (90, {"Ana": 45, "Bo": 45})
    scores = column(dataset, "suspicion")
    whole = sorted(ids(dataset), key=lambda one: -(scores[one] or 0.0))
    dataset.reload()
    queues = [queue(dataset, view) for view in result.views]
    assert [one for one in queues[0] if scores[one] is not None] == whole[:80:2]
    assert [one for one in queues[1] if scores[one] is not None] == whole[1:80:2]
    assert {*queues[0], *queues[1]} == {*whole}
    assert column(dataset, "assignee") == {
        one: person for person, some in zip(("Ana", "Bo"), queues, strict=True) for one in some
    }
    assert set(column(dataset, "review_round").values()) == {"first look"}


def test_a_queue_leaves_out_what_is_judged_until_it_has_another_name(dataset: Any) -> None:
    (view,) = start_review(dataset, order="concept").views
    dataset.reload()
    shown = queue(dataset, view)
    names = column(dataset, "label")
    assert [names[one] for one in shown] == sorted(names.values())
    review_labels(dataset.select_labels(ids=shown[:7]), "reject")
    assert queue(dataset, view) == shown[7:]
    dataset.set_label_values(f"{BOXES}.label", {shown[0]: "Sebastes"})
    assert set(queue(dataset, view)) == {shown[0], *shown[7:]}
    (whole,) = start_review(dataset, "all", order="concept", hide_done=False).views
    dataset.reload()
    assert len(queue(dataset, whole)) == 90


def test_what_two_people_get_stays_until_each_has_judged_it(dataset: Any) -> None:
    people = ["Ana", "Bo"]
    result = start_review(dataset, "two", order="random", assignees=people, overlap=0.2)
    assert result.twice == 18 and sum(result.assigned.values()) == 108
    dataset.reload()
    ana, bo = (queue(dataset, view) for view in result.views)
    both = set(ana) & set(bo)
    assert len(both) == 18
    with acting_as("Ana"):
        review_labels(dataset.select_labels(ids=ana), "confirm")
    assert queue(dataset, result.views[0]) == []
    assert queue(dataset, result.views[1]) == bo, "what Ana said is no verdict of Bo"


@pytest.mark.parametrize("order", ["random", "suspicion", "concept"])
@pytest.mark.parametrize(("people", "overlap"), [(2, 0.3), (3, 0.5), (3, 1.0), (5, 0.1)])
def test_so_many_labels_come_to_two_people_and_all_others_to_one(
    order: Order, people: int, overlap: float
) -> None:
    boxes = [("image", str(number)) for number in range(60)]
    names = [f"person {number}" for number in range(people)]
    queues, twice = share_out(boxes, names, overlap, order, "ours")
    given = Counter(box for queue in queues.values() for box in queue)
    assert set(given) == set(boxes)
    assert {box for box, times in given.items() if times == 2} == twice
    assert len(twice) == round(60 * overlap)
    assert set(given.values()) <= {1, 2}
    for queue in queues.values():
        assert len(set(queue)) == len(queue), "nobody gets a label twice"
        assert sorted(queue, key=boxes.index) == queue, "each queue is in the order"
    if order != "concept":
        sizes = [sum(box not in twice for box in queue) for queue in queues.values()]
        assert sum(sizes) == 60 - len(twice)
    assert share_out(boxes, names, overlap, order, "ours") == (queues, twice)
    if 0 < overlap < 1:
        assert share_out(boxes, names, overlap, order, "another")[1] != twice, "by the round's name"


def test_a_queue_too_long_for_a_saved_view_is_refused_before_anything_is_written(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST", 50)
    before = documents(dataset), dataset.list_runs(), dataset.list_saved_views()
    with pytest.raises(DatasetError, match="90 labels a person are too many"):
        start_review(dataset, order="concept")
    with pytest.raises(DatasetError, match="68 labels a person"):
        start_review(dataset, order="concept", assignees=["ana", "bo"], overlap=0.5)
    dataset.reload()
    assert (documents(dataset), dataset.list_runs(), dataset.list_saved_views()) == before
    assert start_review(dataset, order="concept", assignees=["ana", "bo"]).labels == 90


@pytest.mark.parametrize("overlap", [0.0, 0.2, 0.8, 1.0])
def test_a_long_queue_is_in_order_and_empties_itself_for_its_person(
    dataset: Any, monkeypatch: pytest.MonkeyPatch, overlap: float
) -> None:
    monkeypatch.setattr(hit_views, "_FEW", 10)
    people = ["Ana", "Bo"]
    result = start_review(dataset, "long", assignees=people, overlap=overlap)
    dataset.reload()
    before = [queue(dataset, view) for view in result.views]
    assert [len(shown) for shown in before] == list(result.assigned.values())
    scores = column(dataset, "suspicion")
    for shown in before:
        known = [scores[one] for one in shown if scores[one] is not None]
        assert known == sorted(known, reverse=True)
    shared = [one for one in before[0] if one in before[1]]
    alone = [one for one in before[0] if one not in before[1]]
    assert len(shared) == result.twice == round(90 * overlap)
    with acting_as("Ana"):
        review_labels(dataset.select_labels(ids=[*shared[:6], *alone[:6]]), "confirm")
    left = {*before[0]} - {*shared[:6], *alone[:6]}
    assert queue(dataset, result.views[0]) == [one for one in before[0] if one in left]
    assert queue(dataset, result.views[1]) == before[1], "what Ana said is no verdict of Bo"
    with acting_as("Bo"):
        review_labels(dataset.select_labels(ids=before[1]), "reject")
    assert queue(dataset, result.views[1]) == []
    assert set(queue(dataset, result.views[0])) == left, "nor Bo's one of Ana"


def test_the_least_certain_predictions_come_first(dataset: Any, tmp_path: Path) -> None:
    numbers = column(dataset, "annotation_id")
    dice = np.random.default_rng(8)
    predicted = dict(zip(list(numbers)[:70], dice.dirichlet([0.3] * 4, 70), strict=True))
    images = dict(
        pair
        for image, boxes in zip(*dataset.values(["image_id", f"{BOXES}.id"]), strict=True)
        for pair in ((box, image) for box in boxes)
    )
    names = sorted(set(column(dataset, "label").values()))[:4]
    shares = np.array(list(predicted.values()), np.float32)
    rows = {
        "annotation_id": [numbers[box] for box in predicted],
        "image_id": [images[box] for box in predicted],
        "concept_name": [names[place] for place in shares.argmax(axis=1)],
        "confidence": shares.max(axis=1),
        "rank": ["species"] * 70,
    }
    write_predictions(tmp_path / "run", rows, {"concepts": names}, shares)
    import_predictions(dataset, str(tmp_path / "run"), split="train")
    (view,) = start_review(dataset, order="margin").views
    dataset.reload()
    shown = queue(dataset, view)
    margins = {box: np.diff(np.sort(shares)[-2:])[0] for box, shares in predicted.items()}
    assert shown[:70] == sorted(margins, key=margins.__getitem__)
    assert set(shown[70:]) == set(numbers) - set(predicted), "what was not predicted comes last"


def test_margins_that_an_import_has_kept_give_the_order(dataset: Any, tmp_path: Path) -> None:
    """Whichever of two names was decided on, and beside boxes that have probabilities alone."""
    numbers = column(dataset, "annotation_id")
    labels = list(numbers)[:40]
    dice = np.random.default_rng(2)
    first = dice.permutation(np.linspace(0.1, 0.93, 40)).round(4)
    rows = [
        f"{numbers[label]},Caridea,{share},Actiniaria,{round(1 - share, 4)}"
        for label, share in zip(labels, first.tolist(), strict=True)
    ]
    path = tmp_path / "two.csv"
    header = "annotation_id,concept_name,confidence,label_2,confidence_2"
    path.write_text("\n".join([header, *rows]) + "\n")
    import_predictions(dataset, str(path), split="train")
    apart = dict(zip(labels, np.abs(2 * first - 1).tolist(), strict=True))
    expected = sorted(apart, key=apart.__getitem__)
    (view,) = start_review(dataset, order="margin").views
    dataset.reload()
    assert queue(dataset, view)[:40] == expected

    # As an import left them before it kept margins.
    earlier = labels[10:20]
    dataset.add_sample_field("model_predictions.detections.probabilities", fo.VectorField)
    pairs = {label: np.array([one, 1 - one]) for label, one in zip(labels, first, strict=True)}
    box_of = {number: label for label, number in numbers.items()}
    for sample in dataset.exists("model_predictions"):
        for box in sample.model_predictions.detections:
            if box_of[box.annotation_id] in earlier:
                box.probabilities = pairs[box_of[box.annotation_id]]
                box.margin = box.second_label = box.second_confidence = None
        sample.save()
    (view,) = start_review(dataset, order="margin").views
    dataset.reload()
    assert queue(dataset, view)[:40] == expected


def test_each_state_has_a_saved_view_that_follows_and_nobody_s_view_is_replaced(
    dataset: Any,
) -> None:
    dataset.save_view("labels: unsure", dataset.limit(1), description="somebody's own")
    start_review(dataset, order="concept")
    dataset.reload()
    boxes = ids(dataset)
    review_labels(dataset.select_labels(ids=boxes[:5]), "confirm")
    review_labels(dataset.select_labels(ids=boxes[5:8]), "reject")

    def shown(state: str) -> set[str]:
        view = dataset.load_saved_view(f"labels: {state}")
        return set(view.values(f"{BOXES}.id", unwind=True))

    assert (shown("confirmed"), shown("rejected")) == (set(boxes[:5]), set(boxes[5:8]))
    assert (shown("unreviewed"), shown("relabelled")) == (set(boxes[8:]), set())
    assert dataset.get_saved_view_info("labels: unsure")["description"] == "somebody's own"


def test_a_new_round_changes_no_verdict_and_no_record(dataset: Any) -> None:
    start_review(dataset, order="random")
    review_labels(dataset.view(), "unsure")
    judged = {name: column(dataset, name) for name in ("review_state", "reviewed_at", "label")}
    (before,) = rounds_of(dataset)
    few = dataset.limit(2)
    dataset.save_view("few", few)
    assert start_review(dataset, order="concept", view="few").round == "round 2"
    assert rounds_of(dataset)[0] == before
    assert {name: column(dataset, name) for name in judged} == judged
    rounds = column(dataset, "review_round")
    assert {one for one, name in rounds.items() if name == "round 2"} == set(ids(few))


def test_what_looks_alike_comes_together_and_goes_to_one_person(dataset_name: str) -> None:
    dice = np.random.default_rng(5)
    kinds = np.arange(18) % 3
    matrix = np.eye(8, dtype=np.float32)[kinds] + dice.normal(0, 0.01, (18, 8)).astype(np.float32)
    dataset, boxes = boxes_dataset(dataset_name, matrix)
    build_similarity_index(dataset, model="clip", patches_field="ground_truth")
    kind_of = dict(zip(boxes, kinds.tolist(), strict=True))
    result = start_review(dataset, order="cluster", assignees=["a", "b", "c"])
    dataset.reload()
    queues = [queue(dataset, view) for view in result.views]
    assert [len({kind_of[one] for one in some}) for some in queues] == [1, 1, 1]
    assert sorted(one for some in queues for one in some) == sorted(boxes)


@pytest.mark.parametrize(
    ("order", "advice"),
    [
        ("margin", "run import_predictions with a file that has them"),
        ("cluster", "run compute_embeddings and build_similarity_index first"),
    ],
)
def test_an_order_says_what_it_lacks(dataset: Any, order: Any, advice: str) -> None:
    before = documents(dataset), dataset.list_runs(), dataset.list_saved_views()
    with pytest.raises(DatasetError, match=advice):
        start_review(dataset, order=order)
    dataset.reload()
    assert (documents(dataset), dataset.list_runs(), dataset.list_saved_views()) == before


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"overlap": 0.1}, "two people are needed"),
        ({"assignees": ["ana", "Ana"]}, "could not tell these names apart"),
        ({"assignees": ["$label"]}, "is no name"),
        ({"name": "x" * 101}, "is no name"),
        ({"view": "none"}, "no saved view is named 'none'"),
        ({"name": "taken"}, "there is a saved view 'review taken' already"),
        ({"name": "ours"}, "'ours' is another round already"),
    ],
)
def test_what_cannot_be_a_round_is_refused(
    dataset: Any, values: dict[str, Any], words: str
) -> None:
    dataset.save_view("review taken", dataset.limit(1))
    start_review(dataset, "ours", order="concept")
    with pytest.raises(InputError, match=words):
        start_review(dataset, **{"order": "random", **values})


def begin(name: str) -> None:
    start_review(fo.load_dataset(name), "ours", assignees=["Ana", "Bo"], overlap=0.1)


@pytest.mark.fault(
    operator="start_review",
    happens="it is killed at random instants",
    end="run again, it is one round with the same queues as without a kill",
)
def test_a_round_survives_kills(dataset: Any) -> None:
    dice = random.Random(3)
    wait_for_the_import()
    begin(dataset.name)

    def state() -> Any:
        dataset.reload()
        names = [one for one in dataset.list_saved_views() if one.startswith("review ")]
        views = {one: queue(dataset, one) for one in names}
        return without_none(documents(dataset, DICE_AND_TIMES)), views

    wanted = state()
    assert len(wanted[1]) == 2
    for _ in range(4):
        for key in (one.key for one in rounds_of(dataset)):
            dataset.delete_run(key)
        for view in wanted[1]:
            dataset.delete_saved_view(view)
        for attribute in ("assignee", "review_round"):
            dataset.set_label_values(f"{BOXES}.{attribute}", dict.fromkeys(ids(dataset)))
        run_apart(partial(begin, dataset.name), kill_after=dice.uniform(0.05, 0.7))
        run_apart(partial(begin, dataset.name))
        assert state() == wanted
        (only,) = rounds_of(dataset)
        assert only.state == "complete"
