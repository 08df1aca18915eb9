"""Cuts out a few boxes of each concept from their images."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..pictures.crops import BoxError, cut_patch, window_of
from ..pictures.decoding import PictureError, Pixels, open_picture
from ..pictures.local import local_file
from ..progress import Progress
from ..text import counted
from .blocks import Block, Crop, Crops, Note, Section
from .content import Content
from .counts import SHOWN

PER_CONCEPT: Final = 3
LOOKED_AT: Final = 30
"""The number of a concept's largest boxes among which those with an image at hand are sought."""
_LARGEST: Final = (288, 96)
"""Pixels of a crop in the card."""

_Place = tuple[int, tuple[float, ...]]


def crop_section(dataset: Any, content: Content, progress: Progress) -> Section:
    """Shows the largest boxes of each concept as examples, and says what cannot be shown.

    Args:
        dataset: a FiftyOne dataset.
        content: what it holds.
        progress: called with the share done and a label.
    """
    wanted = _wanted(content)
    absent = sorted(label for label, places in wanted.items() if not places)
    of_image: dict[int, list[tuple[str, tuple[float, ...]]]] = {}
    for label, places in wanted.items():
        for place, rectangle in places:
            of_image.setdefault(place, []).append((label, rectangle))
    crops: list[Crop] = []
    problems = Counter[str]()
    for done, (place, boxes) in enumerate(sorted(of_image.items()), start=1):
        path = content.columns["filepath"][place]
        try:
            picture = open_picture(local_file(dataset, content.ids[place], path))
        except PictureError as error:
            problems[str(error)] += len(boxes)
            continue
        for label, rectangle in boxes:
            try:
                crops.append(Crop(label, _jpeg(picture, rectangle)))
            except BoxError as error:
                problems[str(error)] += 1
        progress(done / len(of_image), f"cutting examples {done:,}/{len(of_image):,} images")
    crops.sort(key=lambda crop: crop.concept)
    return Section("Examples", tuple(_blocks(crops, absent, problems)))


def _blocks(crops: list[Crop], absent: list[str], problems: Counter[str]) -> Iterator[Block]:
    if crops:
        yield Note(f"Of each concept the largest boxes, {PER_CONCEPT} at most, of several images.")
        yield Crops(tuple(crops))
        yield Note("The licences of the images go for these parts of them too.")
    if absent:
        names = ", ".join(absent[:PER_CONCEPT])
        more = " and others" if len(absent) > PER_CONCEPT else ""
        concepts = counted(len(absent), "concept", "concepts")
        yield Note(f"No image of {concepts} is at hand: {names}{more}.")
    for reason, count in sorted(problems.items()):
        yield Note(f"{counted(count, 'example', 'examples')} cannot be shown: {reason}.")
    if not (crops or absent or problems):
        yield Note("No box has a label.")


def _wanted(content: Content) -> dict[str, list[_Place]]:
    """The largest boxes of each concept whose file is at hand, one per image."""
    found: dict[str, list[tuple[float, int, tuple[float, ...]]]] = {}
    for place, label, rectangle in content.boxes():
        if label is not None and len(rectangle) == 4:
            area = rectangle[2] * rectangle[3]
            found.setdefault(label, []).append((-area, place, tuple(rectangle)))
    most = sorted(found, key=lambda label: (-len(found[label]), label))[:SHOWN]
    paths = content.columns["filepath"]
    wanted = {}
    for label in most:
        largest: dict[int, tuple[float, ...]] = {}
        for _, place, rectangle in sorted(found[label])[:LOOKED_AT]:
            if len(largest) < PER_CONCEPT and place not in largest and _at_hand(paths[place]):
                largest[place] = rectangle
        wanted[label] = list(largest.items())
    return wanted


def _at_hand(path: str) -> bool:
    return "://" in path or Path(path).is_file()


def _jpeg(picture: Pixels, rectangle: tuple[float, ...]) -> bytes:
    height, width = picture.shape[:2]
    patch = cut_patch(picture, window_of(rectangle, width, height))
    patch.thumbnail(_LARGEST, Image.Resampling.LANCZOS)
    sink = io.BytesIO()
    patch.save(sink, "JPEG", quality=80)
    return sink.getvalue()
