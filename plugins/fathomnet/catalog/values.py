"""What the values of a COCO file mean: dates, category names, rectangles.

Each function takes one value whose type is already known to be right and either gives its meaning
or raises ``ValueError`` with the problem in plain words; the caller knows the place.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone

from ..text import shortened

if sys.version_info >= (3, 11):
    from_iso = datetime.fromisoformat
else:  # its own reads hardly more than what isoformat() writes
    from backports.datetime_fromisoformat import datetime_fromisoformat as from_iso

LONGEST_SHOWN = 80
"""Characters of a value that a message quotes."""

SMALLEST_SIDE = 1e-6
"""Pixels; a thinner box could vanish when it is expressed as a share of its image."""

PixelBox = Sequence[float]
"""Four numbers: left, top, width, height in pixels."""


def parse_date(text: object) -> datetime | None:
    """Reads a date in COCO's form (``YYYY-MM-DD HH:MM:SS``, taken as UTC) or in ISO 8601.

    Returns:
        The time in UTC as a naive datetime; None where the file gives none.

    Raises:
        ValueError: the value is not such a date.

    Examples:
        >>> parse_date("2014-06-12 08:30:00"), parse_date("2014-06-12T08:30:00-07:00")
        (datetime.datetime(2014, 6, 12, 8, 30), datetime.datetime(2014, 6, 12, 15, 30))
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise ValueError("is not a date in text form and was left out")
    try:
        time = from_iso(text.strip())
        return time.astimezone(timezone.utc).replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError):
        shown = shortened(text, LONGEST_SHOWN)
        raise ValueError(
            f"{shown!r} is not a date (YYYY-MM-DD HH:MM:SS) and was left out"
        ) from None


def category_name(name: str) -> str:
    """A category's name, trimmed and with single spaces.

    Raises:
        ValueError: it is blank, or holds characters that cannot be seen.

    Examples:
        >>> category_name(" Sebastes   diploproa ")
        'Sebastes diploproa'
    """
    trimmed = " ".join(name.split())
    if not trimmed:
        raise ValueError("is empty")
    if not trimmed.isprintable():
        raise ValueError(
            f"{shortened(name, LONGEST_SHOWN)!r} holds a character that cannot be printed"
        )
    return trimmed


def clip_to_image(box: PixelBox, width: int, height: int) -> tuple[PixelBox, float]:
    """The part of a box that lies in its image.

    Args:
        box: left, top, width, height in pixels, all finite.
        width: the image's width in pixels.
        height: the image's height in pixels.

    Returns:
        The part inside, and the largest number of pixels by which the box exceeds the image on
        one side (0.0 for a box that lies inside, which is returned unchanged).

    Raises:
        ValueError: the box has no width or height, or no part of it is inside.

    Examples:
        A box that exceeds the image by 10 pixels on the left and at the bottom:

        >>> clip_to_image((-10, 20, 30, 40), width=100, height=50)
        ((0.0, 20, 20.0, 30), 10)
    """
    left, top, box_width, box_height = box
    if min(box_width, box_height) < SMALLEST_SIDE:
        raise ValueError(f"has no area: width {box_width:g}, height {box_height:g}")
    right, bottom = left + box_width, top + box_height
    excess = max(-left, -top, right - width, bottom - height)
    if excess <= 0:
        return box, 0.0
    left, top = max(left, 0.0), max(top, 0.0)
    inside = (left, top, min(right, width) - left, min(bottom, height) - top)
    if min(inside[2:]) < SMALLEST_SIDE:
        raise ValueError(f"lies wholly outside its image of {width} x {height} pixels")
    return inside, excess
