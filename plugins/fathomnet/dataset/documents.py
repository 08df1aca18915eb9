"""Samples, predictions and vectors as FiftyOne itself would store them."""

from __future__ import annotations

import io
import mimetypes
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cache
from hashlib import sha256
from math import isnan
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
from bson import ObjectId

from ..errors import DatasetError
from ..files.safe_values import lasting_url
from ..names import (
    ANNOTATION_ID,
    GROUND_TRUTH,
    MARGIN,
    OWN_RANK,
    PROBABILITIES,
    SECOND_CONFIDENCE,
    SECOND_LABEL,
)
from ..prediction_files import Predictions

if TYPE_CHECKING:
    from ..catalog import ImageRecord


AS_THEY_ARE: Final = 0
"""zlib's level for embeddings, which look random and would hardly become a tenth smaller."""


class VectorPacker:
    """Packs rows of a matrix as stored vectors.

    The file's header is the same for every row, so it is made only once.

    Args:
        matrix: (N, D), N at least 1; kept as float32.
        level: zlib's compression level, -1 for its default; FiftyOne reads any.
    """

    def __init__(self, matrix: npt.NDArray[np.float32], level: int = -1) -> None:
        self._matrix = np.ascontiguousarray(matrix, dtype=np.float32)
        self._level = level
        sample = io.BytesIO()
        np.save(sample, self._matrix[0], allow_pickle=False)
        self._header = sample.getvalue()[: -self._matrix[0].nbytes]

    def stored(self, row: int) -> bytes:
        """The bytes of one row."""
        return zlib.compress(self._header + self._matrix[row].tobytes(), self._level)


class VectorUnpacker:
    """Builds a matrix from stored vectors, the first of which sets their length."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._header = b""
        self._dimensions = 0

    def add(self, stored: bytes) -> None:
        """Appends the vector of a document.

        Raises:
            DatasetError: its length differs from that of the vectors before it.
        """
        raw = zlib.decompress(stored)
        if self._header and raw.startswith(self._header):
            self._rows += memoryview(raw)[len(self._header) :]
            return
        self.add_array(np.load(io.BytesIO(raw), allow_pickle=False))
        if raw.endswith(self._rows[-4 * self._dimensions :]):
            self._header = raw[: -4 * self._dimensions]

    def add_array(self, vector: npt.ArrayLike) -> None:
        """Appends a vector that is already an array; raises the same errors."""
        row = np.asarray(vector, dtype=np.float32)
        self._dimensions = self._dimensions or row.size
        if row.ndim != 1 or row.size != self._dimensions:
            raise DatasetError(
                f"a vector of shape {row.shape} stands beside others of {self._dimensions} numbers"
            )
        self._rows += row.tobytes()

    def matrix(self) -> npt.NDArray[np.float32]:
        """All vectors, (N, D), C-contiguous; (0, 0) without any."""
        rows = np.frombuffer(self._rows, dtype=np.float32)
        return rows.reshape(-1, self._dimensions) if self._dimensions else rows.reshape(0, 0)


Document = dict[str, Any]

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImageChange:
    """What one image gets.

    Attributes:
        sample_id: its id.
        fields: values of its fields, as MongoDB stores them.
        boxes: by the path of a list of boxes and the box's id, the attributes that the box gets.
            Boxes that get the very same mapping are written together, which is much cheaper.
        places: by path and id, where in its list each of these boxes was seen: the image is left
            alone if any is no longer there. Boxes of a path that is absent are found by their ids,
            and those that are not there are left out.
        read_at: ``last_modified_at`` of the image when its boxes were seen; while it still has
            that, they are where they were, and are not looked for one by one.
    """

    sample_id: str
    fields: Attributes = field(default_factory=dict)
    boxes: Mapping[str, Mapping[str, Attributes]] = field(default_factory=dict)
    places: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    read_at: datetime | None = None


def now() -> datetime:
    """The current time as FiftyOne stores it: UTC, without a zone."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


@cache
def id_prefix(kind: str, *scope: str) -> bytes:
    """Four bytes that keep ids of different kinds and scopes apart.

    Args:
        kind: what is numbered: ``sample``, ``box``, ``prediction`` or ``primary label``.
        scope: within which the numbers are unique, for example the split.
    """
    return sha256(" ".join(("fathomnet", kind, *scope)).encode()).digest()[:4]


