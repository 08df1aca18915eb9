"""The release of FiftyOne that tests run on, without importing it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


def number(release: str) -> tuple[int, ...]:
    """Major and minor of a release, as numbers that can be compared.

    >>> number("1.11.1") < number("1.22.0")
    True
    """
    return tuple(int(part) for part in release.split(".")[:2])


def is_newest() -> bool:
    """Whether this is the release that the project is developed with, which has every feature."""
    return f"fiftyone=={version('fiftyone')}\n" in CONSTRAINTS.read_text()
