"""Somebody else edits the dataset in the App while a stage is in the middle of it."""

from __future__ import annotations

from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.collection import dataset_id
from fathomnet_voxel51.errors import DatasetError
from fathomnet_voxel51.relabelling.journal import journals_of

from tests.faults import stages
from tests.faults.held import Held, alone, held
from tests.faults.stages import CASES, NAME, NEW_LABEL, OF_NAME, Case, Files, dataset

pytestmark = pytest.mark.usefixtures("nothing_left")

OWN = "Sebastolobus"
"""The label that the other user gives."""

RECTANGLE = [0.5, 0.5, 0.2, 0.2]


def image(number: int) -> Any:
    return dataset().match(fo.ViewField("image_id") == number).first()


def box(number: int, place: int) -> Any:
    return image(number).ground_truth.detections[place]


def edit(number: int, place: int, label: str = OWN, **values: Any) -> None:
    """Changes a box as the App does: loads the sample, changes the label, saves the sample."""
    sample = image(number)
    detection = sample.ground_truth.detections[place]
    detection.label = label
    for name, value in values.items():
        detection[name] = value
    sample.save()


def remove(number: int, place: int) -> None:
    sample = image(number)
    del sample.ground_truth.detections[place]
    sample.save()


def add(number: int) -> None:
    sample = image(number)
    new = fo.Detection(label=OWN, bounding_box=RECTANGLE)
    sample.ground_truth.detections.append(new)
    sample.save()


def placed(label: str) -> list[tuple[int, int]]:
    """The boxes that have a label, by image and place."""
    columns = dataset().values(["image_id", "ground_truth.detections.label"])
    rows = zip(*columns, strict=True)
    return [(n, place) for n, labels in rows for place, one in enumerate(labels) if one == label]


@pytest.mark.fault(
    operator="relabel_boxes",
    happens="somebody edits, deletes and adds boxes in the middle",
    end="every edit stands and is counted as a conflict; the journal undoes the other boxes",
)
def test_edits_in_the_middle_of_a_relabelling_stand(files: Files, either_way: str) -> None:
    alone(stages.prepare, files, (stages.ingest, stages.ranks))
    before = dataset().values("ground_truth.detections.label")
    with held(stages.relabel, files, point=OF_NAME["relabel_boxes"].middle(either_way)) as running:
        (done, place), *_ = placed(NEW_LABEL)
        left = [number for number in range(1, 61) if box(number, 0).label != NEW_LABEL]
        edit(done, place)
        edit(left[0], 0)
        remove(left[1], 0)
        add(left[2])
    result = running.result()
    assert (result["changed"], result["conflicts"]) == (177, 3)
    assert box(done, place).label == box(left[0], 0).label == box(left[2], 3).label == OWN
    assert len(image(left[1]).ground_truth.detections) == 2
    assert [one.stage for one in journals_of(dataset())] == ["done"]
    assert stages.operator("undo_relabel")["restored"] == 177
    before[done - 1][place] = before[left[0] - 1][0] = OWN
    del before[left[1] - 1][0]
    before[left[2] - 1].append(OWN)
    assert dataset().values("ground_truth.detections.label") == before


@pytest.mark.fault(
    operator="undo_relabel",
    happens="somebody edits, deletes and adds boxes in the middle",
    end="every edit stands and is counted as a conflict; the other boxes are restored",
)
def test_edits_in_the_middle_of_an_undo_stand(files: Files, either_way: str) -> None:
    alone(stages.prepare, files, (stages.ingest, stages.ranks, stages.relabel))
    with held(stages.undo, files, point=OF_NAME["undo_relabel"].middle(either_way)) as running:
        (first, place), (second, other), *_ = placed(NEW_LABEL)
        edit(first, place)
        add(first)
        remove(second, other)
    result = running.result()
    assert (result["restored"], result["conflicts"]) == (178, 2)
    assert box(first, place).label == box(first, 3).label == OWN
    assert len(image(second).ground_truth.detections) == 2
    assert placed(NEW_LABEL) == []
    assert [one.stage for one in journals_of(dataset())] == ["undone"]


@pytest.mark.fault(
    operator="add_primary_label",
    happens="somebody relabels boxes in the middle",
    end="the edits stand, and the primary label is that of the boxes as they are",
)
def test_a_primary_label_is_that_of_boxes_edited_in_the_middle(
    files: Files, either_way: str
) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    with held(
        stages.primary_label, files, point=OF_NAME["add_primary_label"].middle(either_way)
    ) as running:
        for place in range(3):
            edit(5, place)
        remove(6, 0)
    assert running.result() == {"labelled": 60, "unlabelled": 0}
    assert image(5).primary_label.label == OWN
    assert {one.label for one in image(5).ground_truth.detections} == {OWN}
    assert len(image(6).ground_truth.detections) == 2


@pytest.mark.fault(
    operator="import_predictions",
    happens="somebody edits, deletes and adds boxes, and deletes an image, in the middle",
    end="every edit stands, and the deleted image stays away",
)
def test_edits_in_the_middle_of_an_import_stand(files: Files, either_way: str) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    with held(
        stages.import_, files, point=OF_NAME["import_predictions"].middle(either_way)
    ) as running:
        for number in (1, 60):
            edit(number, 0)
            remove(number, 1)
            add(number)
        fo.load_dataset(NAME).delete_samples(image(59).id)
    running.result()
    for number in (1, 60):
        labels = [one.label for one in image(number).ground_truth.detections]
        assert (labels[0], len(labels), labels[-1]) == (OWN, 3, OWN)
    assert len(dataset()) == 59 and dataset().exists("model_predictions").count() == 59


