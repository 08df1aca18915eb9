"""Makes predictions as the documents that FiftyOne stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..fields import ANNOTATION_ID, OWN_RANK, PROBABILITIES
from ..predictions import Predictions
from .documents import Document, id_prefix, lasting_id
from .stored_vectors import VectorPacker

_WRITTEN: Final = ("label", "bounding_box", ANNOTATION_ID, "confidence", PROBABILITIES)
"""The attributes that an import writes on a box, besides the rank."""


class PredictionDocuments:
    """The predicted boxes of one file, image by image.

    Args:
        table: the file's rows.
        field: the field for the predictions.
        split: the split of their boxes.
    """

    def __init__(self, table: Predictions, field: str, split: str) -> None:
        self._row = {id_: row for row, id_ in enumerate(table.annotation_id.tolist())}
        self._prefix = id_prefix("prediction", field, split)
        self._labels = list(table.concept_name)
        self._confidences = None if table.confidence is None else table.confidence.tolist()
        self._ranks = None if table.rank is None else list(table.rank)
        self._vectors = None if table.probabilities is None else VectorPacker(table.probabilities)

    def of_image(
        self, annotation_ids: Sequence[int | None], bounding_boxes: Sequence[Sequence[float]]
    ) -> Document | None:
        """The field's value for one image; None if the file names none of its boxes."""
        boxes = [
            self._document(id_, self._row[id_], bounding_box)
            for id_, bounding_box in zip(annotation_ids, bounding_boxes, strict=True)
            if id_ is not None and id_ in self._row
        ]
        return {"_cls": "Detections", "detections": boxes} if boxes else None

    def _document(self, annotation_id: int, row: int, bounding_box: Sequence[float]) -> Document:
        document: Document = {
            "_id": lasting_id(self._prefix, annotation_id),
            "_cls": "Detection",
            "attributes": {},
            "tags": [],
            "label": self._labels[row],
            "bounding_box": bounding_box,
        }
        # In FiftyOne's own order: MongoDB holds documents of another order unequal.
        if self._confidences is not None:
            document["confidence"] = self._confidences[row]
        document[ANNOTATION_ID] = annotation_id
        if self._ranks is not None:
            document[OWN_RANK] = self._ranks[row]
        if self._vectors is not None:
            document[PROBABILITIES] = self._vectors.stored(row)
        return document


def is_same(wanted: Document | None, there: Document | None) -> bool:
    """Whether a value of the field already says what the file says.

    Attributes that an import does not write are ignored: ranks, tags or marks that a box has got
    since do not make it another prediction.

    Args:
        wanted: the value from ``PredictionDocuments.of_image``.
        there: the value that the sample has.
    """
    if wanted is None or there is None:
        return wanted is there
    a, b = wanted["detections"], there.get("detections") or ()
    return len(a) == len(b) and all(map(_is_same_box, a, b))


def _is_same_box(wanted: Document, there: Document) -> bool:
    # Where the file gives no rank, the taxonomy's may have been written since.
    same_rank = wanted.get(OWN_RANK) in (None, there.get(OWN_RANK))
    return same_rank and all(wanted.get(name) == there.get(name) for name in _WRITTEN)
