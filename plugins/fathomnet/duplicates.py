"""Images that show the same: the same file twice, or almost the same picture, across dives.

Vectors alone cannot tell: two frames of dark water with one animal are as alike to a model as a
frame and its repeat. So they only propose pairs, and the pictures decide: their light must be the
same, and their fine structure, what is left of a small grey copy without its light, must match at
some small shift. How alike pictures of different things are, is measured on those drawn by lot.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from . import names
from .dataset.app_defaults import show_on_tiles
from .dataset.collection import make_durable
from .dataset.columns import dataset_of, image_dives
from .dataset.records import bring_up_to_date
from .dataset.schema import declare
from .errors import DatasetError, Fault, InputError
from .hardware import usable_processors
from .models import model_spec
from .pictures.decoding import PictureError, decode_picture, read_picture
from .pictures.local import LocalMedia
from .progress import Progress, portion, silent
from .similarity.mapped import Rows, to_text
from .similarity.neighbours import Pairs, Positions, comparisons, cosines, similar_pairs
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

Floats = npt.NDArray[np.float64]

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
_USUAL: Final = 0.05
"""Share of them that has none as near as to be looked at."""
_LOOKED_AT: Final = 8
"""The most similar images of each that are looked at."""

_MEAN: Final = Image.Resampling.BOX
_SIDE: Final = 64
"""Pixels of the small copies."""
_AROUND: Final = 4
"""Pixels on each side of one whose mean is its light."""
_SHIFT: Final = 8
"""Pixels that the camera may have moved: an eighth of the picture."""
_AT_ONCE: Final = 256
_DRAWN: Final = 2_000
_SEED: Final = 51
_BY_CHANCE: Final = 0.99
_LIGHT_BY_CHANCE: Final = 0.05
"""Pairs of images that are drawn by lot, and the shares of them by which chance is measured."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is kept of a picture to compare it with others.

    Attributes:
        fine: (64, 64) its fine structure, of length 1.
        light: (48,) red, green and blue of its sixteenths, 0 to 255.
    """

    fine: npt.NDArray[np.float16]
    light: npt.NDArray[np.float16]


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
        threshold: the cosine from which two images show the same, where no picture says.
        views: the saved views.
        told_apart: pairs that are as alike by their vectors, and whose pictures differ.
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
    told_apart: int = 0


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
    rows = _vectors(dataset_or_view, model)
    ids = to_text(rows.ids).tolist()
    of_all = zip(dataset.values("id"), image_dives(dataset), strict=True)
    dives = {one: dive for one, dive in of_all if dive}
    own = [dives.get(one) for one in ids]
    lowest, threshold = (threshold,) * 2 if threshold else calibrated_thresholds(rows, own)
    compared = None
    if len(ids) > ALL_COMPARED:
        compared = comparisons(rows.matrix * rows.inverse[:, None], COMPARED)
    pairs = similar_pairs(
        rows.matrix,
        rows.inverse,
        lowest,
        lambda done: progress(0.1 + 0.5 * done, "comparing the images"),
        compared,
    )
    told_apart = 0
    if lowest < threshold:
        look = portion(progress, 0.6, 0.85)
        pairs, told_apart = _same_pictures(dataset, ids, dives, pairs, threshold, look)
    groups = _groups(pairs, ids, dives)
    progress(0.85, "comparing the files")
    exact, unreadable = equal_files(dataset_or_view)
    progress(0.9, f"writing {counted(len(groups), 'group', 'groups')}")
    _write_groups(dataset, groups)
    near = [one for group in groups for one in group.ids]
    equal = [one for some in exact for one in some]
    views = (
        _save(dataset, names.NEAR_DUPLICATES, near),
        _save(dataset, names.EXACT_DUPLICATES, equal),
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
        told_apart=told_apart,
    )


def _vectors(view: Any, model: str) -> Rows:
    """The vectors of whole images.

    Raises:
        DatasetError: there are none of this model.
    """
    dataset, name = dataset_of(view), model_spec(model).name
    rows = None
    if dataset.get_field(names.embedding_field(name)) is not None:
        _, rows = read_members(view, "", names.embedding_field(name))
    if rows is None or not len(rows.matrix):
        raise DatasetError(
            f"there are no vectors of whole images of {name!r} in dataset {dataset.name!r} or the "
            f"view; run compute_embeddings with model {name!r} and patches_field empty first"
        )
    return rows


def calibrated_thresholds(rows: Rows, dives: Sequence[str | None]) -> tuple[float, float]:
    """The cosine from which images are looked at, and that from which they are duplicates unseen.

    How near different images come to each other is measured, by each image's nearest one in another
    dive. Nearly every image has one as near as the first says. The second is half as far from equal
    as these, without the nearest quarter, which may be true duplicates.

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
    usual, nearest = np.quantile(scores.max(axis=1), (_USUAL, _DIFFERENT)).tolist()
    lowest, threshold = (max(LOWEST_THRESHOLD, one) for one in (usual, (1 + nearest) / 2))
    return round(lowest, 6), round(threshold, 6)


