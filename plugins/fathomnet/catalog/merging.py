"""Several COCO files of one split, read as one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

from ..errors import Fault, InputError
from .catalog import Catalog, ImageRecord
from .values import Members, common_type

_FIELDS: Final = ("image_fields", "box_fields")


def merge_catalogs(catalogs: Sequence[Catalog]) -> Catalog:
    """The images and boxes of several files of a split.

    An image that two files list by the same name is one image with the boxes of both. Where a file
    uses the number of another's image or box, its own are numbered on from the others'.

    Args:
        catalogs: one or more.

    Raises:
        InputError: two files give an image different sizes.
    """
    whole, *others = catalogs
    for other in others:
        whole = _joined(whole, other)
    if others:
        digest = sha256(" ".join(one.sha256 for one in catalogs).encode()).hexdigest()
        whole = replace(whole, sha256=digest, files=tuple(one.sha256 for one in catalogs))
    return whole


def _joined(one: Catalog, other: Catalog) -> Catalog:
    image_fields, box_fields = (
        _merged_fields(getattr(one, name), getattr(other, name)) for name in _FIELDS
    )
    spelling = {name.casefold(): name for name in one.concepts}
    images = {image.file_name.casefold(): image for image in one.images}
    new = [image for image in other.images if image.file_name.casefold() not in images]
    after_images = _first_free((image.image_id for image in one.images), (i.image_id for i in new))
    after_boxes = _first_free(_box_ids(one.images), _box_ids(other.images))
    faults = []
    for image in other.images:
        boxes = tuple(
            replace(
                box,
                annotation_id=box.annotation_id + after_boxes,
                label=box.label and spelling.get(box.label.casefold(), box.label),
            )
            for box in image.boxes
        )
        known = images.get(image.file_name.casefold())
        if known is None:
            number = image.image_id + after_images
            known = replace(image, image_id=number, boxes=())
        elif (known.width, known.height) != (image.width, image.height):
            here, there = (f"{i.width} x {i.height} pixels" for i in (image, known))
            faults.append(Fault(image.file_name, f"has {here}, and {there} in {one.source}"))
        images[image.file_name.casefold()] = replace(known, boxes=(*known.boxes, *boxes))
    if faults:
        raise InputError(other.source, faults, "Name files that agree on their images.")
    notes = [
        f"{other.source}: its {kind} were numbered on from {after:,}, because the numbers are taken"
        for kind, after in (("images", after_images), ("boxes", after_boxes))
        if after
    ]
    licences = {licence.licence_id: licence for licence in (*other.licences, *one.licences)}
    names = (spelling.get(name.casefold(), name) for name in other.concepts)
    return replace(
        one,
        source=f"{one.source}, {other.source}",
        images=tuple(_converted(image, image_fields, box_fields) for image in images.values()),
        concepts=tuple(dict.fromkeys((*one.concepts, *names))),
        licences=tuple(licences.values()),
        statements=tuple(dict.fromkeys((*one.statements, *other.statements))),
        notes=(*one.notes, *other.notes),
        told=(*one.told, *notes, *(f"{other.source}: {note}" for note in other.told)),
        skipped=(*one.skipped, *other.skipped),
        skipped_boxes=one.skipped_boxes + other.skipped_boxes,
        numbered=one.numbered or other.numbered or bool(after_boxes),
        image_fields=image_fields,
        box_fields=box_fields,
    )


def _box_ids(images: Iterable[ImageRecord]) -> Iterable[int]:
    return (box.annotation_id for image in images for box in image.boxes)


def _first_free(taken: Iterable[int], wanted: Iterable[int]) -> int:
    """What is added to numbers so that none is taken; 0 where none is."""
    numbers = set(taken)
    return 0 if numbers.isdisjoint(wanted) else max(numbers) + 1


def _merged_fields(one: Mapping[str, type], other: Mapping[str, type]) -> dict[str, type]:
    return {
        name: common_type({fields[name] for fields in (one, other) if name in fields})
        for name in (*one, *(name for name in other if name not in one))
    }


def _converted(
    image: ImageRecord, image_fields: Mapping[str, type], box_fields: Mapping[str, type]
) -> ImageRecord:
    def members(others: Members, kinds: Mapping[str, type]) -> Members:
        return tuple((name, kinds[name](value)) for name, value in others)

    boxes = tuple(replace(box, others=members(box.others, box_fields)) for box in image.boxes)
    return replace(image, others=members(image.others, image_fields), boxes=boxes)
