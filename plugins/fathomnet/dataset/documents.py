"""Makes samples and labels as the documents that FiftyOne stores, with lasting ids.

An id is made from the catalog's own number: a second run, another machine or two people at once
give a box the same id, so nothing is ever written twice.
"""

from __future__ import annotations

import mimetypes
import zlib
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from ..fields import ANNOTATION_ID, GROUND_TRUTH
from ..files.coco_values import lasting_url

if TYPE_CHECKING:
    from ..catalog import BoxRecord, ImageRecord

Document = dict[str, Any]


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


def sample_document(
    image: ImageRecord, split: str, filepath: str, media_uri: str | None, media_status: str
) -> Document:
    """An image of a catalog and its boxes as the document of a FiftyOne sample.

    Args:
        image: the image's record.
        split: the split to which it belongs, which is also its tag.
        filepath: what FiftyOne opens.
        media_uri: the stored object, or None.
        media_status: one of ``fields.MediaStatus``.

    Returns:
        The document without what depends on its dataset, which ``stamped`` adds. None is left
        out, as FiftyOne does.
    """
    _id = lasting_id(id_prefix("sample", split), image.image_id)
    document: Document = {
        "_id": _id,
        "filepath": filepath,
        "tags": [split],
        "metadata": _metadata(image),
        "_media_type": "image",
        "_rand": _rand(_id),
        "split": split,
        "image_id": image.image_id,
        "file_name": image.file_name,
        "source_url": image.source_url and lasting_url(image.source_url),
        "media_uri": media_uri,
        "media_status": media_status,
        "date_captured": image.date_captured,
        "vehicle": image.vehicle,
        "dive": image.dive,
        GROUND_TRUTH: _detections(image.boxes, id_prefix("box", split)),
    }
    return {key: value for key, value in document.items() if value is not None}


def stamped(document: Document, dataset_id: ObjectId, moment: datetime) -> Document:
    """Adds what FiftyOne adds to a sample's document when it is added to a dataset."""
    document["_dataset_id"] = dataset_id
    document["created_at"] = document["last_modified_at"] = moment
    return document


def _detections(boxes: tuple[BoxRecord, ...], prefix: bytes) -> Document:
    return {"_cls": "Detections", "detections": [_box_document(box, prefix) for box in boxes]}


def _box_document(box: BoxRecord, prefix: bytes) -> Document:
    document: Document = {
        "_id": lasting_id(prefix, box.annotation_id),
        "_cls": "Detection",
        "attributes": {},
        "tags": [],
        "label": box.label,
        "bounding_box": box.bounding_box,
        ANNOTATION_ID: box.annotation_id,
        "area": box.area,
        "iscrowd": box.iscrowd,
    }
    if box.label is None:
        del document["label"]
    return document


def _metadata(image: ImageRecord) -> Document:
    mime_type = _mime_type(image.file_name.rpartition(".")[2])
    known = {"mime_type": mime_type} if mime_type else {}
    # In FiftyOne's own order: MongoDB holds documents of another order unequal.
    return {"_cls": "ImageMetadata", **known, "width": image.width, "height": image.height}


@cache
def _mime_type(extension: str) -> str | None:
    return mimetypes.guess_type(f"image.{extension}")[0]


def _rand(_id: ObjectId) -> float:
    # FiftyOne draws it from [0.999, 1) and shuffles by it; from the id, a seeded ``take`` gives
    # everybody the same images.
    return 0.999 + zlib.crc32(_id.binary) / 2**32 * 0.001
