"""The dive of each image of a dataset."""

from __future__ import annotations

from typing import Any

from ..dives import dive_name


def image_dives(dataset: Any) -> list[str | None]:
    """The name of the dive of each image of a dataset or view; see ``dive_name``."""
    count = dataset.count()
    origin = [field_values(dataset, name, count) for name in ("vehicle", "dive", "source_url")]
    return [dive_name(*one) for one in zip(*origin, strict=True)]


def field_values(dataset: Any, name: str, count: int) -> list[Any]:
    """A field's value for each of ``count`` images; all None if there is no such field."""
    return list(dataset.values(name)) if dataset.get_field(name) is not None else [None] * count
