"""Verdicts on labels: exact, undone to the last attribute, and never at the cost of another's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset import records, writes
from fathomnet_voxel51.dataset.documents import now
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.labels.verdicts import as_stored, standing, state_of
from fathomnet_voxel51.relabelling import relabel, relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.box_states import STATE_KEYS, Change
from fathomnet_voxel51.relabelling.journal import (
    acting_as,
    changes_of,
    journals_of,
    move_to,
    stages_of,
)
from fathomnet_voxel51.review import review, review_labels
from fiftyone import ViewField as F
from fiftyone.core.odm import get_db_conn

from demo.synthetic import write_catalog
from tests.support.forking import forking, run_apart, wait_for_the_import
from tests.support.stored import DICE_AND_TIMES, documents, without_none

NEW = "Scotoplanes globosa"
BOXES = "ground_truth.detections"
KILLS = 4
SLOW = 0.01
"""Seconds that each edit is made to last."""


@pytest.fixture(scope="module")
def unreviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("files")
    catalog = write_catalog(folder / "train.json", 40, 120, seed=3)
    ingest_dataset("test-unreviewed", train_annotations=catalog, media_root=str(folder))
    dataset = fo.load_dataset("test-unreviewed")
    add_taxonomy_ranks(dataset)
    yield dataset
    dataset.delete()


@pytest.fixture
def dataset(unreviewed: Any, dataset_name: str, either_way: str) -> Any:
    return unreviewed.clone(dataset_name, persistent=True)


def content(dataset: Any) -> Any:
    return without_none(documents(dataset, DICE_AND_TIMES))


def stored(dataset: Any) -> list[dict[str, Any]]:
    """Every box, read from the database itself."""
    images = dataset._sample_collection.find().sort("_id")
    return [box for image in images for box in image["ground_truth"]["detections"]]


def states(dataset: Any) -> list[str]:
    return [state_of(box) for box in stored(dataset)]


def ids(dataset: Any) -> list[str]:
    found: list[str] = dataset.values(f"{BOXES}.id", unwind=True)
    return found


@pytest.mark.parametrize(
    ("verdict", "state", "verified"),
    [("confirm", "confirmed", True), ("reject", "rejected", False), ("unsure", "unsure", False)],
)
def test_a_verdict_is_kept_with_who_when_and_of_what_and_undone(
    dataset: Any, verdict: Any, state: str, verified: bool
) -> None:
    before, moment = content(dataset), now()
    few = dataset.limit(5)
    count = few.count(BOXES)
    with acting_as("ana"):
        told = review_labels(few, verdict, note="by eye", dry_run=True)
        assert content(dataset) == before and not journals_of(dataset)
        result = review_labels(few, verdict, note="by eye")
    assert getattr(result, state) == getattr(told, state) == count == result.changed
    judged = [box for box in stored(dataset) if state_of(box) == state]
    assert len(judged) == count
    for box in judged:
        assert (box["reviewed_by"], box["verified"]) == ("ana", verified)
        assert box["reviewed_label"] == box["label"]
        assert 0 <= (box["reviewed_at"].replace(tzinfo=None) - moment).total_seconds() + 1 < 60
    (journal,) = journals_of(dataset)
    assert (journal.note, journal.user, journal.verdict) == ("by eye", "ana", verdict)
    assert undo_relabel(dataset, result.journal).restored == count
    assert content(dataset) == before


def test_another_name_makes_a_label_unreviewed_again_by_whatever_hand(dataset: Any) -> None:
    review_labels(dataset.view(), "confirm")
    sample = dataset.first()
    sample.ground_truth.detections[0].label = NEW
    sample.save()
    assert states(dataset).count("unreviewed") == 1
    left = dataset.filter_labels("ground_truth", ~standing())
    assert left.values(f"{BOXES}.label", unwind=True) == [NEW]


def test_relabelling_gives_the_name_its_ranks_and_confirms_those_that_have_it(
    dataset: Any,
) -> None:
    before = content(dataset)
    few = dataset.limit(4)
    count = few.count(BOXES)
    relabel_boxes(dataset.select_labels(ids=ids(dataset)[:1]), NEW)
    with acting_as("bo"):
        result = review_labels(few, "relabel", label="scotoplanes globosa")
    assert (result.relabelled, result.confirmed) == (count - 1, 1)
    genus = few.values(f"{BOXES}.genus", unwind=True)
    assert genus == ["Scotoplanes"] * count
    assert states(dataset)[:count] == ["confirmed", *["relabelled"] * (count - 1)]
    undo_relabel(dataset)
    assert states(dataset)[0] == "relabelled"  # by the first
    undo_relabel(dataset)
    assert content(dataset) == before


def test_each_label_becomes_its_own_suggestion_and_others_stay(dataset: Any) -> None:
    chosen = ids(dataset)[:3]
    named = dict(zip(chosen, ["Sebastes", NEW, "Sebastes"], strict=True))
    dataset.add_sample_field(f"{BOXES}.suggested_label", fo.StringField)
    dataset.set_label_values(f"{BOXES}.suggested_label", named)
    result = review_labels(dataset.view(), "accept_suggestion")
    names = dict(zip(ids(dataset), dataset.values(f"{BOXES}.label", unwind=True), strict=True))
    assert {one: names[one] for one in chosen} == named
    assert (result.accepted + result.confirmed, result.unchanged) == (3, 117)
    assert result.without_suggestion == 117
    assert states(dataset).count("unreviewed") == 117


def test_the_same_said_twice_is_one_verdict_and_reset_takes_all_away(dataset: Any) -> None:
    before = content(dataset)
    review_labels(dataset.view(), "confirm")
    once = content(dataset)
    again = review_labels(dataset.view(), "confirm")
    assert (again.changed, again.unchanged, again.journal) == (0, 120, "")
    assert content(dataset) == once
    assert review_labels(dataset.view(), "reset").reset == 120
    assert content(dataset) == before
    assert review_labels(dataset.view(), "reset").unchanged == 120


def test_another_persons_verdict_is_told_before_it_is_replaced_and_comes_back(
    dataset: Any,
) -> None:
    few = dataset.limit(3)
    count = few.count(BOXES)
    with acting_as("ana"):
        review_labels(few, "confirm")
    by_ana = content(dataset)
    with acting_as("bo"):
        assert review_labels(few, "reject", dry_run=True).judged_before == count
        assert review_labels(few, "reject").judged_before == count
    undo_relabel(dataset)
    assert content(dataset) == by_ana


def test_a_verdict_given_at_the_same_moment_wins_and_is_told(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, first = review.begin_journal, ids(dataset)[0]

    def slow_begin(*arguments: Any) -> Any:
        monkeypatch.setattr(review, "begin_journal", begin)
        with acting_as("bo"):
            review_labels(fo.load_dataset(dataset.name).select_labels(ids=[first]), "reject")
        return begin(*arguments)

    monkeypatch.setattr(review, "begin_journal", slow_begin)
    with acting_as("ana"):
        result = review_labels(dataset.view(), "confirm")
    assert (result.confirmed, result.conflicts) == (119, 1)
    assert states(dataset).count("rejected") == 1
    assert undo_relabel(dataset, result.journal).conflicts == 1
    assert states(dataset).count("rejected") == 1 and states(dataset).count("unreviewed") == 119


def test_undo_leaves_what_was_judged_since(dataset: Any) -> None:
    result = relabel_boxes(dataset.limit(5), NEW)
    with acting_as("bo"):
        review_labels(dataset.select_labels(ids=ids(dataset)[:1]), "confirm")
    undone = undo_relabel(dataset, result.journal)
    assert (undone.restored, undone.conflicts) == (result.changed - 1, 1)
    assert stored(dataset)[0]["label"] == NEW


@pytest.mark.parametrize(
    ("verdict", "label", "words"),
    [
        ("approve", "", "'approve' is no verdict: confirm, relabel"),
        ("relabel", " ", "name what the labels are"),
        ("relabel", "Scotoplanes globossa", "did you mean Scotoplanes globosa"),
        ("confirm", NEW, "only the verdict relabel takes a name"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    dataset: Any, verdict: Any, label: str, words: str
) -> None:
    before = content(dataset)
    with pytest.raises(InputError, match=words):
        review_labels(dataset.view(), verdict, label=label)
    assert content(dataset) == before and not journals_of(dataset)


def test_no_view_no_box_and_no_suggestion_are_said(dataset: Any) -> None:
    with pytest.raises(InputError, match="name the boxes"):
        review_labels(dataset, "confirm")
    with pytest.raises(DatasetError, match="holds no box"):
        review_labels(dataset.match(F("split") == "none"), "confirm")
    with pytest.raises(DatasetError, match="run find_label_errors first"):
        review_labels(dataset.view(), "accept_suggestion")


def slowly() -> None:
    for name in ("_update_edit", "_save_edit"):
        setattr(writes, name, partial(slow, getattr(writes, name)))


def slow(update: Callable[..., None], *arguments: Any) -> None:
    time.sleep(SLOW)
    update(*arguments)


def judge(name: str, verdict: Any, user: str = "", chosen: tuple[str, ...] = ()) -> None:
    slowly()
    dataset = fo.load_dataset(name)
    view = dataset.select_labels(ids=list(chosen)) if chosen else dataset.view()
    with acting_as(user):
        review_labels(view, verdict, label=NEW if verdict == "relabel" else "")


@pytest.mark.fault(
    operator="review_labels",
    happens="it is killed at random instants",
    end="run again, every label has its verdict, all journals are closed, and undo restores all",
)
@pytest.mark.parametrize("verdict", ["relabel", "reject"])
def test_verdicts_survive_kills(dataset: Any, verdict: str) -> None:
    dice = random.Random(4)
    before = content(dataset)
    changed = "relabelled" if verdict == "relabel" else "rejected"
    right = "confirmed" if verdict == "relabel" else "rejected"  # of those that have the name
    wanted = [right if box["label"] == NEW else changed for box in stored(dataset)]
    wait_for_the_import()
    for _ in range(KILLS):
        dataset.reload()
        while any(one.can_be_undone for one in journals_of(dataset)):
            undo_relabel(dataset)
        assert content(dataset) == before
        run_apart(partial(judge, dataset.name, verdict), kill_after=dice.uniform(0.1, 1.5))
        run_apart(partial(judge, dataset.name, verdict))
        dataset.reload()
        assert states(dataset) == wanted
        assert all(one.stage in ("done", "undone") for one in journals_of(dataset))


def test_a_verdict_reads_no_journal_that_is_closed(dataset: Any) -> None:
    with acting_as("ana"):
        first = review_labels(dataset.limit(10)).journal
        config = dataset.init_run(method="relabel_boxes", stage="done", boxes="nobody can read it")
        dataset.update_run_config(first, config)
        result = review_labels(dataset.limit(12), "reject")
    assert result.rejected == dataset.limit(12).count(BOXES)
    with pytest.raises(DatasetError, match=first):
        journals_of(dataset)


def test_a_journal_of_somebody_else_is_seen_and_one_that_was_deleted_is_missed(
    dataset: Any,
) -> None:
    result = review_labels(dataset.limit(10))
    (journal,) = journals_of(dataset)
    other = f"{journal.key}_other"
    # As another process writes: this one's object knows nothing of it.
    get_db_conn().datasets.update_one(
        {"_id": dataset._doc.id}, {"$rename": {f"runs.{journal.key}": f"runs.{other}"}}
    )
    assert dataset.list_runs().count(result.journal) == 1
    records.reload_runs(dataset)
    assert stages_of(dataset) == {other: "done"}
    with pytest.raises(DatasetError, match="deleted by somebody else"):
        move_to(dataset, journal, "undoing")


def test_single_verdicts_share_a_run_and_are_undone_one_by_one(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_LINES", 10)  # each verdict has two
    before, boxes = content(dataset), ids(dataset)[:14]
    runs = len(dataset.list_runs())
    keys, contents = [], []
    for place, box in enumerate(boxes):
        with acting_as("ana" if place % 3 else "bo"):
            contents.append(content(dataset))
            keys.append(review_labels(dataset.select_labels(ids=[box]), "reject").journal)
    assert [one.key for one in journals_of(dataset)] == keys
    assert len(dataset.list_runs()) - runs == 3, "two logs of ana, of which one is full, and bo's"
    assert len(stages_of(dataset)) < len(keys), "what is put away is not looked at"
    assert undo_relabel(dataset, keys[4]).restored == 1
    assert states(dataset)[:14].count("rejected") == 13
    review_labels(dataset.select_labels(ids=[boxes[4]]), "reject")
    undo_relabel(dataset)
    for key, one in zip(reversed(keys), reversed(contents), strict=True):
        if key != keys[4]:
            assert undo_relabel(dataset).journal == key
            if keys.index(key) > 4:
                assert states(dataset).count("rejected") == keys.index(key) - 1
            else:
                assert content(dataset) == one
    assert content(dataset) == before
    with pytest.raises(DatasetError, match="no relabelling that could be undone"):
        undo_relabel(dataset)


def state(box: Any) -> dict[str, Any]:
    """What a box has of the label and the verdict."""
    there = {key: box[key] for key in STATE_KEYS if box.get(key) is not None}
    return {key: as_stored(one) if key == "reviewed_at" else one for key, one in there.items()}


def test_a_journal_that_others_finish_and_undo_stays_so_when_their_log_is_put_away(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes = ids(dataset)
    with acting_as("ana"), monkeypatch.context() as patch:
        patch.setattr(relabel, "move_to", lambda dataset, journal, stage: journal)  # as if killed
        key = review_labels(dataset.select_labels(ids=boxes[:1]), "reject").journal
    assert stages_of(dataset)[key] == "relabelling"
    monkeypatch.setattr(records, "_LINES", 10)
    with acting_as("bo"):
        review_labels(dataset.select_labels(ids=boxes[1:2]))
        assert stages_of(dataset)[key] == "done"
        assert undo_relabel(dataset, key).restored == 1
        for box in boxes[2:12]:
            review_labels(dataset.select_labels(ids=[box]))
    dataset.reload()
    assert stages_of(dataset)[key] == "undone"
    assert states(dataset)[0] == "unreviewed"
    assert {one.key: one.stage for one in journals_of(dataset)}[key] == "undone"


def test_what_somebody_took_back_at_the_same_moment_is_not_given_again(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ids(dataset)[0]
    close = relabel.move_to

    def slow_close(*arguments: Any) -> Any:
        monkeypatch.setattr(relabel, "move_to", close)
        with acting_as("bo"):
            assert review_labels(dataset.select_labels(ids=[first]), "reset").reset == 1
        return close(*arguments)

    monkeypatch.setattr(relabel, "move_to", slow_close)
    with acting_as("ana"):
        review_labels(dataset.select_labels(ids=[first]), "confirm")
    assert states(dataset)[0] == "unreviewed"


def judge_at_random(name: str, user: str, seed: int, count: int, told: Any) -> None:
    """Judges so many labels, a few or many at a time, and tells what each call said."""
    dataset, dice = fo.load_dataset(name), random.Random(seed)
    everything, left = ids(dataset), count
    said: list[tuple[str, int, int]] = []
    while left:
        some = dice.sample(everything, min(left, dice.choice([1, 1, 3, 8, 30])))
        verdict = dice.choice(["confirm", "reject", "unsure", "relabel"])
        with acting_as(user):
            result = review_labels(
                dataset.select_labels(ids=some), verdict, label=NEW if verdict == "relabel" else ""
            )
        said.append((result.journal, result.conflicts, result.judged_before))
        left -= len(some)
    told.put((user, said))


@pytest.mark.fault(
    operator="review_labels",
    happens="two people give 500 random verdicts each on overlapping sets at once",
    end="none is lost, none overwritten unsaid, and both people's journals can be undone",
)
def test_of_two_people_with_many_verdicts_none_is_lost(dataset: Any, either_way: str) -> None:
    before, first = content(dataset), {str(box["_id"]): box for box in stored(dataset)}
    count = 500 if either_way == "collection" else 150  # which is much slower
    queue = forking.Queue()
    both = [
        forking.Process(target=judge_at_random, args=(dataset.name, user, seed, count, queue))
        for seed, user in enumerate(("ana", "bo"))
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    told = dict(queue.get() for _ in both)
    dataset.reload()
    journals = journals_of(dataset)
    assert all(one.stage == "done" for one in journals)
    assert {one.key for one in journals} == {
        key for said in told.values() for key, *_ in said if key
    }
    # Of each label, what was made leads from the first state to the next, and to what is stored.
    steps: dict[str, list[tuple[str, Change]]] = {}
    for journal in journals:
        for change in changes_of(dataset, journal):
            steps.setdefault(change.box.label_id, []).append((journal.user, change))
    left = replaced = 0
    last = {str(box["_id"]): box for box in stored(dataset)}
    for label_id, some in steps.items():
        there, made = state(last[label_id]), 0
        # Each verdict has a time of its own, so that there is one way back only.
        by_end = {str(state(change.after)): (user, change) for user, change in some}
        while there != state(first[label_id]):
            user, change = by_end[str(there)]
            there = state(change.box.state)
            stood = state_of(there) != "unreviewed"
            replaced += stood and there.get("reviewed_by") != user
            made += 1
        left += len(some) - made
    calls = [call for said in told.values() for call in said]
    # Who was replaced by somebody that had seen it, before the call looked again, is told too.
    assert left <= sum(conflicts for _, conflicts, _ in calls) <= left + replaced
    assert replaced <= sum(judged_before for *_, judged_before in calls) <= replaced + left
    for journal in reversed(journals):
        undo_relabel(dataset, journal.key)
    assert content(dataset) == before


@pytest.mark.fault(
    operator="review_labels",
    happens="two people judge overlapping sets at once",
    end="every label has the verdict of one of them, what was left alone is told, both are undone",
)
def test_two_people_at_once_lose_nothing(dataset: Any) -> None:
    before = content(dataset)
    dice = random.Random(7)
    everything = ids(dataset)
    sets = {user: tuple(dice.sample(everything, 80)) for user in ("ana", "bo")}
    verdicts = {"ana": "reject", "bo": "unsure"}
    both = [
        forking.Process(target=judge, args=(dataset.name, verdicts[user], user, some))
        for user, some in sets.items()
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    dataset.reload()
    by = {str(box["_id"]): (state_of(box), box.get("reviewed_by")) for box in stored(dataset)}
    said = {"ana": ("rejected", "ana"), "bo": ("unsure", "bo")}
    for one in everything:
        users = [user for user, some in sets.items() if one in some]
        assert by[one] in ([said[user] for user in users] or [("unreviewed", None)])
    journals = journals_of(dataset)
    assert {one.user for one in journals} == {"ana", "bo"}
    # Whoever came second saw the other's verdicts, or left them alone.
    for journal in reversed(journals):
        undo_relabel(dataset, journal.key)
    assert content(dataset) == before