def lasting_id(prefix: bytes, number: int) -> ObjectId:
    """The id of one numbered thing: its prefix and its number, eight bytes, big-endian."""
    return ObjectId(prefix + number.to_bytes(8, "big"))


_IF_KNOWN: Final = ("metadata", "source_url", "media_uri", "date_captured", "vehicle", "dive")
"""Fields that a document does not have where they are None, as FiftyOne writes it."""


def sample_document(
    image: ImageRecord,
    split: str,
    filepath: str,
    media_uri: str | None,
    media_status: str,
    crops_field: str = "",
) -> Document:
    """An image of a catalog and its boxes as the document of a FiftyOne sample.

    Args:
        image: the image's record.
        split: the split to which it belongs, which is also its tag.
        filepath: what FiftyOne opens.
        media_uri: the stored object, or None.
        media_status: one of ``names.MediaStatus``.
        crops_field: takes the one label of the image; empty where it has boxes.

    Returns:
        The document without what depends on its dataset, which ``stamped`` adds. None is left
        out, as FiftyOne does.
    """
    _id = lasting_id(id_prefix("sample", split), image.image_id)
    prefix = id_prefix("box", split)
    labels: list[Document] = []
    for box in image.boxes:
        box_id = lasting_id(prefix, box.annotation_id)
        others = box.others
        label: Document
        # In FiftyOne's own order: MongoDB holds documents of another order unequal.
        if crops_field:
            label = {"_id": box_id, "_cls": "Classification", "tags": [], "label": box.label}
            if others:
                label |= {name: value for name, value in others if name == "confidence"}
            label[ANNOTATION_ID] = box.annotation_id
        else:
            label = {
                "_id": box_id,
                "_cls": "Detection",
                "attributes": {},
                "tags": [],
                "label": box.label,
                "bounding_box": box.bounding_box,
                ANNOTATION_ID: box.annotation_id,
                "area": box.area,
                "iscrowd": box.iscrowd,
            }
        label.update(others)
        if box.label is None:
            del label["label"]
        labels.append(label)
    metadata: Document | None = None
    if image.width:
        mime_type = _mime_type(image.file_name.rpartition(".")[2])
        known = {"mime_type": mime_type} if mime_type else {}
        metadata = {"_cls": "ImageMetadata", **known, "width": image.width, "height": image.height}
    document: Document = {
        "_id": _id,
        "filepath": filepath,
        "tags": [split],
        "metadata": metadata,
        "_media_type": "image",
        # FiftyOne draws it from [0.999, 1) and shuffles by it; from the id, a seeded ``take`` gives
        # everybody the same images.
        "_rand": 0.999 + zlib.crc32(_id.binary) / 2**32 * 0.001,
        "split": split,
        "image_id": image.image_id,
        "file_name": image.file_name,
        "source_url": image.source_url and lasting_url(image.source_url),
        "media_uri": media_uri,
        "media_status": media_status,
        "date_captured": image.date_captured,
        "vehicle": image.vehicle,
        "dive": image.dive,
        crops_field or GROUND_TRUTH: labels[0]
        if crops_field
        else {"_cls": "Detections", "detections": labels},
    }
    for name in _IF_KNOWN:
        if document[name] is None:
            del document[name]
    document.update(image.others)
    return document


def stamped(document: Document, dataset_id: ObjectId, moment: datetime) -> Document:
    """Adds what FiftyOne adds to a sample's document when it is added to a dataset."""
    document["_dataset_id"] = dataset_id
    document["created_at"] = document["last_modified_at"] = moment
    return document


@cache
def _mime_type(extension: str) -> str | None:
    return mimetypes.guess_type(f"image.{extension}")[0]


_WRITTEN: Final = (
    *("label", "bounding_box", ANNOTATION_ID, "confidence", PROBABILITIES),
    *(SECOND_LABEL, SECOND_CONFIDENCE, MARGIN),
)
"""The attributes that an import writes on a box, besides the rank."""


