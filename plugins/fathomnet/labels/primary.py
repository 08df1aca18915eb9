"""Derives labels from the boxes: each image's primary label, and each label's ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Final

from .dataset.app_defaults import tick_new_field
from .dataset.collection import now, reload_samples, sample_collection
from .dataset.label_fields import boxes_path, labels_path, require_writable
from .dataset.label_pipelines import primary_label_update, rank_update
from .dataset.public_writes import save_pipeline
from .dataset.schema import classification_schema, declare, rank_schema
from .dataset.schema_version import bring_up_to_date
from .errors import Fault, InputError
from .fields import GROUND_TRUTH, OWN_RANK, PRIMARY_LABEL, RANKS
from .plain import counted
from .progress import Progress, silent
from .taxonomy import Taxonomy, load_taxonomy

RANK_ATTRIBUTES: Final = (OWN_RANK, *RANKS)


@dataclass(frozen=True, slots=True)
class PrimaryLabelResult:
    """The outcome of ``add_primary_label``.

    Attributes:
        labelled: images that now have a primary label.
        unlabelled: images that have none, because none of their boxes has a concept.
    """

    labelled: int
    unlabelled: int


@dataclass(frozen=True, slots=True)
class RanksResult:
    """The outcome of ``add_taxonomy_ranks``.

    Attributes:
        boxes: labels whose concept is in the taxonomy, in all fields.
        unknown_concepts: the names of the other labels, sorted.
    """

    boxes: int
    unknown_concepts: tuple[str, ...]


def add_primary_label(
    dataset: Any,
    source_field: str = GROUND_TRUTH,
    field: str = PRIMARY_LABEL,
    progress: Progress = silent,
) -> PrimaryLabelResult:
    """Gives every image the concept that most of its boxes have.

    Among equally frequent concepts, the one whose boxes cover more wins, then the first by name. A
    box covers its ``area`` if every labelled box of the image has one, otherwise its width times
    its height. An image without a labelled box gets no value. Images whose value is already right
    are not touched.

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
    boxes = boxes_path(dataset, source_field)
    require_writable(dataset, field, fo.Classification)
    tick_new_field(dataset, field)
    declare(dataset, classification_schema(field))
    progress(0.0, "finding the primary labels")
    collection = sample_collection(dataset)
    if collection is None:
        save_pipeline(dataset, primary_label_update(boxes, field), [field])
    else:
        collection.update_many({}, primary_label_update(boxes, field, now()))
        reload_samples(dataset)
    samples, labelled = dataset.aggregate([fo.Count(), fo.Count(f"{field}.label")])
    progress(1.0, f"{labelled:,} of {samples:,} images have a primary label")
    return PrimaryLabelResult(labelled=labelled, unlabelled=samples - labelled)


def add_taxonomy_ranks(
    dataset: Any,
    label_fields: Sequence[str] = (GROUND_TRUTH,),
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
) -> RanksResult:
    """Writes its own rank and its lineage, kingdom to species, on every label.

    A rank that the lineage does not reach is None, and so is every rank of a label that is absent
    or not in the taxonomy. Images whose labels are already right are not touched.

    Args:
        dataset: a FiftyOne dataset.
        label_fields: fields of boxes, or of one label per image.
        taxonomy: the tree of concepts; None for the project's own.
        progress: called with the share done and a label.

    Raises:
        InputError: no field is named.
        DatasetError: a field does not exist or holds something else; nothing was changed.
    """
    names = (label_fields,) if isinstance(label_fields, str) else tuple(label_fields)
    if not names:
        raise InputError("label_fields", [Fault("label_fields", "name at least one field")])
    bring_up_to_date(dataset)
    taxonomy = load_taxonomy() if taxonomy is None else taxonomy
    paths = {name: labels_path(dataset, name) for name in names}
    known = 0
    unknown: set[str] = set()
    for done, (field, path) in enumerate(paths.items()):
        progress(done / len(paths), f"writing the ranks of {field}")
        declare(dataset, rank_schema(path))
        counts = dataset.count_values(f"{path}.label")
        counts.pop(None, None)
        ranks = {label: rank_attributes(label, taxonomy) for label in counts if label in taxonomy}
        _write_ranks(dataset, field, path != field, {**ranks, "": rank_attributes(None, taxonomy)})
        known += sum(counts[label] for label in ranks)
        unknown.update(counts.keys() - ranks.keys())
    progress(1.0, f"{counted(known, 'label has its', 'labels have their')} ranks")
    return RanksResult(boxes=known, unknown_concepts=tuple(sorted(unknown)))


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


def rank_attributes(label: str | None, taxonomy: Taxonomy) -> dict[str, str | None]:
    """A concept's own rank and the seven slots of its lineage; all None for an unknown name."""
    taxon = taxonomy.taxon(label)
    if taxon is None:
        return dict.fromkeys(RANK_ATTRIBUTES)
    return {OWN_RANK: taxon.rank, **dict(zip(RANKS, taxon.lineage, strict=True))}


def _write_ranks(
    dataset: Any, field: str, is_list: bool, ranks: Mapping[str, Mapping[str, str | None]]
) -> None:
    collection = sample_collection(dataset)
    has_labels = {f"{field}.detections.0" if is_list else f"{field}._cls": {"$exists": True}}
    if collection is None:
        change = [{"$match": has_labels}, *rank_update(field, is_list, ranks)]
        save_pipeline(dataset, change, [field])
        return
    collection.update_many(has_labels, rank_update(field, is_list, ranks, now()))
    reload_samples(dataset)
