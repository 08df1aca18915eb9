"""From catalogs to a dataset."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.app_defaults import (
    NAMES_OF_BOXES,
    TAXONOMY_NAME,
    save_concept_tree,
)
from fathomnet_voxel51.dataset.datasets import create_dataset, delete_dataset
from fathomnet_voxel51.dataset.ingest_record import LicenceCount, SplitLicences, read_ingest_record
from fathomnet_voxel51.dataset.records import read_values, write_values
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.ingest import IngestResult, ingest_dataset
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone.core.utils import to_slug

from tests.support.stored import documents, settings

EVERYTHING: frozenset[str] = frozenset()
VERSION = "plugin_version"
"""Of a run's record: who has written it."""

COCO: dict[str, Any] = {
    "images": [
        {
            "id": number,
            "file_name": f"{number}.png",
            "width": 200,
            "height": 100,
            "coco_url": f"https://host/framegrabs/Ventana/images/00{number}/{number}.png",
            "date_captured": "2010-05-06 07:08:09",
        }
        for number in (1, 2, 3, 4)
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [20, 10, 40, 50], "area": 2000},
        {"id": 2, "image_id": 1, "category_id": None, "bbox": [0, 0, 200, 100], "area": 20000},
        {"id": 3, "image_id": 4, "category_id": 7, "bbox": [1, 1, 2, 2], "area": 4},
    ],
    "categories": [{"id": 7, "name": "Pannychia moseleyi"}],
}


@pytest.fixture
def write_coco(tmp_path: Path) -> Callable[..., str]:
    """Writes the small catalog, with some of its members replaced."""

    def write(name: str = "coco.json", **members: Any) -> str:
        path = tmp_path / name
        path.write_text(json.dumps({**COCO, **members}))
        return str(path)

    return write


