"""A newer file of a split changes what it changes, and nothing that somebody has added since."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.dataset.ingest_record import read_ingest_record
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.ingest import update as updating
from fathomnet_voxel51.ingest.update import Difference
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.operators.ingest_dataset import IngestDataset
from fathomnet_voxel51.parameters.dataset import IngestDataset as Parameters
from fathomnet_voxel51.relabelling import relabel_boxes
from fiftyone import ViewField as F

OLD: dict[str, Any] = {
    "images": [
        {"id": number, "file_name": f"{number}.png", "width": 100, "height": 100}
        for number in (1, 2, 3)
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [50, 50, 20, 20]},
        {"id": 3, "image_id": 2, "category_id": 2, "bbox": [10, 10, 20, 20]},
        {"id": 4, "image_id": 3, "category_id": 2, "bbox": [10, 10, 20, 20]},
    ],
    "categories": [{"id": 1, "name": "Sebastes"}, {"id": 2, "name": "Porifera"}],
}
EXPECTED = Difference(
    "train",
    images_added=1,
    images_changed=1,
    images_gone=1,
    boxes_added=1,
    boxes_changed=1,
    boxes_gone=1,
)


def newer(coco: dict[str, Any]) -> None:
    """Image 3 goes, 4 comes, 2 has a depth; box 1 is moved and renamed, 2 goes, 5 comes."""
    coco["images"][2:] = [{"id": 4, "file_name": "4.png", "width": 50, "height": 50}]
    coco["images"][1]["depth"] = 871.5
    boxes = coco["annotations"]
    boxes[0] |= {"bbox": [12, 10, 20, 20], "category_id": 2}
    boxes[1:2] = [{"id": 5, "image_id": 2, "category_id": 1, "bbox": [60, 60, 9, 9]}]
    boxes[3]["image_id"] = 4


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def written(name: str, change: Callable[[dict[str, Any]], object] = lambda coco: None) -> str:
        coco = deepcopy(OLD)
        change(coco)
        path = tmp_path / name
        path.write_text(json.dumps(coco))
        return str(path)

    return written


@pytest.fixture(params=["collection", "public"])
def dataset(
    write: Callable[..., str],
    dataset_name: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")
    ingest_dataset(dataset_name, train_annotations=write("old.json"))
    dataset = fo.load_dataset(dataset_name)
    add_taxonomy_ranks(dataset)
    return dataset


def boxes(dataset: Any) -> dict[int, tuple[int, str, list[float], str | None]]:
    """By id, each box's image, name, rectangle and genus."""
    dataset.reload()
    return {
        box.annotation_id: (
            sample.image_id,
            box.label,
            [round(value * 100, 6) for value in box.bounding_box],
            box["phylum"] if box.has_field("phylum") else None,
        )
        for sample in dataset
        for box in sample.ground_truth.detections
        if box.has_field("annotation_id")
    }


def test_what_is_new_changed_or_gone_is_so_afterwards(
    dataset: Any, write: Callable[..., str]
) -> None:
    new = write("new.json", newer)
    result = ingest_dataset(dataset.name, train_annotations=new, update=True)
    assert result.updates == (EXPECTED,)
    assert (result.samples_added, result.samples, result.boxes) == (1, 3, 4)
    assert boxes(dataset) == {
        1: (1, "Porifera", [12, 10, 20, 20], None),
        3: (2, "Porifera", [10, 10, 20, 20], "Porifera"),
        5: (2, "Sebastes", [60, 60, 9, 9], None),
        4: (4, "Porifera", [20, 20, 40, 40], None),
    }
    assert dataset.match({"image_id": 2}).values("depth") == [871.5]
    record = read_ingest_record(dataset, "train")
    assert record is not None and (record.source, record.complete) == ("new.json", True)
    again = ingest_dataset(dataset.name, train_annotations=new, update=True)
    assert (again.updates, again.samples_added) == ((), 0)
    assert ingest_dataset(dataset.name, train_annotations=new).samples_added == 0
    add_taxonomy_ranks(dataset)
    assert boxes(dataset)[1][3] == "Porifera"


