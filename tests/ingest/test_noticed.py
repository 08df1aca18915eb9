"""What was noticed at an ingest is told: in the result, the record, the form and the data card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.ingest_record import read_ingest_record
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.operators.ingest_dataset import IngestDataset
from fathomnet_voxel51.parameters.dataset import IngestDataset as Parameters
from fathomnet_voxel51.report import report_dataset
from PIL import Image

from tests.support.cards import notes, read_page, section

NAMES = ("0d84d2f3.png", "58aa01c9.png", "cruise/7700b1e5.png")


@pytest.fixture
def annotations(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of three images of 60 by 40 pixels with a box each, after a change to it."""

    def write(change: Callable[[dict[str, Any]], object] = lambda coco: None) -> str:
        images = [
            {"id": number, "file_name": name, "width": 60, "height": 40}
            for number, name in enumerate(NAMES, start=1)
        ]
        boxes = [
            {"id": number, "image_id": number, "category_id": 1, "bbox": [5, 5, 20, 20]}
            for number in (1, 2, 3)
        ]
        coco = {
            "images": images,
            "annotations": boxes,
            "categories": [{"id": 1, "name": "Sebastes"}],
        }
        change(coco)
        path = tmp_path / "annotations.json"
        path.write_text(json.dumps(coco))
        return str(path)

    return write


def draw(path: Path, size: tuple[int, int] = (60, 40)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "navy").save(path)


def columns(name: str) -> dict[str, tuple[str, str]]:
    """Of each image, by its name: its status, and its file below the test's folder."""
    dataset = fo.load_dataset(name, reload=True)
    values = dataset.values(["file_name", "media_status", "filepath"])
    return {name: (status, path) for name, status, path in zip(*values, strict=True)}