def test_a_sample_has_every_field_of_the_contract(
    write_coco: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    (tmp_path / "media/train_images").mkdir(parents=True)
    (tmp_path / "media/train_images/1.png").touch()
    ingest_dataset(dataset_name, train_annotations=write_coco(), media_root=str(tmp_path / "media"))
    first, second = fo.load_dataset(dataset_name).limit(2)
    image = f"{tmp_path}/media/train_images/1.png"
    assert (first.filepath, first.media_uri, first.media_status) == (image, image, "ok")
    assert (first.tags, first.split, first.image_id) == (["train"], "train", 1)
    assert (first.file_name, first.source_url) == ("1.png", COCO["images"][0]["coco_url"])
    assert (first.vehicle, first.dive) == ("Ventana", "1")
    assert first.date_captured == datetime(2010, 5, 6, 7, 8, 9)
    assert (first.metadata.width, first.metadata.height) == (200, 100)
    assert first.metadata.mime_type == "image/png"
    one, two = first.ground_truth.detections
    assert (one.label, one.annotation_id, one.area, one.iscrowd) == (
        "Pannychia moseleyi",
        1,
        2000.0,
        0,
    )
    assert one.bounding_box == [0.1, 0.1, 0.2, 0.5]
    assert two.label is None
    assert (second.media_status, second.ground_truth.detections) == ("missing", [])


def test_the_real_test_split_gives_325_samples_and_788_unlabelled_boxes(
    shared_data: Path, dataset_name: str
) -> None:
    result = ingest_dataset(dataset_name, test_annotations=str(shared_data / "dataset_test.json"))
    assert result == IngestResult(
        dataset=dataset_name,
        samples_added=325,
        samples_present=0,
        samples=325,
        boxes=788,
        unlabelled_boxes=788,
        splits=("test",),
    )
    dataset = fo.load_dataset(dataset_name)
    assert dataset.persistent
    assert dataset.count("ground_truth.detections") == 788
    assert set(dataset.distinct("ground_truth.detections.annotation_id")) == set(range(1, 789))
    box = dataset.match({"image_id": 2}).first().ground_truth.detections[0]
    assert box.bounding_box == [436 / 720, 104 / 486, 13 / 720, 24 / 486]


def test_the_record_counts_the_images_of_each_licence(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    named = [7, 7, "CC0", None]
    images = [{**image, "license": one} for image, one in zip(COCO["images"], named, strict=True)]
    licences = [{"id": 7, "name": "CC BY", "url": "https://a"}, {"id": 8, "name": "MIT"}]
    path = write_coco(images=images, licenses=licences, info={"year": 2025, "note": {"a": 1}})
    test = write_coco("test.json")
    ingest_dataset(dataset_name, train_annotations=path, test_annotations=test, limit=3)
    assert licences_of(dataset_name, "train") == SplitLicences(
        described=(LicenceCount("CC BY", "https://a", 2), LicenceCount("MIT", "", 0)),
        undescribed=1,
        undescribed_ids=("CC0",),
        unnamed=0,
        statements=(("year", "2025"),),
    )
    assert licences_of(dataset_name, "test") == SplitLicences((), 0, (), 3, ())
    ingest_dataset(dataset_name, train_annotations=path)
    assert licences_of(dataset_name, "train").unnamed == 1


def test_a_dataset_that_was_ingested_before_licences_were_kept_gets_them_by_the_next_run(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    path = write_coco(licenses=[{"id": 7, "name": "CC BY"}])
    ingest_dataset(dataset_name, train_annotations=path, limit=3)
    dataset = fo.load_dataset(dataset_name, reload=True)
    whole = read_values(dataset, "ingest_train")
    assert whole
    older = {name: value for name, value in whole.items() if name not in ("licences", VERSION)}
    write_values(dataset, "ingest_train", "ingest_dataset", older)
    before = documents(dataset, EVERYTHING)
    assert licences_of(dataset_name, "train") is None
    assert ingest_dataset(dataset_name, train_annotations=path, limit=2).samples_added == 0
    assert read_values(fo.load_dataset(dataset_name, reload=True), "ingest_train") == whole
    assert documents(dataset, EVERYTHING) == before


def licences_of(name: str, split: str) -> Any:
    """What the dataset, read anew, has kept of a split's licences."""
    record = read_ingest_record(fo.load_dataset(name, reload=True), split)
    assert record is not None
    return record.licences


def test_both_splits_share_a_dataset_though_both_count_from_one(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    train, test = (
        write_coco("train.json"),
        write_coco("test.json", categories=[{"id": 7, "name": "Bathochordaeus"}]),
    )
    result = ingest_dataset(dataset_name, train_annotations=train, test_annotations=test)
    assert (result.samples, result.boxes, result.splits) == (8, 6, ("train", "test"))
    dataset = fo.load_dataset(dataset_name)
    assert len(set(dataset.values("id"))) == 8
    assert len(set(dataset.values("ground_truth.detections.id", unwind=True))) == 6
    assert dataset.count_sample_tags() == {"train": 4, "test": 4}
    assert sorted(dataset.list_saved_views()) == ["test", "train"]
    assert set(dataset.load_saved_view("test").values("split")) == {"test"}


def test_a_complete_dataset_is_left_alone_and_says_so(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    path = write_coco()
    ingest_dataset(dataset_name, train_annotations=path)
    dataset = fo.load_dataset(dataset_name)
    dataset.app_config.color_scheme = fo.ColorScheme(color_by="field")
    dataset.save()
    dataset.delete_saved_view("train")
    sample = dataset.first()
    sample.tags.append("seen")
    sample.save()
    before = documents(dataset, EVERYTHING), settings(dataset)
    labels: list[str] = []
    result = ingest_dataset(
        dataset_name, train_annotations=path, progress=lambda _, label: labels.append(label)
    )
    assert (result.samples_added, result.samples_present) == (0, 4)
    assert "the train split is complete" in labels
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before


def test_a_larger_limit_adds_what_it_allows_and_a_smaller_one_nothing(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    path = write_coco()
    counts = [
        (result.samples_added, result.samples_present)
        for limit in (1, 3, 2, None, 4)
        for result in [ingest_dataset(dataset_name, train_annotations=path, limit=limit)]
    ]
    assert counts == [(1, 0), (2, 1), (0, 3), (1, 3), (0, 4)]


def test_the_other_split_can_be_added_later(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    ingest_dataset(dataset_name, train_annotations=write_coco())
    result = ingest_dataset(dataset_name, test_annotations=write_coco("test.json"))
    assert (result.samples_added, result.samples_present, result.samples) == (4, 0, 4)
    assert fo.load_dataset(dataset_name).count() == 8


def test_another_file_for_a_split_that_is_there_is_refused(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    ingest_dataset(dataset_name, train_annotations=write_coco("mine.json"))
    dataset = fo.load_dataset(dataset_name)
    before = documents(dataset, EVERYTHING), settings(dataset)
    other = write_coco("other.json", images=COCO["images"][:1], annotations=[])
    with pytest.raises(DatasetError, match=r"train split from mine\.json .*other\.json.*recreate"):
        ingest_dataset(dataset_name, train_annotations=other)
    dataset.reload()
    assert (documents(dataset, EVERYTHING), settings(dataset)) == before
    result = ingest_dataset(dataset_name, train_annotations=other, recreate=True)
    assert (result.samples_added, result.samples) == (1, 1)


def test_images_elsewhere_are_refused(
    write_coco: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    path = write_coco()
    ingest_dataset(dataset_name, train_annotations=path, media_root=str(tmp_path))
    with pytest.raises(DatasetError, match=r"the images of dataset .* are at"):
        ingest_dataset(dataset_name, train_annotations=path, media_root="gs://bucket")


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="the name belongs to somebody else's dataset",
    end="refused; it is untouched, even where it is to be recreated",
)
@pytest.mark.parametrize("recreate", [False, True])
def test_a_dataset_of_somebody_else_is_never_touched(
    write_coco: Callable[..., str], dataset_name: str, recreate: bool
) -> None:
    theirs = fo.Dataset(dataset_name, persistent=True)
    theirs.add_sample(fo.Sample(filepath="/mine.png"))
    before = documents(theirs, EVERYTHING)
    with pytest.raises(DatasetError, match="was not made by ingest_dataset"):
        ingest_dataset(dataset_name, train_annotations=write_coco(), recreate=recreate)
    theirs.reload()
    assert documents(theirs, EVERYTHING) == before


def test_recreating_gives_the_same_dataset_again(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    path = write_coco()
    ingest_dataset(dataset_name, train_annotations=path)
    volatile = frozenset({"_dataset_id", "created_at", "last_modified_at"})
    before = documents(fo.load_dataset(dataset_name), volatile)
    result = ingest_dataset(dataset_name, train_annotations=path, recreate=True)
    assert (result.samples_added, result.samples_present) == (4, 0)
    assert documents(fo.load_dataset(dataset_name), volatile) == before


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="it is killed while the old dataset is deleted",
    end="run again, the deletion is finished and all samples are there",
)
def test_a_deletion_that_was_cut_short_is_finished_by_the_next_run(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    path = write_coco()
    ingest_dataset(dataset_name, train_annotations=path)
    dataset = fo.load_dataset(dataset_name)
    dataset.info["fathomnet"] = {**dataset.info["fathomnet"], "being_deleted": True}
    dataset.save()
    dataset._sample_collection.drop()
    assert ingest_dataset(dataset_name, train_annotations=path).samples_added == 4


def test_of_two_that_create_a_dataset_the_slower_takes_the_faster_ones(dataset_name: str) -> None:
    first = create_dataset(dataset_name, ["train"])
    second = create_dataset(dataset_name, ["train"])
    assert second._doc.id == first._doc.id
    assert [name for name in fo.list_datasets() if dataset_name in name] == [dataset_name]
    delete_dataset(second)
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="somebody deletes and recreates the dataset meanwhile",
    end="refused in words; no orphan is left, and run again it is complete",
)
def test_a_dataset_that_somebody_recreates_meanwhile_is_reported_and_nothing_is_left_behind(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    def interfere(share: float, label: str) -> None:
        if "adding" in label:
            fo.delete_dataset(dataset_name)
            create_dataset(dataset_name, ["train"])

    with pytest.raises(DatasetError, match="deleted or recreated by somebody else"):
        ingest_dataset(dataset_name, train_annotations=write_coco(), progress=interfere)
    database = fo.load_dataset(dataset_name)._sample_collection.database
    collections = [name for name in database.list_collection_names() if "samples." in name]
    known = database["datasets"].distinct("sample_collection_name")
    assert set(collections) <= set(known)
    assert ingest_dataset(dataset_name, train_annotations=write_coco()).samples_added == 4


def _ingest(name: str, path: str) -> IngestResult:
    return ingest_dataset(name, train_annotations=path)


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="two processes ingest the same file at once",
    end="one dataset, each image once, each box once",
)
def test_two_processes_at_once_make_one_dataset(tmp_path: Path, dataset_name: str) -> None:
    from demo.synthetic import write_catalog

    path = str(write_catalog(tmp_path / "coco.json", images=4_000, boxes=10_000, seed=2))
    spawning = multiprocessing.get_context("spawn")
    with spawning.Pool(2) as pool:
        results = pool.starmap(_ingest, [(dataset_name, path)] * 2, chunksize=1)
    assert sum(result.samples_added for result in results) == 4_000
    dataset = fo.load_dataset(dataset_name)
    assert len(set(dataset.values("image_id"))) == len(dataset) == 4_000
    assert dataset.count("ground_truth.detections") == 10_000
    assert dataset.list_saved_views() == ["train"]
    assert [name for name in fo.list_datasets() if dataset_name in name] == [dataset_name]


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="both annotation files have faults",
    end="all are named with their places; no dataset is made",
)
def test_every_fault_of_both_files_is_reported_and_nothing_is_made(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    train = write_coco("train.json", images=[{**COCO["images"][0], "width": -1}])
    test = write_coco("test.json", annotations=[{**COCO["annotations"][0], "image_id": 99}])
    with pytest.raises(InputError) as caught:
        ingest_dataset(dataset_name, train_annotations=train, test_annotations=test)
    message = "\n".join(map(str, caught.value.faults))
    assert "train.json" in message and "images[0]" in message
    assert "test.json" in message and "annotations[0]" in message
    assert not fo.dataset_exists(dataset_name)


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({}, "train_annotations, test_annotations: name at least one"),
        ({"train_annotations": "nowhere.json"}, "nowhere.json"),
        ({"limit": 0}, "limit: 0"),
        ({"limit": -3}, "limit: -3"),
        ({"limit": True}, "limit: True"),
        ({"limit": "3"}, "limit: '3'"),
        ({"dataset_name": "???"}, "dataset_name: "),
        ({"dataset_name": ""}, "dataset_name: "),
        ({"mirror": "/srv/elsewhere", "media_root": "gs://bucket"}, "mirror: "),
        ({"media_root": "s3://bucket"}, "media_root: "),
    ],
)
def test_a_wrong_parameter_is_named(
    parameters: dict[str, Any], place: str, write_coco: Callable[..., str], dataset_name: str
) -> None:
    before = fo.list_datasets()
    given = {"dataset_name": dataset_name, **parameters}
    if parameters and "train_annotations" not in parameters:
        given["train_annotations"] = write_coco()
    with pytest.raises(InputError) as caught:
        ingest_dataset(**given)
    assert place in str(caught.value)
    assert fo.list_datasets() == before


def test_a_name_that_fiftyone_cannot_tell_from_another_is_refused(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    fo.Dataset(dataset_name, persistent=True)
    with pytest.raises(InputError, match="cannot tell"):
        ingest_dataset(dataset_name.upper(), train_annotations=write_coco())


def test_the_concepts_are_a_tree_that_is_saved_once() -> None:
    # Other tests of this process may have saved other trees by this name before.
    saved = save_concept_tree(load_taxonomy())
    if not hasattr(fo, "Taxonomy"):
        assert not saved, "this release of FiftyOne has no ontologies"
        return
    version = fo.load_ontology(TAXONOMY_NAME).version
    assert not save_concept_tree(load_taxonomy())
    tree = fo.load_ontology(TAXONOMY_NAME)
    assert tree.version == version
    selectable = []
    waiting = [tree.root]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.values or ())
        if node.can_select:
            selectable.append(node.name)
    assert sorted(selectable) == sorted(load_taxonomy().names)
    assert fo.load_ontology(NAMES_OF_BOXES).taxonomy == to_slug(TAXONOMY_NAME)


def test_progress_names_the_split_and_ends_at_one(
    write_coco: Callable[..., str], dataset_name: str
) -> None:
    heard: list[tuple[float, str]] = []
    ingest_dataset(
        dataset_name,
        train_annotations=write_coco("a.json"),
        test_annotations=write_coco("b.json"),
        progress=lambda share, label: heard.append((share, label)),
    )
    shares = [share for share, _ in heard]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert "adding samples 4/4 (train)" in [label for _, label in heard]
    assert "adding samples 4/4 (test)" in [label for _, label in heard]