class PredictionDocuments:
    """The predictions of one file, image by image.

    Args:
        table: the file's rows.
        field: the field for the predictions.
        split: the split of their boxes.
        of_crops: whether each image has one label, and no boxes.
    """

    def __init__(self, table: Predictions, field: str, split: str, of_crops: bool = False) -> None:
        self._of_crops = of_crops
        self._row = {id_: row for row, id_ in enumerate(table.annotation_id.tolist())}
        self._prefix = id_prefix("prediction", field, split)
        self._labels = list(table.concept_name)
        self._confidences = None if table.confidence is None else table.confidence.tolist()
        self._ranks = None if table.rank is None else list(table.rank)
        self._vectors = None if table.probabilities is None else VectorPacker(table.probabilities)
        second = {
            SECOND_LABEL: table.second_label,
            SECOND_CONFIDENCE: table.second_confidence,
            MARGIN: table.margin,
        }
        given = {key: column.tolist() for key, column in second.items() if column is not None}
        self._second = {
            key: [None if isinstance(one, float) and isnan(one) else one for one in column]
            for key, column in given.items()
        }

    def of_image(
        self, annotation_ids: Sequence[int | None], bounding_boxes: Sequence[Sequence[float]]
    ) -> Document | None:
        """The field's value for one image; None if the file names none of its boxes."""
        boxes = []
        for annotation_id, bounding_box in zip(annotation_ids, bounding_boxes, strict=True):
            row = None if annotation_id is None else self._row.get(annotation_id)
            if annotation_id is None or row is None:
                continue
            document: Document = {"_id": lasting_id(self._prefix, annotation_id)}
            # In FiftyOne's own order: MongoDB holds documents of another order unequal.
            if self._of_crops:
                document |= {"_cls": "Classification", "tags": [], "label": self._labels[row]}
            else:
                document |= {
                    "_cls": "Detection",
                    "attributes": {},
                    "tags": [],
                    "label": self._labels[row],
                    "bounding_box": bounding_box,
                }
            if self._confidences is not None:
                document["confidence"] = self._confidences[row]
            document[ANNOTATION_ID] = annotation_id
            if self._ranks is not None:
                document[OWN_RANK] = self._ranks[row]
            if self._vectors is not None:
                document[PROBABILITIES] = self._vectors.stored(row)
            for key, column in self._second.items():
                if column[row] is not None:
                    document[key] = column[row]
            boxes.append(document)
        if self._of_crops:
            return boxes[0] if boxes else None
        return {"_cls": "Detections", "detections": boxes} if boxes else None


def detections_document(
    scope: str,
    labels: Sequence[str],
    rectangles: Sequence[Sequence[float]],
    confidences: Sequence[float | None],
) -> Document:
    """A field's value for the boxes that a detector found on one image, perhaps none.

    Args:
        scope: what the boxes' ids follow from, with their order: the field and the sample.
        labels: names of concepts.
        rectangles: relative left, top, width and height.
        confidences: None for a box without one.
    """
    boxes = []
    for number, label in enumerate(labels):
        document: Document = {
            "_id": ObjectId(sha256(f"fathomnet detection {scope} {number}".encode()).digest()[:12]),
            "_cls": "Detection",
            "attributes": {},
            "tags": [],
            "label": label,
            "bounding_box": rectangles[number],
        }
        if confidences[number] is not None:
            document["confidence"] = confidences[number]
        boxes.append(document)
    return {"_cls": "Detections", "detections": boxes}


def labels_of(value: Document | None) -> Sequence[Document]:
    """The labels in the value of a field: its boxes, or the one label of a crop."""
    if value is None:
        return ()
    return value.get("detections") or () if value.get("_cls") == "Detections" else (value,)


def is_same(wanted: Document | None, there: Document | None) -> bool:
    """Whether a value of the field already says what the file says.

    Attributes that an import does not write are ignored: ranks, tags or marks that a box has got
    since do not make it another prediction.

    Args:
        wanted: the value from ``PredictionDocuments.of_image`` or ``detections_document``.
        there: the value that the sample has.
    """
    if wanted is None or there is None:
        return wanted is there
    pairs = labels_of(wanted), labels_of(there)
    return len(pairs[0]) == len(pairs[1]) and all(
        # Where the file gives no rank, the taxonomy's may have been written since.
        a.get(OWN_RANK) in (None, b.get(OWN_RANK))
        and all(a.get(name) == b.get(name) for name in _WRITTEN)
        for a, b in zip(*pairs, strict=True)
    )