def test_images_named_by_their_ids_are_found_by_id(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        draw(tmp_path / f"out/test_images/{number}.png")
    root = str(tmp_path / "out")
    result = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (result.media_found, result.media_missing) == (3, 0)
    assert columns(dataset_name) == {
        name: ("ok", f"{root}/test_images/{number}.png")
        for number, name in enumerate(NAMES, start=1)
    }


def test_the_downloaders_own_folder_is_known(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    for number in (1, 3):
        draw(tmp_path / f"out/images/{number}.jpg")
    draw(tmp_path / "out/rois/1_1.png")
    root = str(tmp_path / "out")
    result = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (result.media_found, result.media_missing) == (2, 1)
    assert columns(dataset_name) == {
        NAMES[0]: ("ok", f"{root}/images/1.jpg"),
        NAMES[1]: ("missing", f"{root}/test_images/{NAMES[1]}"),
        NAMES[2]: ("ok", f"{root}/images/3.jpg"),
    }


def test_an_id_is_not_believed_where_one_image_has_its_name_or_the_size_is_another(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    draw(tmp_path / "out/test_images/1.png")
    draw(tmp_path / "out/test_images" / NAMES[1])
    root = str(tmp_path / "out")
    assert (
        ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root).media_found
        == 1
    )
    (tmp_path / "out/test_images" / NAMES[1]).unlink()
    draw(tmp_path / "out/test_images/1.png", size=(61, 40))
    again = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (again.media_found, again.media_missing) == (0, 3)


def renamed(*names: str) -> Callable[[dict[str, Any]], None]:
    """Gives the images of a COCO file other names."""

    def rename(coco: dict[str, Any]) -> None:
        for image, name in zip(coco["images"], names, strict=True):
            image["file_name"] = name

    return rename


def test_names_written_otherwise_are_found_and_told(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    """As a Mac, a share of Windows or a web server writes them."""
    names = ("IMG_0001.JPG", "caf\u00e9/a b.png", "gone.png")

    root = str(tmp_path / "out")
    draw(tmp_path / "out/test_images/img_0001.jpg")
    draw(tmp_path / "out/test_images/cafe\u0301/a%20b.png")
    result = ingest_dataset(
        dataset_name, test_annotations=annotations(renamed(*names)), media_root=root
    )
    assert (result.media_found, result.media_missing) == (2, 1)
    folder = f"{root}/test_images"
    assert columns(dataset_name) == {
        names[0]: ("ok", f"{folder}/img_0001.jpg"),
        names[1]: ("ok", f"{folder}/cafe\u0301/a%20b.png"),
        names[2]: ("missing", f"{folder}/gone.png"),
    }
    assert result.notes == (
        "test: 2 images were found as test_images/img_0001.jpg; "
        f"2 of 3 images are in {folder}: expected gone.png, found caf\u0065\u0301",
    )


def test_a_name_written_otherwise_is_not_taken_from_the_image_whose_own_it_is(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    names = ("a b.png", "a%20b.png", "c.png")

    draw(tmp_path / "out/test_images/a%20b.png")
    root = str(tmp_path / "out")
    result = ingest_dataset(
        dataset_name, test_annotations=annotations(renamed(*names)), media_root=root
    )
    assert (result.media_found, result.media_missing) == (1, 2)
    assert columns(dataset_name)[names[1]] == ("ok", f"{root}/test_images/a%20b.png")


def test_images_that_lie_in_the_root_itself_are_found(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    for name in NAMES:
        draw(tmp_path / "out" / name)
    root = str(tmp_path / "out")
    result = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (result.media_found, result.notes) == (3, ())
    assert columns(dataset_name)[NAMES[2]] == ("ok", f"{root}/{NAMES[2]}")


def test_only_those_are_told_that_are_called_otherwise(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    for name in (*NAMES[:2], NAMES[2].upper()):
        draw(tmp_path / "out" / name)
    root = str(tmp_path / "out")
    result = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (result.media_found, result.media_missing) == (3, 0)
    assert result.notes == (f"test: 1 image was found as {NAMES[2].upper()}",)


def test_images_that_come_later_are_found_by_the_next_run(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    root = str(tmp_path / "out")
    first = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (first.media_found, first.media_missing) == (0, 3)
    for number in (1, 2, 3):
        draw(tmp_path / f"out/test_images/{number}.png")
    again = ingest_dataset(dataset_name, test_annotations=annotations(), media_root=root)
    assert (again.media_found, again.samples_added) == (3, 0)
    assert columns(dataset_name)[NAMES[0]] == ("ok", f"{root}/test_images/1.png")


def test_images_that_are_not_there_are_missing_and_told_with_an_expected_and_a_found_name(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    draw(tmp_path / "media/test_images/IMG_0001.png")
    root = str(tmp_path / "media")
    labels: list[str] = []
    result = ingest_dataset(
        dataset_name,
        test_annotations=annotations(),
        media_root=root,
        progress=lambda share, label: labels.append(label),
    )
    assert (result.media_found, result.media_missing) == (0, 3)
    told = f"test: 0 of 3 images are in {root}/test_images: expected {NAMES[0]}, found IMG_0001.png"
    assert result.notes == (told,)
    assert labels[-1].endswith("0 of 3 images found")
    assert {status for status, _ in columns(dataset_name).values()} == {"missing"}
    params = Parameters(test_annotations=annotations(), dataset_name="another", media_root=root)
    assert told in IngestDataset().preview(params, None).warnings


def test_a_box_that_loses_more_than_a_tenth_is_a_warning_of_its_own_and_its_area_is_recomputed(
    annotations: Callable[..., str], dataset_name: str
) -> None:
    def cut(coco: dict[str, Any]) -> None:
        # Of 400 square pixels 200 are inside; of the second box's 380.
        coco["annotations"][0].update(bbox=[50, 5, 20, 20], area=400)
        coco["annotations"][1].update(bbox=[41, 5, 20, 20], area=400)

    result = ingest_dataset(dataset_name, test_annotations=annotations(cut))
    areas = fo.load_dataset(dataset_name).values("ground_truth.detections.area", unwind=True)
    assert areas == [200, 400, 400]
    (clipped,) = (note for note in result.notes if "more than a tenth" in note)
    assert "1 time" in clipped and "(id 1).bbox: lost 50% of its area" in clipped
    assert any("stood 1 pixels out of its image" in note for note in result.notes)


def test_notes_are_in_the_record_and_on_the_card_with_a_count_and_the_first(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path
) -> None:
    def spoil(coco: dict[str, Any]) -> None:
        for image in coco["images"]:
            image["date_captured"] = "03/01/2019 12:00"  # of March or of January

    result = ingest_dataset(dataset_name, test_annotations=annotations(spoil))
    (note,) = result.notes
    assert "images.date_captured, 3 times" in note and "images[0] (id 1)" in note
    dataset = fo.load_dataset(dataset_name)
    record = read_ingest_record(dataset, "test")
    assert record is not None and record.notes == (note.removeprefix("test: "),)
    page = read_page(report_dataset(dataset, tmp_path / "card").files[1])
    assert any(note in text for text in notes(section(page, "Sources and licences")))


@pytest.mark.parametrize("folder", ["media/train_images", "media/train", "."])
def test_sizes_that_the_file_lacks_are_those_of_the_images(
    annotations: Callable[..., str], dataset_name: str, tmp_path: Path, folder: str
) -> None:
    def unsized(coco: dict[str, Any]) -> None:
        for image in coco["images"]:
            del image["width"], image["height"]

    for number, name in enumerate(NAMES, start=1):
        draw(tmp_path / folder / name, size=(100 * number, 50))
    result = ingest_dataset(
        dataset_name, train_annotations=annotations(unsized), media_root=str(tmp_path / "media")
    )
    dataset = fo.load_dataset(dataset_name)
    assert dataset.values("metadata.width") == [100, 200, 300]
    assert dataset.values("ground_truth.detections.bounding_box")[1] == [[0.025, 0.1, 0.1, 0.4]]
    assert any("3 images have the size of the file itself" in note for note in result.notes)


def test_bad_boxes_are_left_out_by_choice_listed_counted_and_failed_items(
    annotations: Callable[..., str], dataset_name: str
) -> None:
    def add_point(coco: dict[str, Any]) -> None:
        coco["annotations"].append({"id": 9, "image_id": 1, "category_id": 1, "bbox": [5, 5, 0, 0]})

    ingest = IngestDataset()
    given = {"dataset_name": dataset_name, "test_annotations": annotations(add_point)}
    with pytest.raises(InputError, match="has no area"):
        ingest(**given)
    result = ingest(**given, skip_bad_boxes=True)
    assert (result["boxes"], result["skipped_boxes"]) == (3, 1)
    assert ingest.failed_items(result) == 1, "the command's exit status is 3"
    assert any("boxes left out, 1 time" in note and "(id 9)" in note for note in result["notes"])
    assert ingest(**given, skip_bad_boxes=True)["samples_added"] == 0


def test_depth_and_position_are_fields_of_the_samples(
    annotations: Callable[..., str], dataset_name: str
) -> None:
    def describe(coco: dict[str, Any]) -> None:
        coco["images"][0] |= {"depth": 871.5, "latitude": 36.7, "longitude": -122}
        coco["annotations"][0]["attributes"] = {"occluded": True}

    ingest_dataset(dataset_name, test_annotations=annotations(describe))
    dataset = fo.load_dataset(dataset_name)
    assert dataset.values("depth") == [871.5, None, None]
    assert dataset.bounds("latitude") == (36.7, 36.7)
    assert dataset.first().longitude == -122
    seen = dataset.filter_labels("ground_truth", fo.ViewField("occluded") == True)  # noqa: E712
    assert seen.values("ground_truth.detections.annotation_id") == [[1]]
