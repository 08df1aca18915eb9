"""Writes the hits of a search on a dataset, as attributes and as saved views."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..fields import needle_found, needle_score
from .collection import set_label_values
from .label_fields import boxes_path
from .schema import declare


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


def write_best(
    dataset: Any, patches_field: str, pack: str, brain_key: str, hits: Mapping[str, Sequence[Hit]]
) -> None:
    """Gives every hit its best score and that score's needle; removes both from all others.

    Args:
        dataset: a FiftyOne dataset.
        patches_field: field of the boxes; empty for whole images.
        pack: name of the pack.
        brain_key: key of the index that was searched.
        hits: the hits by the needle's name.
    """
    import fiftyone as fo

    prefix = f"{boxes_path(dataset, patches_field)}." if patches_field else ""
    score, found = (prefix + name(pack, brain_key) for name in (needle_score, needle_found))
    declare(
        dataset,
        {
            score: fo.FloatField(description=f"How sure a hit of the pack {pack} is"),
            found: fo.StringField(description=f"Which needle of the pack {pack} it is a hit of"),
        },
    )
    best = {hit.id: (hit, needle) for needle, hit in best_first(hits)[::-1]}
    holders = _holders(dataset, prefix, score)
    scores = dict.fromkeys(holders) | {id_: hit.score for id_, (hit, _) in best.items()}
    names = dict.fromkeys(holders) | {id_: needle for id_, (_, needle) in best.items()}
    samples = holders | {id_: hit.sample_id for id_, (hit, _) in best.items()}
    for path, values in ((score, scores), (found, names)):
        if prefix:
            owners = [samples[id_] for id_ in values]
            set_label_values(dataset, path, owners, values, values.values())
        else:
            dataset.set_values(path, values, key_field="id")


def best_first(hits: Mapping[str, Iterable[Hit]]) -> list[tuple[str, Hit]]:
    """All hits with their needles, the best first; ties keep their order."""
    pairs = [(needle, hit) for needle, found in hits.items() for hit in found]
    return sorted(pairs, key=lambda pair: -pair[1].score)


def save_hits_view(
    dataset: Any, name: str, patches_field: str, hits: Sequence[Hit], description: str
) -> bool:
    """Saves the view of hits in their order, in place of an existing one of that name.

    At any instant either the old view or the new one exists, though for a moment under a name that
    ends in "(new)".

    Args:
        dataset: a FiftyOne dataset.
        name: of the view.
        patches_field: field of the boxes, each of which becomes a patch; empty for whole images.
        hits: the hits to show; without any, the view is deleted.
        description: of the view.

    Returns:
        Whether the view exists now.
    """
    new = f"{name} (new)"
    if dataset.has_saved_view(new):
        dataset.delete_saved_view(new)
    if hits:
        dataset.save_view(new, _view(dataset, patches_field, hits), description=description)
    if dataset.has_saved_view(name):
        dataset.delete_saved_view(name)
    if hits:
        dataset.update_saved_view_info(new, {"name": name})
    return bool(hits)


def _view(dataset: Any, patches_field: str, hits: Sequence[Hit]) -> Any:
    from bson import ObjectId
    from fiftyone import ViewField

    ids = [hit.id for hit in hits]
    if not patches_field:
        return dataset.select(ids, ordered=True)
    # Filtered first, or patches of the whole dataset would be made for a few of them.
    images = dataset.select([hit.sample_id for hit in hits])
    boxes = ViewField("_id").is_in([ObjectId(id_) for id_ in ids])
    patches = images.filter_labels(patches_field, boxes).to_patches(patches_field)
    return patches.select(ids, ordered=True)


def _holders(dataset: Any, prefix: str, score: str) -> dict[str, str]:
    """Ids of the boxes or images that have a score now, with the ids of their samples."""
    columns = dataset.values(["id", f"{prefix}id", score])
    if not prefix:
        return {id_: id_ for id_, _, value in zip(*columns, strict=True) if value is not None}
    return {
        label_id: sample_id
        for sample_id, label_ids, values in zip(*columns, strict=True)
        for label_id, value in zip(label_ids or (), values or (), strict=True)
        if value is not None
    }
