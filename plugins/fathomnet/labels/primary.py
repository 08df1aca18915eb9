"""The primary label of each image: the concept of most of its boxes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import fsum
from typing import Any

from ..dataset import writes
from ..dataset.app_defaults import tick_new_field
from ..dataset.label_map import special_names
from ..dataset.label_pipelines import primary_label_update
from ..dataset.records import bring_up_to_date
from ..dataset.schema import boxes_path, classification_schema, declare, require_writable
from ..names import GROUND_TRUTH, PRIMARY_LABEL
from ..progress import Progress, silent


@dataclass(frozen=True, slots=True)
class PrimaryLabelResult:
    """The outcome of ``add_primary_label``.

    Attributes:
        labelled: images that now have a primary label.
        unlabelled: images that have none, because none of their boxes has a concept.
    """

    labelled: int
    unlabelled: int


def add_primary_label(
    dataset: Any,
    source_field: str = GROUND_TRUTH,
    field: str = PRIMARY_LABEL,
    progress: Progress = silent,
) -> PrimaryLabelResult:
    """Gives every image the concept that most of its boxes have.

    Among equally frequent concepts, the one whose boxes cover more wins, then the first by name. A
    box covers its ``area`` if every labelled box of the image has one, otherwise its width times
    its height. Names that are no taxa do not count. An image without a labelled box gets no value.
    Images whose value is already right are not touched.

    Args:
        dataset: a FiftyOne dataset.
        source_field: a field of boxes.
        field: the field for the labels; created if it does not exist.
        progress: called with the share done and a label.

    Raises:
        InputError: ``field`` is not a valid field name.
        DatasetError: ``source_field`` holds no boxes, or ``field`` exists and holds something other
            than one label per image.
    """
    import fiftyone as fo

    bring_up_to_date(dataset)
    boxes = check_primary_label(dataset, source_field, field)
    no_taxa = sorted(special_names(dataset))
    tick_new_field(dataset, field)
    declare(dataset, classification_schema(field))
    progress(0.0, "finding the primary labels")
    change = partial(primary_label_update, boxes, field, but=no_taxa)
    writes.rewrite_field(dataset, field, change)
    samples, labelled = dataset.aggregate([fo.Count(), fo.Count(f"{field}.label")])
    progress(1.0, f"{labelled:,} of {samples:,} images have a primary label")
    return PrimaryLabelResult(labelled=labelled, unlabelled=samples - labelled)


def check_primary_label(
    dataset: Any, source_field: str = GROUND_TRUTH, field: str = PRIMARY_LABEL
) -> str:
    """The path of the boxes whose concepts count; raises the errors of ``add_primary_label``."""
    import fiftyone as fo

    boxes = boxes_path(dataset, source_field)
    require_writable(dataset, field, fo.Classification)
    return boxes


def primary_concept(
    boxes: Iterable[tuple[str | None, float | None, Sequence[float]]],
) -> str | None:
    """The most frequent concept of one image; see ``add_primary_label`` for ties.

    Args:
        boxes: label, area (or None) and bounding box ``[x, y, width, height]`` of each box.
    """
    labelled = [(label, area, box) for label, area, box in boxes if label is not None]
    by_area = all(area is not None for _, area, _ in labelled)
    covered: dict[str, list[float]] = defaultdict(list)
    for label, area, box in labelled:
        covered[label].append(area if by_area and area is not None else box[2] * box[3])
    order = sorted(covered, key=lambda name: (-len(covered[name]), -fsum(covered[name]), name))
    return order[0] if order else None
