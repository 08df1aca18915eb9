"""Cuts out a few boxes of each concept from their images."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from ..pictures.decoding import (
    BoxError,
    PictureError,
    cut_patch,
    open_picture,
    small_jpeg,
    window_of,
)
from ..pictures.local import LocalMedia
from ..progress import Progress
from ..text import counted
from .blocks import Block, Content, Crop, Crops, Note, Section
from .counts import SHOWN

PER_CONCEPT: Final = 3
LOOKED_AT: Final = 30
"""The number of a concept's largest boxes among which those with an image at hand are sought."""
_LARGEST: Final = (288, 96)
"""Pixels of a crop in the card."""

_OfImage = dict[int, list[tuple[str, tuple[float, ...]]]]
"""Labels and rectangles of boxes, by the position of their image."""


def crop_section(dataset: Any, content: Content, progress: Progress) -> Section:
    """Shows the largest boxes of each concept as examples, and says what cannot be shown.

    Args:
        dataset: a FiftyOne dataset.
        content: what it holds.
        progress: called with the share done and a label.
    """
    of_image, absent = _largest_boxes(content)
    crops: list[Crop] = []
    media = LocalMedia(dataset)
    problems = Counter[str]()
    for done, (place, boxes) in enumerate(sorted(of_image.items()), start=1):
        size = tuple(content.columns[f"metadata.{side}"][place] for side in ("width", "height"))
        try:
            file = media.file(content.ids[place], content.columns["filepath"][place])
            picture = open_picture(file, size if all(size) else None)
        except PictureError as error:
            problems[str(error)] += len(boxes)
            continue
        height, width = picture.shape[:2]
        for label, rectangle in boxes:
            try:
                patch = cut_patch(picture, window_of(rectangle, width, height))
            except BoxError as error:
                problems[str(error)] += 1
                continue
            crops.append(Crop(label, small_jpeg(patch, _LARGEST)))
        progress(done / len(of_image), f"cutting examples {done:,}/{len(of_image):,} images")
    blocks: list[Block] = []
    if crops:
        blocks += (
            Note(
                f"Of each concept the largest boxes, {PER_CONCEPT} at most, of several images; "
                "no suspects, nor boxes whose label a person has doubted."
            ),
            Crops(tuple(sorted(crops, key=lambda crop: crop.concept))),
            Note("The licences of the images go for these parts of them too."),
        )
    if absent:
        names = ", ".join(absent[:PER_CONCEPT])
        names += " and others" if len(absent) > PER_CONCEPT else ""
        blocks.append(
            Note(f"No image of {counted(len(absent), 'concept', 'concepts')} is at hand: {names}.")
        )
    blocks += (
        Note(f"{counted(count, 'example', 'examples')} cannot be shown: {reason}.")
        for reason, count in sorted(problems.items())
    )
    return Section("Examples", tuple(blocks or [Note("No box has a label.")]))


def _largest_boxes(content: Content) -> tuple[_OfImage, list[str]]:
    """Each concept's largest boxes by their images, one on each, and concepts without a file."""
    found: dict[str, list[tuple[float, int, tuple[float, ...]]]] = {}
    fit = (one for some in content.examples for one in some)
    for (place, label, rectangle), is_fit in zip(content.boxes(), fit, strict=True):
        if label is not None and is_fit and len(rectangle) == 4:
            area = rectangle[2] * rectangle[3]
            found.setdefault(label, []).append((-area, place, tuple(rectangle)))
    most = sorted(found, key=lambda label: (-len(found[label]), label))[:SHOWN]
    paths = content.columns["filepath"]
    of_image: _OfImage = {}
    absent = []
    for label in most:
        largest: dict[int, tuple[float, ...]] = {}
        for _, place, rectangle in sorted(found[label])[:LOOKED_AT]:
            is_full = len(largest) == PER_CONCEPT or place in largest
            if not is_full and ("://" in paths[place] or Path(paths[place]).is_file()):
                largest[place] = rectangle
        for place, rectangle in largest.items():
            of_image.setdefault(place, []).append((label, rectangle))
        if not largest:
            absent.append(label)
    return of_image, sorted(absent)
