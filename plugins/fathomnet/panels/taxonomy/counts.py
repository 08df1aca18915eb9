"""Counts the boxes of each label in a view, and how many of them an evaluation found right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ...dataset import columns
from ...dataset.records import special_names
from ...dataset.schema import label_types
from ...names import distance_attribute

RIGHT: Final = "tp"
"""The verdict of an evaluation on a box whose partner has the same name."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Counts of boxes that have something in common, such as their label.

    Attributes:
        boxes: the number of boxes.
        scored: how many of them got a verdict from an evaluation.
        right: how many the evaluation found right.
        measured: how many have a taxonomic distance.
        distance: the sum of their distances.
    """

    boxes: int = 0
    scored: int = 0
    right: int = 0
    measured: int = 0
    distance: int = 0

    def __add__(self, other: LabelCount) -> LabelCount:
        return LabelCount(
            self.boxes + other.boxes,
            self.scored + other.scored,
            self.right + other.right,
            self.measured + other.measured,
            self.distance + other.distance,
        )

    @property
    def accuracy(self) -> float | None:
        """The share of the scored boxes that are right."""
        return self.right / self.scored if self.scored else None

    @property
    def mean_distance(self) -> float | None:
        """Their mean taxonomic distance."""
        return self.distance / self.measured if self.measured else None


def labels_in(view: Any) -> dict[str, str]:
    """The fields of a dataset or view whose labels can be counted, with the paths of the labels.

    These hold boxes, one label per image or, in a view of patches, the box of each patch.
    """
    import fiftyone as fo

    kinds = label_types(view)
    lists = {name: f"{name}.detections" for name, kind in kinds.items() if kind is fo.Detections}
    single = {
        name: name for name, kind in kinds.items() if kind in (fo.Detection, fo.Classification)
    }
    return lists | single


def has_labels(samples: Any, field: str) -> bool:
    """Whether any box of a field has a label; looks no further than the first that has.

    Args:
        samples: a FiftyOne dataset or view.
        field: one of ``labels_in(samples)``.
    """
    from fiftyone import ViewField as F

    path = labels_in(samples)[field]
    if path == field:
        some = F(f"{field}.label").exists()
    else:
        some = F(path).filter(F("label").exists()).length() > 0
    return bool(samples.match(some).limit(1).values("id"))


def count_labels(view: Any, field: str, eval_key: str = "") -> dict[str | None, LabelCount]:
    """Counts the boxes of each label in one pass through the database.

    Args:
        view: a FiftyOne dataset or view.
        field: one of ``labels_in(view)``.
        eval_key: an evaluation whose verdicts are counted too; empty for none.

    Returns:
        The counts by label; boxes without a label are under None. Those that show no animal, whose
        names are no taxa, are left out.
    """
    path = labels_in(view)[field]
    attributes = ["label", *((eval_key, distance_attribute(eval_key)) if eval_key else ())]
    counts: dict[str | None, LabelCount] = {}
    no_taxa = special_names(view)
    for (label, *marks), boxes in columns.count_alike(view, field, path, attributes):
        if label in no_taxa:
            continue
        verdict, distance = marks or (None, None)
        count = LabelCount(
            boxes,
            scored=boxes if verdict else 0,
            right=boxes if verdict == RIGHT else 0,
            measured=boxes if distance is not None else 0,
            distance=boxes * (distance or 0),
        )
        counts[label] = counts.get(label, LabelCount()) + count
    return counts
