"""What an evaluation writes on images and boxes: the marks that FiftyOne's own would make."""

from collections.abc import Iterator
from typing import Any, Final

from ..dataset import writes
from ..dataset.columns import dataset_of
from ..dataset.documents import Document, ImageChange
from ..names import distance_attribute
from .boxes import EvaluatedBoxes
from .scoring.judging import Marks

COUNTS: Final = ("tp", "fp", "fn")


def mark_names(eval_key: str) -> tuple[str, str, str, str]:
    """The attributes of a box, in the order of ``BoxMarks``."""
    return eval_key, f"{eval_key}_id", f"{eval_key}_iou", distance_attribute(eval_key)


def mark_schema(eval_key: str, gt_field: str, pred_field: str) -> dict[str, Any]:
    """The fields that the marks need: FiftyOne's own, and the distance."""
    import fiftyone as fo

    kinds = (fo.StringField, fo.StringField, fo.FloatField, fo.IntField)
    schema: dict[str, Any] = {f"{eval_key}_{name}": fo.IntField() for name in COUNTS}
    for field in (gt_field, pred_field):
        for name, kind in zip(mark_names(eval_key), kinds, strict=True):
            schema[f"{field}.detections.{name}"] = kind()
    return schema


def write_marks(samples: Any, boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[int]:
    """Writes the marks, batch by batch, and yields how many images each batch was.

    Args:
        samples: the dataset or view that the boxes were read from.
        boxes: what was read.
        marks: what is to be written.
        eval_key: key of the evaluation.

    Raises:
        DatasetError: somebody removed boxes since they were read.
    """
    changes = _changes(boxes, marks, eval_key)
    lost = "removed while they were evaluated"
    yield from writes.change_images(dataset_of(samples), changes, lost=lost)


def _changes(boxes: EvaluatedBoxes, marks: Marks, eval_key: str) -> Iterator[ImageChange]:
    """The images that get something, each with what."""
    names = mark_names(eval_key)
    sides = []
    for side, which in ((boxes.truth, marks.truth), (boxes.predictions, marks.predictions)):
        given: dict[int, dict[str, Document]] = {}
        written = zip(which.verdicts, which.partners, which.ious, which.distances, strict=True)
        owners = side.boxes.owners.tolist()
        for owner, id_, values in zip(owners, side.boxes.ids, written, strict=True):
            if values[0] is not None:
                given.setdefault(owner, {})[id_] = dict(zip(names, values, strict=True))
        sides.append((f"{side.field}.detections", given, side.stored_ids))
    counts_of = [f"{eval_key}_{name}" for name in COUNTS]
    images = zip(boxes.sample_ids, boxes.modified, marks.counts, strict=True)
    for number, (sample_id, read_at, counts) in enumerate(images):
        if counts is not None:
            yield ImageChange(
                sample_id,
                fields=dict(zip(counts_of, counts, strict=True)),
                boxes={path: given.get(number, {}) for path, given, _ in sides},
                places={
                    path: {id_: place for place, id_ in enumerate(ids[number])}
                    for path, _, ids in sides
                },
                read_at=read_at,
            )