def _same_pictures(
    dataset: Any,
    ids: Sequence[str],
    dives: Mapping[str, str],
    pairs: Pairs,
    threshold: float,
    progress: Progress,
) -> tuple[Pairs, int]:
    """The pairs whose pictures are the same, and how many alike by their vectors are not.

    Of each image the few that are most similar are looked at, and then those that may be of its
    group. Where one of a pair cannot be opened, the vectors decide.

    Args:
        dataset: a FiftyOne dataset.
        ids: of the images.
        dives: by these, where they are known.
        pairs: of images, by their places in ``ids``.
        threshold: the cosine from which vectors decide.
        progress: called with the share done and a label.
    """
    first, second, scores = pairs.first, pairs.second, pairs.scores
    looked_at = _nearest_pairs(first, second, scores)
    wanted = np.unique(np.concatenate([first[looked_at], second[looked_at]]))
    places = dict(zip(*dataset.values(["id", "filepath"]), strict=True))
    media = LocalMedia(dataset)
    looks: dict[int, Look] = {}

    def look(row: int) -> Look | None:
        try:
            return look_of(media.file(ids[row], places[ids[row]]))
        except PictureError:
            return None

    with ThreadPoolExecutor(usable_processors(), thread_name_prefix="pictures") as pool:
        rows = wanted.tolist()
        for done, (row, found) in enumerate(zip(rows, pool.map(look, rows), strict=True)):
            progress(done / len(rows), "comparing the pictures")
            looks |= {} if found is None else {row: found}
    opened = np.isin(first, [*looks]) & np.isin(second, [*looks])
    same = ~opened & (scores >= threshold)
    told_apart = 0
    if opened.any():
        chance = _chance(looks, [dives.get(one) for one in ids])
        is_seen = np.flatnonzero(opened & looked_at)
        same[is_seen] = _match(looks, first[is_seen], second[is_seen], chance)
        linked = _look_on(looks, pairs, same, opened & ~looked_at, chance)
        told_apart = int((~linked & (scores >= threshold)).sum())
    return Pairs(first[same], second[same], scores[same]), told_apart


def _look_on(
    looks: Mapping[int, Look],
    pairs: Pairs,
    same: npt.NDArray[np.bool_],
    unseen: npt.NDArray[np.bool_],
    chance: tuple[float, float],
) -> npt.NDArray[np.bool_]:
    """Looks at pairs that are linked by others whose pictures are the same, and marks those alike.

    A long halt of the camera has more repeats than are looked at of each image. In their order,
    as groups are made, each image that repeats no earlier one is compared with those linked to it.

    Args:
        looks: of the images.
        pairs: of images, sorted by the first of each.
        same: (N,) which pairs are the same, as far as is known; changed in place.
        unseen: (N,) which pairs nobody has looked at.
        chance: the result of ``_chance``.

    Returns:
        (N,) which pairs are linked.
    """
    first, second = pairs.first, pairs.second
    images = int(second.max()) + 1
    links = coo_matrix((np.ones(same.sum()), (first[same], second[same])), (images, images))
    _, parts = connected_components(links, directed=False)
    linked: npt.NDArray[np.bool_] = parts[first] == parts[second]
    wanted = unseen & linked
    repeats: set[int] = set()
    for one in np.unique(first[same | wanted]).tolist():
        if one in repeats:
            continue
        own = np.arange(*np.searchsorted(first, (one, one + 1)))
        new = own[wanted[own]]
        same[new] = _match(looks, first[new], second[new], chance)
        repeats.update(second[own[same[own]]].tolist())
    return linked


