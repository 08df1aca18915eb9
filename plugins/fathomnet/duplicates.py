"""Images that show the same: the same file twice, or almost the same picture, across dives."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from . import names
from .dataset.collection import make_durable
from .dataset.columns import dataset_of, image_dives
from .dataset.records import bring_up_to_date
from .dataset.schema import declare
from .errors import DatasetError, Fault, InputError
from .models import model_spec
from .progress import Progress, silent
from .similarity.mapped import Rows, to_text
from .similarity.neighbours import Pairs, comparisons, cosines, similar_pairs
from .similarity.rows import read_members
from .text import counted


def equal_files(view: Any) -> tuple[list[list[str]], Counter[str]]:
    """Groups images with equal files; files in buckets are compared by what the bucket says.

    Args:
        view: a FiftyOne dataset or view.

    Returns:
        Ids of the images of each group, and why how many files could not be looked at.
    """
    import fiftyone.brain as fob

    sizes: dict[int, list[str]] = {}
    remote: dict[str, list[str]] = {}
    unreadable = Counter[str]()
    for one, path in zip(*view.values(["id", "filepath"]), strict=True):
        if "://" in path:
            remote.setdefault(path, []).append(one)
            continue
        try:
            sizes.setdefault(Path(path).stat().st_size, []).append(one)
        except OSError as error:
            unreadable[error.strerror or type(error).__name__] += 1
    of_bucket: list[list[str]] = []
    if remote:
        # Only here, because it imports an HTTP client.
        from .media.gcs.store import bucket_digests, same_bytes

        known, unknown = bucket_digests(remote)
        for path, reason in unknown.items():
            unreadable[reason] += len(remote[path])
        of_bucket = same_bytes((one, known[path]) for path in known for one in remote[path])
    # Files of different sizes differ: only the others are read.
    candidates = [one for ids in sizes.values() if len(ids) > 1 for one in ids]
    if not candidates:
        return of_bucket, unreadable
    found = fob.compute_exact_duplicates(view.select(candidates), progress=False)
    return [*([first, *others] for first, others in found.items()), *of_bucket], unreadable


WRITTEN: Final = (names.DUPLICATE_GROUP, names.DUPLICATE_SIMILARITY, names.DUPLICATE_DIVES)

LOWEST_THRESHOLD: Final = 0.5
ALL_COMPARED: Final = 2**14
"""So many images are all compared with all."""
COMPARED: Final = 2**13
"""Images that each of more is compared with, those most like it: the work grows with the images,
and not with their square."""

_CALIBRATED_ON: Final = 2_000
"""Images whose nearest ones in other dives are looked at for a threshold."""
_NOTES: Final = 5
_DIFFERENT: Final = 0.75
"""Share of them that is taken to have no duplicate in another dive."""


@dataclass(frozen=True, slots=True)
class DuplicatesResult:
    """What ``find_duplicates`` found.

    Attributes:
        images: images that were compared by their vectors.
        groups: groups of images that show the same.
        near_duplicates: images in these groups beyond the first of each.
        exact_duplicates: images whose file is another one's, beyond the first of each.
        across_dives: groups whose images are of more than one dive.
        unreadable: images whose file could not be looked at.
        notes: why not, with the number of images; the most frequent first.
        threshold: the cosine from which two images show the same.
        views: the saved views.
    """

    images: int
    groups: int
    near_duplicates: int
    exact_duplicates: int
    across_dives: int
    unreadable: int
    threshold: float
    views: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Images that show the same.

    Attributes:
        ids: the first one, which stands for all, then the others, the most similar one first.
        similarities: cosine of each with the first.
        dives: the dives that they are of, sorted.
    """

    ids: tuple[str, ...]
    similarities: tuple[float, ...]
    dives: tuple[str, ...]


def find_duplicates(
    dataset_or_view: Any,
    model: str = names.DEFAULT_MODEL,
    threshold: float | None = None,
    progress: Progress = silent,
) -> DuplicatesResult:
    """Groups the images that show the same, and saves the groups as views.

    An image joins the group of the most similar of the images that stand for their groups; the
    groups are those of ``fiftyone.brain.compute_near_duplicates``. Of more than ``ALL_COMPARED``
    images each is compared with the ``COMPARED`` most like it, found by k-means.

    Args:
        dataset_or_view: a FiftyOne dataset, or a view: only its images are compared.
        model: the model whose vectors of whole images are compared.
        threshold: the cosine from which two images show the same, 0.5 to 1; None to derive it.
        progress: hears how far it is.

    Raises:
        InputError: the model is unknown or the threshold out of range.
        DatasetError: there are no vectors of whole images of this model.
    """
    if threshold is not None and not LOWEST_THRESHOLD <= threshold <= 1:
        problem = f"should be from {LOWEST_THRESHOLD} to 1, not {threshold}"
        raise InputError("find_duplicates", [Fault("threshold", problem)])
    dataset = dataset_of(dataset_or_view)
    bring_up_to_date(dataset)
    progress(0.0, "reading the vectors")
    name = model_spec(model).name
    rows = None
    if dataset.get_field(names.embedding_field(name)) is not None:
        _, rows = read_members(dataset_or_view, "", names.embedding_field(name))
    if rows is None or not len(rows.matrix):
        raise DatasetError(
            f"there are no vectors of whole images of {name!r} in dataset {dataset.name!r} or the "
            f"view; run compute_embeddings with model {name!r} and patches_field empty first"
        )
    ids = to_text(rows.ids).tolist()
    of_all = zip(dataset.values("id"), image_dives(dataset), strict=True)
    dives = {one: dive for one, dive in of_all if dive}
    threshold = threshold or calibrated_threshold(rows, [dives.get(one) for one in ids])
    compared = None
    if len(ids) > ALL_COMPARED:
        compared = comparisons(rows.matrix * rows.inverse[:, None], COMPARED)
    pairs = similar_pairs(
        rows.matrix,
        rows.inverse,
        threshold,
        lambda done: progress(0.1 + 0.5 * done, "comparing the images"),
        compared,
    )
    groups = _groups(pairs, ids, dives)
    progress(0.6, "comparing the files")
    exact, unreadable = equal_files(dataset_or_view)
    progress(0.9, f"writing {counted(len(groups), 'group', 'groups')}")
    _write_groups(dataset, groups)
    near = [one for group in groups for one in group.ids]
    same = [one for ids in exact for one in ids]
    views = (
        _save(dataset, names.NEAR_DUPLICATES, near),
        _save(dataset, names.EXACT_DUPLICATES, same),
    )
    progress(1.0, f"{counted(len(groups), 'group', 'groups')} of duplicates")
    return DuplicatesResult(
        images=len(ids),
        groups=len(groups),
        near_duplicates=sum(len(group.ids) - 1 for group in groups),
        exact_duplicates=sum(len(ids) - 1 for ids in exact),
        across_dives=sum(len(group.dives) > 1 for group in groups),
        unreadable=unreadable.total(),
        threshold=threshold,
        views=tuple(name for name in views if name),
        notes=tuple(
            f"{counted(count, 'image was', 'images were')} not compared as files: {reason}"
            for reason, count in unreadable.most_common(_NOTES)
        ),
    )


