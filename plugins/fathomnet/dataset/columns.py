"""What a dataset or a view shows, as columns: ids, fields, dives."""

from __future__ import annotations

from typing import Any

from ..catalog.dives import dive_name
from .label_fields import boxes_path

Columns = tuple[list[str], list[list[str]]]
"""Ids of samples, and for each the ids of its boxes or, for whole images, the sample's own."""


def dataset_of(view: Any) -> Any:
    """The dataset of a view, even of a view of patches; a dataset itself."""
    import fiftyone as fo

    return view if isinstance(view, fo.Dataset) else fo.load_dataset(view.dataset_name)


def ids_in(view: Any, patches_field: str) -> Columns:
    """The samples that a view shows, and for each the boxes that it shows.

    Args:
        view: a FiftyOne dataset, a view of one, or a view of its patches, whose samples are boxes;
            a sample with several patches is repeated.
        patches_field: the field of boxes; ``""`` for whole images.

    Raises:
        DatasetError: the view shows no such field of boxes.
    """
    from fiftyone.core.patches import EvaluationPatchesView, PatchesView

    is_patches = isinstance(view, PatchesView | EvaluationPatchesView)
    samples = view.values("sample_id" if is_patches else "id")
    if not patches_field:
        samples = list(dict.fromkeys(samples))
        return samples, [[one] for one in samples]
    if isinstance(view, PatchesView) and view.has_field(patches_field):
        return samples, [[one] for one in view.values(f"{patches_field}.id")]
    boxes = view.values(f"{boxes_path(view, patches_field)}.id")
    return samples, [ids or [] for ids in boxes]


def image_dives(dataset: Any) -> list[str | None]:
    """The name of the dive of each image of a dataset or view; see ``dive_name``."""
    count = dataset.count()
    origin = [field_values(dataset, name, count) for name in ("vehicle", "dive", "source_url")]
    return [dive_name(*one) for one in zip(*origin, strict=True)]


def field_values(dataset: Any, name: str, count: int) -> list[Any]:
    """A field's value for each of ``count`` images; all None if there is no such field."""
    return list(dataset.values(name)) if dataset.get_field(name) is not None else [None] * count