def _nearest_pairs(first: Positions, second: Positions, scores: Floats) -> npt.NDArray[np.bool_]:
    """The pairs that are among the most similar ones of either image."""
    taken: Counter[int] = Counter()
    chosen = np.zeros(len(scores), bool)
    for place in np.argsort(-scores, kind="stable").tolist():
        one, other = int(first[place]), int(second[place])
        chosen[place] = min(taken[one], taken[other]) < _LOOKED_AT
        taken.update((one, other))
    return chosen


def look_of(path: Path) -> Look:
    """What is kept of a picture.

    Raises:
        PictureError: the file is not there, or is no whole picture.
    """
    picture = decode_picture(read_picture(path)).convert("RGB").resize((_SIDE, _SIDE), _MEAN)
    values = np.asarray(picture.convert("L"), np.float64)
    width = 2 * _AROUND + 1
    sums = np.pad(values, _AROUND, mode="edge").cumsum(0).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    rows = sums[width:] - sums[:-width]
    fine = values - (rows[:, width:] - rows[:, :-width]) / width**2
    fine -= fine.mean()
    # An even picture has none, and matches no other.
    fine /= max(float(np.linalg.norm(fine)), 1.0)
    light = np.asarray(picture.resize((4, 4), _MEAN), np.float16)
    return Look(fine.astype(np.float16), light.ravel())


def _compared(
    looks: Mapping[int, Look], first: Positions, second: Positions
) -> tuple[Floats, Floats]:
    """How well the fine structures of pairs match at the best small shift, and how far lights are.

    Returns:
        (N,) at most 1, which is equal; (N,) the mean difference, 0 to 255.
    """
    matches, distances = [np.empty(0)], [np.empty(0)]
    near = np.r_[: _SHIFT + 1, -_SHIFT:0]
    for start in range(0, len(first), _AT_ONCE):
        ones, others = (
            [looks[row] for row in some[start : start + _AT_ONCE].tolist()]
            for some in (first, second)
        )
        one, other = (
            np.fft.rfft2(np.stack([look.fine for look in some]).astype(np.float32))
            for some in (ones, others)
        )
        at_shifts = np.fft.irfft2(one * other.conj(), s=(_SIDE, _SIDE))
        matches.append(at_shifts[:, near][:, :, near].max(axis=(1, 2)))
        lights = (np.stack([look.light for look in some]) for some in (ones, others))
        distances.append(np.abs(np.subtract(*lights, dtype=np.float64)).mean(axis=1))
    return np.concatenate(matches), np.concatenate(distances)


def _match(
    looks: Mapping[int, Look], first: Positions, second: Positions, chance: tuple[float, float]
) -> npt.NDArray[np.bool_]:
    """(N,) whether the pictures of pairs are more alike than those drawn by lot."""
    matches, distances = _compared(looks, first, second)
    fine, light = chance
    return (matches >= fine) & (distances <= light)


def _chance(looks: Mapping[int, Look], dives: Sequence[str | None]) -> tuple[float, float]:
    """The match from which fine structures are the same, and the distance up to which lights are.

    Both are half-way between those of one picture twice and those that hardly any two images of
    different dives reach, if these are drawn by lot.
    """
    rows = np.array(sorted(looks))
    lot = np.random.default_rng(_SEED)
    first, second = (lot.choice(rows, _DRAWN) for _ in range(2))
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    apart = np.array([dives[one] is None or dives[one] != dives[other] for one, other in pairs])
    differ = first != second
    if (differ & apart).any():
        differ &= apart
    matches, distances = _compared(looks, first[differ], second[differ])
    fine, light = np.quantile(matches, _BY_CHANCE), np.quantile(distances, _LIGHT_BY_CHANCE)
    return (1 + float(fine)) / 2, float(light) / 2


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
    # Groups stand side by side in the view: each has its number on its tiles, in a colour.
    show_on_tiles(dataset, names.DUPLICATE_GROUP)


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
