"""Writes the hits of a search on a dataset, as attributes and as saved views."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from .label_pipelines import is_list
from .schema import boxes_path, labels_path

MOST: Final = 300_000
"""Boxes of a view: more ids FiftyOne cannot ask the database for."""
_FEW: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A box, or a whole image, that a search found.

    Attributes:
        id: of the box or, for a whole image, of the sample.
        sample_id: of its sample.
        score: the higher, the more certain.
    """

    id: str
    sample_id: str
    score: float


def existing_ids(dataset: Any, patches_field: str) -> set[str]:
    """The ids of the boxes that a field has now; of the samples if the field's name is empty."""
    if not patches_field:
        return set(dataset.values("id"))
    return set(dataset.values(f"{boxes_path(dataset, patches_field)}.id", unwind=True))


def save_hits_view(
    dataset: Any,
    name: str,
    patches_field: str,
    hits: Sequence[Hit],
    description: str,
    where: Any = None,
    among: Any = None,
) -> bool:
    """Saves the view of hits in their order, in place of an existing one of that name.

    At any instant either the old view or the new one exists, though for a moment under a name that
    ends in "(new)".

    Args:
        dataset: a FiftyOne dataset.
        name: of the view.
        patches_field: field of the boxes, each of which becomes a patch; empty for whole images.
            The label of a crop is shown by its image.
        hits: the hits to show; without any, the view is deleted.
        description: of the view.
        where: a FiftyOne expression of the patches or samples that are shown whenever the view is
            loaded; None for all hits.
        among: a FiftyOne expression of the boxes among which the hits are, for many hits; None
            where there is none.

    Returns:
        Whether the view exists now.
    """
    from bson import ObjectId
    from fiftyone import ViewField

    new = f"{name} (new)"
    if dataset.has_saved_view(new):
        dataset.delete_saved_view(new)
    if hits:
        ids = [hit.id for hit in hits]
        if patches_field and not is_list(labels_path(dataset, patches_field)):
            view = dataset.select([hit.sample_id for hit in hits], ordered=True)
        elif patches_field:
            # Filtered first, or patches of the whole dataset would be made for a few of them. The
            # database looks through a list of ids for each box, so of many hits it gets none.
            if len(hits) <= _FEW:
                images = dataset.select([hit.sample_id for hit in hits])
                boxes = ViewField("_id").is_in([ObjectId(id_) for id_ in ids])
                images = images.filter_labels(patches_field, boxes)
            elif among is not None:
                images = dataset.filter_labels(patches_field, among)
            else:
                images = dataset.select([hit.sample_id for hit in hits])
            view = images.to_patches(patches_field).select(ids, ordered=True)
        else:
            view = dataset.select(ids, ordered=True)
        view = view if where is None else view.match(where)
        dataset.save_view(new, view, description=description)
    if dataset.has_saved_view(name):
        dataset.delete_saved_view(name)
    if hits:
        dataset.update_saved_view_info(new, {"name": name})
    return bool(hits)