@pytest.mark.parametrize("spell", [lambda number: f"b-{number}", lambda number: 2**62 + number])
def test_large_ids_and_those_made_of_texts_are_of_the_file_and_nobody_s_own(
    spell: Callable[[int], object], write: Callable[..., str], dataset_name: str
) -> None:
    """Boxes that somebody draws have large numbers too."""

    def spelt(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], None]:
        def changed(coco: dict[str, Any]) -> None:
            change(coco)
            for box in coco["annotations"]:
                box["id"] = spell(box["id"])

        return changed

    ingest_dataset(dataset_name, train_annotations=write("old.json", spelt(lambda coco: None)))
    new = write("new.json", spelt(newer))
    result = ingest_dataset(dataset_name, train_annotations=new, update=True)
    assert result.updates == (EXPECTED,)
    assert sorted(boxes(fo.load_dataset(dataset_name)).values()) == [
        (1, "Porifera", [12, 10, 20, 20], None),
        (2, "Porifera", [10, 10, 20, 20], None),
        (2, "Sebastes", [60, 60, 9, 9], None),
        (4, "Porifera", [20, 20, 40, 40], None),
    ]
    again = ingest_dataset(dataset_name, train_annotations=new, update=True)
    assert (again.updates, again.samples_added) == ((), 0)


def test_an_updated_dataset_holds_what_a_new_one_would(
    dataset: Any, write: Callable[..., str]
) -> None:
    new = write("new.json", newer)
    ingest_dataset(dataset.name, train_annotations=new, update=True)
    fresh_name = f"{dataset.name}-fresh"
    ingest_dataset(fresh_name, train_annotations=new)
    fresh = fo.load_dataset(fresh_name)
    add_taxonomy_ranks(dataset)
    add_taxonomy_ranks(fresh)
    assert boxes(dataset) == boxes(fresh)
    ids = "ground_truth.detections.id"
    assert sorted(dataset.values(ids, unwind=True)) == sorted(fresh.values(ids, unwind=True))
    fo.delete_dataset(fresh_name)


def test_what_somebody_has_added_stays(dataset: Any, write: Callable[..., str]) -> None:
    first = dataset.match({"image_id": 1}).first()
    first["note"] = "seen twice"
    first.tags.append("mine")
    first.ground_truth.detections.append(
        fo.Detection(label="Asteroidea", bounding_box=[0.5, 0.1, 0.1, 0.1])
    )
    first["guesses"] = fo.Detections(detections=[fo.Detection(label="x", bounding_box=[0] * 4)])
    first.save()
    relabel_boxes(
        dataset.filter_labels("ground_truth", F("annotation_id") == 1), "Sebastes diploproa"
    )
    (result,) = ingest_dataset(
        dataset.name, train_annotations=write("new.json", newer), update=True
    ).updates
    assert (result.labels_kept, result.boxes_changed) == (1, 1)
    assert boxes(dataset)[1][1:3] == ("Sebastes diploproa", [12, 10, 20, 20])
    after = dataset.match({"image_id": 1}).first()
    assert (after.note, after.tags) == ("seen twice", ["train", "mine"])
    assert [box.label for box in after.ground_truth.detections][-1] == "Asteroidea"
    assert after.guesses.detections[0].label == "x"


def test_what_somebody_edits_in_the_app_itself_outlives_a_newer_file(
    dataset: Any, write: Callable[..., str]
) -> None:
    """As FiftyOne's own Annotate tab does it: the image's boxes are changed and saved."""
    first = dataset.match({"image_id": 1}).first()
    renamed, deleted = first.ground_truth.detections
    assert (renamed.annotation_id, deleted.annotation_id) == (1, 2)
    renamed.label = "Asteroidea"
    first.ground_truth = fo.Detections(detections=[renamed])
    first.save()
    second = dataset.match({"image_id": 2}).first()
    second.ground_truth.detections[0].bounding_box = [0.3, 0.3, 0.1, 0.1]
    second.save()

    def moves_all(coco: dict[str, Any]) -> None:
        for box in coco["annotations"][:3]:
            box |= {"bbox": [1, 1, 20, 20], "category_id": 3 - box["category_id"]}

    (told,) = ingest_dataset(
        dataset.name, train_annotations=write("new.json", moves_all), update=True
    ).updates
    assert (told.labels_kept, told.boxes_kept, told.boxes_added) == (1, 2, 0)
    assert "2 boxes left as you moved or deleted them" in str(told)
    assert {number: box[1:3] for number, box in boxes(dataset).items()} == {
        1: ("Asteroidea", [1, 1, 20, 20]),
        3: ("Sebastes", [30, 30, 10, 10]),
        4: ("Porifera", [10, 10, 20, 20]),
    }