def calibrated_threshold(rows: Rows, dives: Sequence[str | None]) -> float:
    """Half as far from equal as different images come to each other.

    How near that is, is measured: each image's nearest one in another dive, without the nearest
    quarter, which may be true duplicates.

    Args:
        rows: vectors of images.
        dives: the dive of each; None where it is not known, which counts as one of its own.
    """
    places = np.linspace(0, len(dives) - 1, min(len(dives), _CALIBRATED_ON)).astype(np.intp)
    own = np.array([dives[p] or f"unknown {p}" for p in places])
    if len(set(own.tolist())) < 2:
        own = np.arange(len(places)).astype(str)
    scores = cosines(rows.matrix[places], rows.matrix[places])
    scores[own[:, None] == own[None, :]] = -1
    nearest = float(np.quantile(scores.max(axis=1), _DIFFERENT))
    return round(max(LOWEST_THRESHOLD, (1 + nearest) / 2), 6)


def _groups(pairs: Pairs, ids: Sequence[str], dives: Mapping[str, str]) -> list[Group]:
    """The groups; those that join several dives come first, then the larger ones."""
    members: dict[int, list[tuple[float, int]]] = {}
    for duplicate, (score, first) in _firsts(pairs).items():
        members.setdefault(first, []).append((score, duplicate))
    groups = []
    for first, others in sorted(members.items()):
        ordered = sorted(others, key=lambda pair: (-pair[0], pair[1]))
        own = (ids[first], *(ids[row] for _, row in ordered))
        joined = tuple(sorted({dives[one] for one in own if one in dives}))
        groups.append(Group(own, (1.0, *(score for score, _ in ordered)), joined))
    return sorted(groups, key=lambda group: (len(group.dives) < 2, -len(group.ids)))


def _firsts(pairs: Pairs) -> dict[int, tuple[float, int]]:
    """For each duplicate the most similar image that is none, and the cosine with it.

    In their order, an image is a duplicate where an earlier one that is none is similar.
    """
    order = np.lexsort((pairs.second, pairs.first))
    columns = [column[order].tolist() for column in (pairs.first, pairs.second, pairs.scores)]
    duplicates: set[int] = set()
    for first, second, _ in zip(*columns, strict=True):
        if first not in duplicates:
            duplicates.add(second)
    found: dict[int, tuple[float, int]] = {}
    for first, second, score in zip(*columns, strict=True):
        for one, other in ((first, second), (second, first)):
            if one in duplicates and other not in duplicates:
                found[one] = max(found.get(one, (score, other)), (score, other))
    return found


def _write_groups(dataset: Any, groups: Iterable[Group]) -> None:
    """Writes each image's group, and clears those of an earlier run."""
    import fiftyone as fo

    declare(
        dataset,
        {
            names.DUPLICATE_GROUP: fo.IntField(description="Number of a group of duplicates"),
            names.DUPLICATE_SIMILARITY: fo.FloatField(
                description="Cosine with the group's first image"
            ),
            names.DUPLICATE_DIVES: fo.ListField(
                fo.StringField(), description="The dives that the group's images are of"
            ),
        },
    )
    # Also what a killed run has written only in part.
    earlier = {one: None for field in WRITTEN for one in dataset.exists(field).values("id")}
    numbers, similarities, dives = (dict[str, Any](earlier) for _ in range(3))
    for number, group in enumerate(groups, start=1):
        numbers.update(dict.fromkeys(group.ids, number))
        similarities.update(zip(group.ids, group.similarities, strict=True))
        dives.update((one, list(group.dives)) for one in group.ids)
    columns = (numbers, similarities, dives)
    for field, values in zip(WRITTEN, columns, strict=True):
        if values:
            dataset.set_values(field, values, key_field="id")


def _save(dataset: Any, name: str, ids: Sequence[str]) -> str:
    """Saves a view in which groups stand together; none where there is no duplicate.

    Returns:
        Its name, empty where there is none.
    """
    if not ids:
        if dataset.has_saved_view(name):
            dataset.delete_saved_view(name)
        make_durable(dataset)
        return ""
    view = dataset.select(list(ids), ordered=True)
    description = "Images that show the same, group by group"
    dataset.save_view(name, view, description=description, overwrite=True)
    make_durable(dataset)
    return name
