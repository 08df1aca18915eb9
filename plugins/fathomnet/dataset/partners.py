"""Which boxes of one field belong to which boxes of another: predictions to what they predict.

A number alone says little, so boxes are joined inside one image only: by ``annotation_id`` where
both fields have it, as imported predictions and their boxes do, and else by what evaluations of
these two fields matched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DatasetError
from ..fields import ANNOTATION_ID
from .label_fields import boxes_path

Box = tuple[str, str]
"""Sample id and label id."""


def partners(dataset: Any, source: str, boxes: Sequence[Box], field: str) -> list[Box | None]:
    """The box of a field that each box of another field belongs to; None where there is none.

    Args:
        dataset: a FiftyOne dataset.
        source: the field of the boxes that are given.
        boxes: sample id and label id of each.
        field: the field of the boxes that are asked for.

    Raises:
        DatasetError: nothing says which boxes of these fields belong together, or two evaluations
            contradict each other.
    """
    paths = boxes_path(dataset, source), boxes_path(dataset, field)
    if all(dataset.get_field(f"{path}.{ANNOTATION_ID}") is not None for path in paths):
        return _by_number(dataset, *paths, boxes)
    keys = _evaluations(dataset, {source, field})
    if not keys:
        raise DatasetError(
            f"what is shown are boxes of {source}, and nothing says which boxes of {field} they "
            f"belong to: show boxes of {field} instead, or select some of them"
        )
    found = [_by_match(dataset, paths[0], key, boxes) for key in keys]
    return [_agreed(some, source, keys) for some in zip(*found, strict=True)]


def _by_number(dataset: Any, source: str, field: str, boxes: Sequence[Box]) -> list[Box | None]:
    paths = [f"{path}.{name}" for path in (source, field) for name in ("id", ANNOTATION_ID)]
    number_of: dict[Box, tuple[str, int]] = {}
    box_of: dict[tuple[str, int], Box] = {}
    for sample, *columns in _columns(dataset, boxes, paths):
        ids, numbers, other_ids, other_numbers = (column or () for column in columns)
        for id_, number in zip(ids, numbers, strict=True):
            number_of[sample, id_] = sample, number
        for id_, number in zip(other_ids, other_numbers, strict=True):
            if number is not None:
                box_of[sample, number] = sample, id_
    return [box_of.get(number_of[box]) if box in number_of else None for box in boxes]


def _by_match(dataset: Any, source: str, key: str, boxes: Sequence[Box]) -> list[Box | None]:
    """FiftyOne notes on both sides of a match the id of the other side, under ``<key>_id``."""
    found: dict[Box, Box] = {}
    for sample, ids, others in _columns(dataset, boxes, [f"{source}.id", f"{source}.{key}_id"]):
        for id_, other in zip(ids or (), others or (), strict=True):
            if other:
                found[sample, id_] = sample, other
    return [found.get(box) for box in boxes]


def _columns(dataset: Any, boxes: Sequence[Box], paths: Sequence[str]) -> Any:
    samples = list(dict.fromkeys(sample for sample, _ in boxes))
    return zip(*dataset.select(samples).values(["id", *paths]), strict=True)


def _evaluations(dataset: Any, fields: set[str]) -> list[str]:
    """The evaluations that compared two fields, and left their marks on both."""
    keys = []
    for key in dataset.list_evaluations():
        config = dataset.get_evaluation_info(key).config
        compared = {getattr(config, "gt_field", None), getattr(config, "pred_field", None)}
        marks = [f"{boxes_path(dataset, field)}.{key}_id" for field in fields]
        if compared == fields and all(dataset.get_field(mark) is not None for mark in marks):
            keys.append(key)
    return keys


def _agreed(found: Sequence[Box | None], source: str, keys: Sequence[str]) -> Box | None:
    boxes = {box for box in found if box is not None}
    if len(boxes) > 1:
        raise DatasetError(
            f"the evaluations {', '.join(keys)} say different things of which box a box of "
            f"{source} belongs to: delete those that do not hold any more"
        )
    return boxes.pop() if boxes else None
