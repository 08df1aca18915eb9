"""What stages write is written whole, either way, and only where boxes are where they were seen."""

from __future__ import annotations

from collections import deque
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.documents import ImageChange
from fathomnet_voxel51.dataset.schema import declare
from fathomnet_voxel51.dataset.writes import Edit, change_images, edit_boxes
from fathomnet_voxel51.errors import DatasetError

BOXES = "things.detections"


@pytest.fixture
def dataset(dataset_name: str) -> Any:
    """Three images with two boxes each, and attributes that are declared and on no box yet."""
    dataset = fo.Dataset(dataset_name)
    dataset.add_samples(
        fo.Sample(
            filepath=f"/{number}.png",
            things=fo.Detections(
                detections=[
                    fo.Detection(label=label, bounding_box=[0, 0, 1, 1], mark="old")
                    for label in ("A", "B")
                ]
            ),
        )
        for number in range(3)
    )
    dataset.add_dynamic_sample_fields()
    declare(dataset, {"found": fo.IntField(), f"{BOXES}.score": fo.FloatField()})
    return dataset


def changes(dataset: Any, seen: bool) -> list[ImageChange]:
    """Every box gets its place as its score, in every image."""
    made = []
    for sample in dataset:
        ids = [box.id for box in sample.things.detections]
        given = {id_: {"score": float(place)} for place, id_ in enumerate(ids)}
        places = {BOXES: {id_: place for place, id_ in enumerate(ids)}} if seen else {}
        made.append(ImageChange(sample.id, {"found": len(ids)}, {BOXES: given}, places))
    return made


def test_fields_and_boxes_get_what_they_are_given_and_keep_the_rest(
    dataset: Any, either_way: str
) -> None:
    assert sum(change_images(dataset, changes(dataset, seen=True), lost="removed")) == 3
    assert dataset.values("found") == [2, 2, 2]
    assert dataset.values(f"{BOXES}.score") == [[0.0, 1.0]] * 3
    assert dataset.values(f"{BOXES}.mark") == [["old", "old"]] * 3


def test_an_image_with_a_box_that_is_gone_is_left_alone_and_told_of(
    dataset: Any, either_way: str
) -> None:
    wanted = changes(dataset, seen=True)
    first = dataset.first()
    del first.things.detections[0]
    first.save()
    with pytest.raises(DatasetError, match="boxes of 1 images were removed; run it again"):
        deque(change_images(dataset, wanted, lost="removed"), maxlen=0)
    dataset.reload()
    assert dataset.values("found") == [None, 2, 2]
    assert dataset.values(f"{BOXES}.score") == [[None], [0.0, 1.0], [0.0, 1.0]]


def test_boxes_whose_place_nobody_saw_are_found_by_their_ids_wherever_they_stand(
    dataset: Any, either_way: str
) -> None:
    wanted = changes(dataset, seen=False)
    first = dataset.first()
    first.things.detections.reverse()
    first.save()
    last = dataset.last()
    del last.things.detections[0]
    last.save()
    assert sum(change_images(dataset, wanted)) == 3
    assert dataset.values(f"{BOXES}.score") == [[1.0, 0.0], [0.0, 1.0], [1.0]]
    assert dataset.values("found") == [2, 2, 2]


def test_an_image_that_was_written_to_since_is_checked_box_by_box(dataset: Any) -> None:
    """In the collection an unchanged time stamp spares the check; a changed one must not."""
    stamps = dict(zip(*dataset.values(["id", "last_modified_at"]), strict=True))
    wanted = [
        ImageChange(one.sample_id, one.fields, one.boxes, one.places, stamps[one.sample_id])
        for one in changes(dataset, seen=True)
    ]
    first = dataset.first()
    first.things.detections.reverse()
    first.save()
    with pytest.raises(DatasetError, match="boxes of 1 images"):
        deque(change_images(dataset, wanted, lost="moved"), maxlen=0)
    dataset.reload()
    assert dataset.values("found") == [None, 2, 2]


def test_none_takes_a_value_away_where_it_is_to(dataset: Any, either_way: str) -> None:
    deque(change_images(dataset, changes(dataset, seen=True)), maxlen=0)
    sample = dataset.first()
    ids = [box.id for box in sample.things.detections]
    change = ImageChange(
        sample.id,
        {"found": None},
        {BOXES: {ids[0]: {"score": None}}},
        {BOXES: {ids[0]: 0}},
    )
    deque(change_images(dataset, [change], none_removes=True), maxlen=0)
    assert dataset.values("found") == [None, 2, 2]
    assert dataset.values(f"{BOXES}.score")[0] == [None, 1.0]
    stored = dataset._sample_collection.find_one({"_id": sample._id})
    if either_way == "collection":
        assert "found" not in stored and "score" not in stored["things"]["detections"][0]