@pytest.mark.fault(
    operator="compute_embeddings",
    happens="somebody moves, relabels, deletes and adds boxes in the middle",
    end="every edit stands; the next run embeds the moved and the new boxes alone",
)
def test_edits_in_the_middle_of_an_embedding_stand(files: Files, either_way: str) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    with held(
        stages.embed, files, point=OF_NAME["compute_embeddings"].middle(either_way)
    ) as running:
        for number in (1, 60):
            edit(number, 0, bounding_box=RECTANGLE)
            remove(number, 1)
            add(number)
    running.result()
    for number in (1, 60):
        boxes = image(number).ground_truth.detections
        assert boxes[0].bounding_box == RECTANGLE and boxes[0].label == OWN
        assert len(boxes) == 3 and boxes[-1].label == OWN
    again = alone(stages.embed, files)
    assert (again["embedded"], again["present"], again["skipped"]) == (4, 176, 0)


@pytest.mark.fault(
    operator="evaluate_predictions",
    happens="somebody deletes boxes in the middle, of images that have no verdicts yet",
    end="it says so and scores nothing; run again, it ends with the boxes that are there",
)
def test_boxes_that_are_deleted_in_the_middle_of_an_evaluation_are_missed(
    files: Files, either_way: str
) -> None:
    case = OF_NAME["evaluate_predictions"]
    alone(stages.prepare, files, case.before)
    running = Held(case.stage, files, point=case.middle(either_way))
    running.wait()
    remove(60, 1)
    edit(58, 0)
    running.go_on()
    ended = running.end()
    assert isinstance(ended, DatasetError), repr(ended)
    assert "boxes of 1 images were removed while they were evaluated; run it again" in str(ended)
    assert box(58, 0).label == OWN
    assert len(image(60).ground_truth.detections) == 2
    assert alone(case.stage, files)["boxes"] == 179


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="images that are written already go missing in the middle",
    end="it says so and does not call the split complete; run again, it is whole",
)
def test_images_that_go_missing_in_the_middle_of_an_ingest_are_missed(
    files: Files, either_way: str
) -> None:
    alone(stages.delete)
    running = Held(stages.ingest, files, point=OF_NAME["ingest_dataset"].middle(either_way))
    running.wait()
    dataset().delete_samples([image(1).id, image(2).id])
    running.go_on()
    ended = running.end()
    assert isinstance(ended, DatasetError), repr(ended)
    assert "2 images of the train split that were written are not in it any more" in str(ended)
    again = alone(stages.ingest, files)
    assert (again["samples_added"], again["samples"]) == (2, 60)


def marked(happens: str, end: str, *names: str) -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=pytest.mark.fault(operator=case.name, happens=happens, end=end),
        )
        for case in CASES
        if case.name in names
    ]


@pytest.mark.parametrize(
    "case",
    marked(
        "somebody deletes the dataset in the middle",
        "it says so, and leaves nothing behind",
        "import_predictions",
        "compute_embeddings",
        "evaluate_predictions",
        "relabel_boxes",
        "undo_relabel",
        "add_primary_label",
    ),
)
def test_a_dataset_that_is_deleted_in_the_middle_is_reported(
    case: Case, files: Files, either_way: str
) -> None:
    alone(stages.prepare, files, case.before)
    collection = dataset()._sample_collection
    running = Held(case.stage, files, point=case.middle(either_way))
    running.wait()
    fo.delete_dataset(NAME)
    running.go_on()
    ended = running.end()
    assert isinstance(ended, DatasetError), repr(ended)
    assert str(ended).startswith(f"dataset {NAME!r} was deleted or recreated by somebody else")
    assert not fo.dataset_exists(NAME)
    assert collection.count_documents({}) == 0


FIELDS = {
    "import_predictions": "model_predictions",
    "compute_embeddings": "ground_truth.detections.clip_embedding",
}


@pytest.mark.parametrize(
    "case",
    marked(
        "somebody deletes the field that it fills in the middle",
        "it says so, and no value is left without a field; run again, it makes the field anew",
        *FIELDS,
    ),
)
def test_a_field_that_is_deleted_in_the_middle_is_reported(
    case: Case, files: Files, either_way: str
) -> None:
    alone(stages.prepare, files, case.before)
    running = Held(case.stage, files, point=case.middle(either_way))
    running.wait()
    dataset().delete_sample_field(FIELDS[case.name])
    running.go_on()
    ended = running.end()
    assert isinstance(ended, DatasetError), repr(ended)
    assert str(ended).startswith(f"{FIELDS[case.name]!r} of dataset {NAME!r} was deleted by")
    there = dataset()
    assert there.get_field(FIELDS[case.name]) is None
    assert there._sample_collection.count_documents({FIELDS[case.name]: {"$exists": True}}) == 0
    alone(case.stage, files)
    assert dataset().count(FIELDS[case.name]) == (60 if case.name == "import_predictions" else 180)


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="somebody renames the dataset in the middle",
    end="it is whole, under its new name",
)
def test_a_dataset_that_is_renamed_in_the_middle_is_finished(files: Files, either_way: str) -> None:
    alone(stages.delete)
    with held(stages.ingest, files, point=OF_NAME["ingest_dataset"].middle(either_way)) as running:
        renamed = dataset()
        renamed.name = f"{NAME}-renamed"
    try:
        assert running.result()["samples"] == 60
        there = fo.load_dataset(f"{NAME}-renamed", reload=True)
        assert dataset_id(there) == dataset_id(renamed) and len(there) == 60
        assert there.get_run_info("ingest_train").config.complete is True
        assert not fo.dataset_exists(NAME)
    finally:
        fo.delete_dataset(f"{NAME}-renamed")
