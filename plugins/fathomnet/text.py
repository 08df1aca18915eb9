"""Turns results into plain data, and texts into plain text."""

import dataclasses
import json
import re
from collections.abc import Collection
from itertools import islice
from typing import Any

from rich.filesize import decimal


def as_plain(value: Any) -> Any:
    """A result as JSON would read it back: dicts, lists, texts and numbers."""
    return json.loads(json.dumps(value, default=dataclasses.asdict))


def literal(text: str) -> str:
    r"""Markdown that shows a text as it is: paths and names are full of Markdown's signs.

    Examples:
        >>> print(literal("[test_images] a*b"))
        \[test\_images\] a\*b
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>#~|&])", r"\\\1", text)
    # "1. ingest" or "- none" would be a list of its own.
    return re.sub(r"^(\d*)([.)+-])(?=\s)", r"\1\\\2", escaped)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: ``1 box``, ``1,200 boxes``.

    Examples:
        >>> counted(1, "box", "boxes"), counted(24_487, "box", "boxes")
        ('1 box', '24,487 boxes')
    """
    return f"{number:,} {one if number == 1 else many}"


def shortened(text: str, letters: int) -> str:
    """A text, cut to at most a number of characters.

    Examples:
        >>> shortened("Strongylocentrotus fragilis", 10)
        'Strongylo…'
    """
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def listed(names: Collection[str], most: int = 10, letters: int = 40) -> str:
    """The first of some names, for a message: each short enough, and how many more there are.

    Examples:
        >>> listed(["Sebastes", "Caridea", "Elpidia"], most=2)
        'Sebastes, Caridea and 1 more'
    """
    shown = ", ".join(shortened(name, letters) for name in islice(names, most))
    left = len(names) - most
    return f"{shown} and {left:,} more" if left > 0 else shown


def size_text(size: float) -> str:
    """Bytes in words, such as "1.2 GB".

    Examples:
        >>> size_text(999), size_text(1_240_000)
        ('999 B', '1.2 MB')
    """
    return decimal(round(size)) if size >= 1000 else f"{size:.0f} B"


def time_text(seconds: float) -> str:
    """A duration in words, such as "3 min" or "2 h 05 min".

    Examples:
        >>> time_text(80), time_text(180), time_text(7_500)
        ('80 s', '3 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