def test_an_edit_leaves_boxes_alone_whose_label_is_another_one_now(
    dataset: Any, either_way: str
) -> None:
    boxes = [(sample.id, sample.things.detections[0].id) for sample in dataset]
    first = dataset.first()
    first.things.detections[0].label = "C"
    first.save()
    untouched = dataset._sample_collection.find_one({"_id": first._id})
    edit = Edit(boxes, {"label": "A"}, {"label": "D"}, ("label", "mark"))
    edit_boxes(dataset, BOXES, [edit])
    assert dataset.values(f"{BOXES}.label") == [["C", "B"], ["D", "B"], ["D", "B"]]
    assert dataset.values(f"{BOXES}.mark")[1:] == [[None, "old"]] * 2
    assert dataset._sample_collection.find_one({"_id": first._id}) == untouched


def test_boxes_that_share_what_they_get_are_alone_in_getting_it(
    dataset: Any, either_way: str
) -> None:
    """An image whose boxes all get it, one with another box, and one whose boxes get two things."""
    first, second, third = dataset.values(f"{BOXES}.id")
    one, other = {"score": 1.0, "mark": None}, {"score": 2.0, "mark": "new"}
    samples = dataset.values("id")
    made = [
        ImageChange(samples[0], boxes={BOXES: dict.fromkeys(first, one)}),
        ImageChange(samples[1], boxes={BOXES: {second[1]: one}}),
        ImageChange(samples[2], boxes={BOXES: {third[0]: one, third[1]: other}}),
    ]
    before = dataset.values("last_modified_at")
    assert sum(change_images(dataset, made, none_removes=True)) == 3
    assert dataset.values(f"{BOXES}.score") == [[1.0, 1.0], [None, 1.0], [1.0, 2.0]]
    assert dataset.values(f"{BOXES}.mark") == [[None, None], ["old", None], [None, "new"]]
    assert all(
        then < now for then, now in zip(before, dataset.values("last_modified_at"), strict=True)
    )
    # In one image all get the same, in two of them it is not the same.
    made = [
        ImageChange(samples[0], boxes={BOXES: dict.fromkeys(first, other)}),
        ImageChange(samples[1], boxes={BOXES: dict.fromkeys(second, one)}),
    ]
    assert sum(change_images(dataset, made)) == 2
    assert dataset.values(f"{BOXES}.score") == [[2.0, 2.0], [1.0, 1.0], [1.0, 2.0]]


def test_crops_get_each_its_own_values_and_only_where_the_label_is_the_one_that_was_seen(
    dataset_name: str, either_way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fathomnet_voxel51.dataset.writes.TOGETHER", 3)
    dataset = fo.Dataset(dataset_name)
    dataset.add_samples(
        fo.Sample(filepath=f"/{number}.png", thing=fo.Classification(label="A", mark="old"))
        for number in range(8)
    )
    dataset.add_dynamic_sample_fields()
    declare(dataset, {"found": fo.IntField(), "thing.score": fo.FloatField()})
    declare(dataset, {"other": fo.EmbeddedDocumentField(fo.Classification)})
    samples, labels = dataset.values(["id", "thing.id"])

    def made(*, mark: str | None = "new") -> list[ImageChange]:
        return [
            ImageChange(
                sample,
                {
                    "found": None if number == 5 else number,
                    "other": {"_cls": "Classification", "label": f"$label {number}"},
                },
                {"thing": {label: {"score": float(number), "mark": mark if number else "$x"}}},
                {"thing": {label: 0}},
            )
            for number, (sample, label) in enumerate(zip(samples, labels, strict=True))
        ]

    before = dataset.values("last_modified_at")
    assert sum(change_images(dataset, made(), none_removes=True)) == 8
    assert dataset.values("found") == [0, 1, 2, 3, 4, None, 6, 7]
    assert dataset.values("thing.score") == [float(one) for one in range(8)]
    assert dataset.values("thing.mark") == ["$x", *["new"] * 7]
    assert dataset.values("thing.label") == ["A"] * 8 and dataset.values("thing.id") == labels
    assert dataset.values("other.label") == [f"$label {one}" for one in range(8)]
    after = dataset.values("last_modified_at")
    assert all(one < two for one, two in zip(before, after, strict=True))
    stored = [*dataset._sample_collection.find().sort("_id")]
    assert not any(name.startswith("_fathomnet") for one in stored for name in one)
    if either_way == "collection":
        assert "found" not in stored[5]
    # A field that holds a label is replaced, not merged with what was there.
    change = ImageChange(samples[0], {"other": {"_cls": "Classification", "confidence": 0.5}})
    deque(change_images(dataset, [change], none_removes=True), maxlen=0)
    assert dataset.values("other.label")[0] is None
    # Somebody gives a crop another label, and one of them goes.
    sample = dataset[samples[4]]
    sample.thing = fo.Classification(label="B")
    sample.save()
    dataset.delete_samples(samples[6])
    with pytest.raises(DatasetError, match=r"boxes of [12] images were replaced"):
        deque(change_images(dataset, made(mark=None), True, "replaced"), maxlen=0)
    dataset.reload()
    left = dataset._sample_collection.find_one({"_id": sample._id})["thing"]
    assert left["label"] == "B" and left.get("score") is None
