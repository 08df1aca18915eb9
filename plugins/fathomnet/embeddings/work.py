"""Finds what there is to embed in a dataset or view, and what has a vector already."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from ..dataset.columns import dataset_of, ids_in
from ..dataset.schema import boxes_path
from ..dataset.vectors import Fingerprint, fingerprint_path, vector_path
from ..models import IMAGE_PROCESSOR
from ..pictures.decoding import CROP_RULE, BoundingBox


class Fingerprints:
    """Fingerprints of the vectors of one model.

    Args:
        settings: everything about the model on which its vectors depend.
    """

    def __init__(self, settings: Mapping[str, str | int | float]) -> None:
        everything = {"crop_rule": CROP_RULE, **settings}
        self.model = _digest(everything)
        everything.pop(IMAGE_PROCESSOR, None)
        self._model_before = _digest(everything)

    def of(self, bounding_box: Sequence[float] | None) -> Fingerprint:
        """The fingerprint of a box's vector, or of a whole image's if the box is None."""
        return {"model": self.model, "box": _digest(bounding_box)}

    def match(self, found: Fingerprint | None, right: Fingerprint) -> bool:
        """Whether the vector beside which a fingerprint was found is still right.

        Vectors of earlier versions are kept, although their fingerprints do not say which of its
        image processors the library took.

        Args:
            found: None if there is no vector.
            right: the one that it is to have, by ``of``.
        """
        return found in (right, {**right, "model": self._model_before})


def _digest(value: object) -> str:
    # JSON writes the shortest digits that give the same float back, so that equal means equal.
    text = json.dumps(value, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


_LOST: Final = ("missing", "rejected")
"""Tombstones: images that a transfer could not get; see ``names.MediaStatus``."""


@dataclass(frozen=True, slots=True)
class Item:
    """A box, or a whole image.

    Attributes:
        id: of the label or, for a whole image, of the sample.
        bounding_box: None for a whole image.
        fingerprint: the one that its vector is to have.
    """

    id: str
    bounding_box: BoundingBox | None
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class ImageWork:
    """An image with something to embed.

    Attributes:
        sample_id: its id.
        filepath: its path in FiftyOne.
        lost: why its file is not even looked for; empty if it is.
        items: at least one.
        size: width and height in pixels, as the dataset knows them; None where it does not.
    """

    sample_id: str
    filepath: str
    lost: str
    items: tuple[Item, ...]
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """The work of a run.

    Attributes:
        images: the images with something to embed.
        items: the number of boxes or images to embed.
        present: how many already have a vector from the same model and the same box.
    """

    images: tuple[ImageWork, ...]
    items: int
    present: int


def find_work(view: Any, patches_field: str, field: str, fingerprints: Fingerprints) -> Work:
    """Compares the vectors that a dataset or view holds with those that it is to hold.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches.
        patches_field: the field of boxes; ``""`` for whole images.
        field: the attribute or field of the vectors, already declared.
        fingerprints: those of the model.
    """
    dataset = dataset_of(view)
    wanted: Collection[str] | None = None
    shown = dataset
    if view is not dataset:
        sample_ids, ids = ids_in(view, patches_field)
        wanted = {id_ for of_sample in ids for id_ in of_sample}
        shown = dataset.select(list(dict.fromkeys(sample_ids)))
    images: list[ImageWork] = []
    present = 0
    for sample_id, filepath, status, size, found in _rows(shown, patches_field, field):
        items = []
        for id_, bounding_box, fingerprint in found:
            if wanted is not None and id_ not in wanted:
                continue
            right = fingerprints.of(bounding_box)
            if fingerprints.match(fingerprint, right):
                present += 1
            else:
                items.append(Item(id_, bounding_box, right))
        if items:
            # What was missing may have come since: the status is of the last ingest.
            is_lost = status in _LOST and not Path(filepath).is_file()
            lost = f"media {status}" if is_lost else ""
            images.append(ImageWork(sample_id, filepath, lost, tuple(items), size))
    return Work(tuple(images), sum(len(image.items) for image in images), present)


_Found = tuple[str, BoundingBox | None, Fingerprint | None]
"""Id of a box or sample, its rectangle, and the fingerprint of its present vector."""


def _rows(
    view: Any, patches_field: str, field: str
) -> list[tuple[str, str, str, tuple[int, int] | None, list[_Found]]]:
    """Every sample: its id, file, media status, size, and its boxes or itself."""
    from fiftyone import ViewField

    path = vector_path(view, patches_field, field)
    ids, filepaths = view.values(["id", "filepath"])
    has_status = view.has_field("media_status")
    statuses = view.values("media_status") if has_status else [""] * len(ids)
    # A dataset of which no image was measured yet has no such fields.
    sides = [f"metadata.{side}" for side in ("width", "height")]
    is_known = all(dataset_of(view).get_field(side) is not None for side in sides)
    columns = view.values(sides) if is_known else [[None] * len(ids)] * 2
    sizes = [
        (width, height) if width and height else None
        for width, height in zip(*columns, strict=True)
    ]
    found: list[list[_Found]]
    if not patches_field:
        fingerprints = view.values(fingerprint_path(path))
        has_vector = view.values(ViewField(path).exists())
        columns = zip(ids, fingerprints, has_vector, strict=True)
        found = [[(id_, None, mark if there else None)] for id_, mark, there in columns]
    else:
        boxes = boxes_path(view, patches_field)
        attributes = ("id", "bounding_box", fingerprint_path(field))
        columns = view.values([f"{boxes}.{name}" for name in attributes])
        has_vector = view.values(ViewField(boxes).map(ViewField(field).exists()))
        found = [
            [
                (id_, box or [], mark if there else None)
                for id_, box, mark, there in zip(*(one or () for one in of_sample), strict=True)
            ]
            for of_sample in zip(*columns, has_vector, strict=True)
        ]
    return list(zip(ids, filepaths, statuses, sizes, found, strict=True))