def test_without_update_the_difference_is_told_and_nothing_is_changed(
    dataset: Any, write: Callable[..., str]
) -> None:
    before = boxes(dataset)
    new = write("new.json", newer)
    told = str(EXPECTED)
    assert told == (
        "1 image added, 1 image changed, 1 image gone, 1 box added, 1 box changed, 1 box gone"
    )
    with pytest.raises(DatasetError, match=f"differs by: {told}; use update"):
        ingest_dataset(dataset.name, train_annotations=new)
    params = Parameters(train_annotations=new, dataset_name=dataset.name)
    refused = IngestDataset().preview(params, None)
    assert any(told in fault.problem for fault in refused.problems)
    preview = IngestDataset().preview(params.model_copy(update={"update": True}), None)
    assert not preview.problems
    assert f"train split: {told}" in preview.facts
    assert boxes(dataset) == before


def swapped(coco: dict[str, Any]) -> None:
    coco["images"][0]["id"], coco["images"][1]["id"] = 2, 1


def renumbered(coco: dict[str, Any]) -> None:
    for box in coco["annotations"]:
        box["bbox"] = [80, 80, 10, 10]


def unnumbered(coco: dict[str, Any]) -> None:
    for box in coco["annotations"]:
        del box["id"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (swapped, "image 1 is 1.png there and 2.png in the file"),
        (renumbered, "4 of 4 boxes with the same id lie elsewhere"),
        (unnumbered, "gives its boxes no ids of their own"),
    ],
)
def test_ids_that_mean_something_else_are_refused(
    dataset: Any,
    write: Callable[..., str],
    change: Callable[[dict[str, Any]], None],
    words: str,
) -> None:
    before = boxes(dataset)
    new = write("new.json", change)
    with pytest.raises(DatasetError, match=words):
        ingest_dataset(dataset.name, train_annotations=new, update=True)
    params = Parameters(train_annotations=new, dataset_name=dataset.name, update=True)
    assert any(words in fault.problem for fault in IngestDataset().preview(params, None).problems)
    assert boxes(dataset) == before


def test_a_media_root_alone_can_change(
    dataset: Any, write: Callable[..., str], tmp_path: Path
) -> None:
    test = write("test.json", lambda coco: coco.update(info={"year": 2026}))
    ingest_dataset(dataset.name, test_annotations=test)
    (tmp_path / "disk/train_images").mkdir(parents=True)
    (tmp_path / "disk/train_images/2.png").touch()
    root = str(tmp_path / "disk")
    with pytest.raises(DatasetError, match="use update"):
        ingest_dataset(dataset.name, train_annotations=write("old.json"), media_root=root)
    result = ingest_dataset(
        dataset.name, train_annotations=write("old.json"), media_root=root, update=True
    )
    assert (result.media_found, result.media_missing, result.updates) == (1, 2, ())
    dataset.reload()
    places = dataset.values(["split", "file_name", "filepath", "media_uri"])
    for split, name, filepath, uri in zip(*places, strict=True):
        assert filepath == uri == f"{root}/{split}_images/{name}"
    assert ingest_dataset(dataset.name, test_annotations=test, media_root=root).samples == 3


def test_the_media_root_changes_without_any_file(dataset: Any, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    root = str(tmp_path / "disk")
    result = ingest_dataset(dataset.name, media_root=root, update=True)
    assert (result.splits, result.samples_added) == ((), 0)
    dataset.reload()
    assert dataset.values("filepath")[0] == f"{root}/train_images/1.png"
    assert dataset.count("ground_truth.detections") == 4


def test_an_update_of_what_is_not_there_makes_it(
    write: Callable[..., str], dataset_name: str
) -> None:
    result = ingest_dataset(dataset_name, train_annotations=write("old.json"), update=True)
    assert (result.samples_added, result.boxes, result.updates) == (3, 4, ())


def test_the_form_compares_a_file_with_its_split_once(
    dataset: Any, write: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def counting(dataset: Any, split: str, *more: Any) -> Any:
        compared.append(split)
        return planned(dataset, split, *more)

    planned = updating._planned
    monkeypatch.setattr(updating, "_planned", counting)
    params = Parameters(
        train_annotations=write("new.json", newer), dataset_name=dataset.name, update=True
    )
    preview = IngestDataset().preview(params, None)
    assert f"train split: {EXPECTED}" in preview.facts
    assert compared == ["train"]
