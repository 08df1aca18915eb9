"""Labels hits: tiles that show debris or gear become boxes with a name that is no taxon.

A box that is added is a change like any other: the journal of relabelling has it, so that it can be
undone, finished after a kill, and told from what was ingested.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..dataset import columns
from ..dataset.documents import Document, now
from ..dataset.ingest_record import read_ingest_records
from ..dataset.label_map import keep_special_names, special_names, taxonomy_of
from ..dataset.records import (
    bring_up_to_date,
    read_members,
    reload_known,
)
from ..dataset.schema import (
    boxes_path,
    boxes_schema,
    declare,
    label_type,
    numbered_schema,
    require_writable,
)
from ..errors import Fault, InputError
from ..labels.verdicts import as_stored, verdict_on
from ..names import (
    ANNOTATION_ID,
    FIRST_OWN_NUMBER,
    GROUND_TRUTH,
    NEEDLE_RUNS,
    TILES,
    needle_found,
    needle_score,
)
from ..progress import Progress, silent
from ..relabelling.box_states import BoxState, Change, count_made
from ..relabelling.journal import acting_user, begin_journal, changes_of
from ..relabelling.relabel import boxes_named, carry_out, dataset_behind, finish_open
from ..taxonomy import Taxonomy
from ..taxonomy.table import folded
from ..text import counted

ADDED: Final = "add"
"""The verdict of a journal of boxes that were not there before."""
_LONGEST: Final = 200
"""Characters of a name."""
_INSIDE: Final = 1e-6
"""How far a tile may stand out of a box that holds it: rounding."""

Rectangle = tuple[float, float, float, float]
"""Left, top, width and height, relative to the image."""


@dataclass(frozen=True, slots=True)
class NamedBoxes:
    """How many boxes were made of a name."""

    name: str
    boxes: int


@dataclass(frozen=True, slots=True)
class LabelHitsResult:
    """The outcome of ``label_hits``; of a dry run, what it would be.

    Attributes:
        labelled: boxes that were made.
        hits: the hits that they were made of: those that overlap are one box.
        unchanged: hits that lie in a box of their name already.
        conflicts: hits that lie in a box with another name, or that somebody else labelled or
            deleted in the meantime; they are left alone.
        journal: key by which ``undo_relabel`` takes the boxes away; empty if none was made.
        names: the boxes of each name.
        dry_run: whether nothing was written.
    """

    labelled: int
    hits: int
    unchanged: int
    conflicts: int
    journal: str
    names: tuple[NamedBoxes, ...]
    dry_run: bool


@dataclass(frozen=True, slots=True)
class _Image:
    """The hits of one image that are labelled now.

    Attributes:
        sample_id: its id.
        size: width and height in pixels; None if they are not known.
        hits: name and rectangle of each.
        there: name and rectangle of the boxes that it has already.
    """

    sample_id: str
    size: tuple[int, int] | None
    hits: Sequence[tuple[str, Rectangle]]
    there: Sequence[tuple[str | None, Rectangle]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The boxes to add, how many hits they are of, and how many stay without."""

    changes: Sequence[Change]
    hits: int
    unchanged: int
    conflicts: int


def label_hits(
    view: Any,
    label: str = "",
    field: str = TILES,
    into: str = GROUND_TRUTH,
    dry_run: bool = False,
    note: str = "",
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
) -> LabelHitsResult:
    """Makes boxes of hits, with a name that is no taxon: of those that overlap, one.

    Ranks, primary labels, evaluations, splits, suspects and the data card leave such names out. The
    boxes are confirmed by the user, and have annotation ids from ``names.FIRST_OWN_NUMBER`` on,
    which no catalog has. A hit is labelled once: run again, also after a kill, it adds nothing.

    Args:
        view: a view that filters, selects or cuts out the hits; or ``ChosenBoxes``.
        label: the name; empty to give each hit the name of the needle that found it.
        field: the field of the hits, usually of tiles.
        into: the field of boxes that they are added to.
        dry_run: report exactly what would be added, without writing anything.
        note: the reason, for the journal.
        taxonomy: the tree of concepts; None for that of the dataset.
        progress: called with the share done and a label.

    Raises:
        InputError: the name is a taxon or a label of the annotated boxes, hits without a needle
            have none, there are no tiles, or ``view`` is a whole dataset, which the caller may not
            have meant.
        DatasetError: ``field`` or ``into`` holds no boxes, or the view shows none.
    """
    dataset = dataset_behind(view)
    (reload_known if dry_run else bring_up_to_date)(dataset)
    path = _path_of_hits(dataset, field, into)
    taxonomy = taxonomy_of(dataset) if taxonomy is None else taxonomy
    progress(0.0, "reading the hits")
    chosen = boxes_named(view, field, path)
    names = _names(dataset, path, chosen, label, into, taxonomy)
    only = next(iter(set(names.values()))) if len(set(names.values())) == 1 else ""
    finished, settled = None, frozenset[str]()
    if not dry_run:
        finished, settled = finish_open(dataset, taxonomy, (into, only, ADDED), progress)
    user, moment = acting_user(), now()
    # What a killed run of the same request had begun counts as done by this one.
    done = changes_of(dataset, finished) if finished and finished.user == user else []
    journal = finished.key if finished and done else ""
    plan = _planned(dataset, _read(dataset, path, into, names), into, user, as_stored(moment))
    changes, made = plan.changes, len(plan.changes)
    if changes and not dry_run:
        progress(0.3, f"adding {counted(len(changes), 'box', 'boxes')}")
        # Before the journal: whoever finishes an interrupted one need not know of names.
        keep_special_names(dataset, {one.after["label"] for one in changes})
        declare(dataset, boxes_schema(into) | numbered_schema(into))
        entry = begin_journal(dataset, into, only, note, user, moment, changes, ADDED)
        carry_out(dataset, entry, changes, settled)
        journal = entry.key
        made = count_made(dataset, f"{into}.detections", changes)
    counts = Counter(str(one.after["label"]) for one in (*done, *changes))
    progress(1.0, f"{counted(made + len(done), 'box is', 'boxes are')} added to {into}")
    return LabelHitsResult(
        labelled=made + len(done),
        hits=plan.hits,
        unchanged=plan.unchanged,
        conflicts=plan.conflicts + len(changes) - made + len(chosen) - len(names),
        journal=journal,
        names=tuple(NamedBoxes(name, count) for name, count in sorted(counts.items())),
        dry_run=dry_run,
    )


def _path_of_hits(dataset: Any, field: str, into: str) -> str:
    import fiftyone as fo

    if field == into:
        problem = f"what is shown are boxes of {into} already: relabel them instead"
        raise InputError("label_hits", [Fault("into", problem)])
    if label_type(dataset, field) is fo.Classification:
        problem = f"the hits in {field!r} are crops, which have a label: relabel_boxes changes it"
        raise InputError("label_hits", [Fault("field", problem)])
    require_writable(dataset, into, fo.Detections)
    if field == TILES and dataset.get_field(field) is None:
        advice = (
            "add_tiles cuts images into them, and find_needles finds hits there; hits among other "
            "boxes are labelled by the name of their field"
        )
        raise InputError("label_hits", [Fault("field", f"the dataset has no tiles: {advice}")])
    return boxes_path(dataset, field)


def _planned(
    dataset: Any, images: Iterator[_Image], into: str, user: str, moment: datetime
) -> _Plan:
    special = special_names(dataset)
    changes = []
    hits = unchanged = conflicts = 0
    for image in images:
        new = []
        for name, hit in image.hits:
            holders = {other for other, box in image.there if _holds(box, hit)}
            if name in holders:
                unchanged += 1
            elif holders & special:
                conflicts += 1
            else:
                new.append((name, hit))
        hits += len(new)
        for name, rectangle in _joined(new):
            after = {"label": name} | verdict_on(name, "confirmed", user, moment)
            changes.append(_added(image, into, rectangle, after))
    return _Plan(changes, hits, unchanged, conflicts)


def _names(
    dataset: Any,
    path: str,
    chosen: Sequence[tuple[str, str]],
    label: str,
    into: str,
    taxonomy: Taxonomy,
) -> dict[tuple[str, str], str]:
    """The name of each hit that is still there, by its sample id and its own.

    Raises:
        InputError: one is no name, or a hit has none.
    """
    searches = read_members(dataset, NEEDLE_RUNS, "pack")
    indexes = read_members(dataset, NEEDLE_RUNS, "brain_key")
    marks = [
        (needle_found(pack, indexes[key]), needle_score(pack, indexes[key]))
        for key, pack in searches.items()
        if dataset.get_field(f"{path}.{needle_found(pack, indexes[key])}") is not None
    ]
    wanted, samples = set(chosen), list(dict.fromkeys(sample for sample, _ in chosen))
    attributes = [name for pair in marks for name in pair]
    found: dict[tuple[str, str], str] = {}
    nameless = 0
    for image in columns.read_images(dataset.select(samples), boxes={path: attributes}):
        for box in columns.boxes_in(image, path):
            key = str(image["_id"]), str(box["_id"])
            if key not in wanted:
                continue
            scored = [(box.get(score), box.get(name)) for name, score in marks if box.get(name)]
            found[key] = label or (str(max(scored)[1]) if scored else "")
            nameless += not found[key]
    if nameless:
        hits = counted(nameless, "box was", "boxes were")
        problem = f"{hits} found by no needle: say what they show, or choose hits of find_needles"
        raise InputError("label_hits", [Fault("label", problem)])
    spelt = {name: _checked_name(dataset, name, into, taxonomy) for name in set(found.values())}
    return {key: spelt[name] for key, name in found.items()}


def _checked_name(dataset: Any, name: str, into: str, taxonomy: Taxonomy) -> str:
    """A name that is no taxon, in its known spelling.

    Raises:
        InputError: it is a taxon, a label of annotated boxes, or no name.
    """
    name = " ".join(name.split())
    if not name or not name.isprintable() or len(name) > _LONGEST:
        problem = f"{name[:80]!r} is no name: it takes 1 to {_LONGEST} printable characters"
        raise InputError("label_hits", [Fault("label", problem)])
    special = {folded(one): one for one in special_names(dataset)}
    if folded(name) in special:
        return special[folded(name)]
    taxon = taxonomy.certain(name)
    known = {concept for one in read_ingest_records(dataset).values() for concept in one.concepts}
    if dataset.get_field(into) is not None:
        known |= {one for one in dataset.distinct(f"{into}.detections.label") if one}
    used = next((one for one in known if folded(one) == folded(name)), None)
    if taxon is None and used is None:
        return name
    problem = (
        f"{name} is an animal, {taxon.name}: hits get names of what is no animal; draw a box for it"
        if taxon is not None
        else f"{used} is a label of annotated boxes; hits get names of their own"
    )
    raise InputError("label_hits", [Fault("label", problem)])


def _read(
    dataset: Any, path: str, into: str, names: Mapping[tuple[str, str], str]
) -> Iterator[_Image]:
    """The images of hits, with what they have already."""
    other = f"{into}.detections"
    wanted = {path: ("bounding_box",)}
    if dataset.get_field(into) is not None:
        wanted[other] = ("bounding_box", "label")  # type: ignore[assignment]  # of any length
    samples = dataset.select(list(dict.fromkeys(sample for sample, _ in names)))
    for image in columns.read_images(samples, ("metadata.width", "metadata.height"), wanted):
        sample_id, size = str(image["_id"]), image.get("metadata") or {}
        width, height = size.get("width"), size.get("height")
        hits = [
            (names[sample_id, str(box["_id"])], _rectangle(box))
            for box in columns.boxes_in(image, path)
            if (sample_id, str(box["_id"])) in names
        ]
        there = [(box.get("label"), _rectangle(box)) for box in columns.boxes_in(image, other)]
        yield _Image(sample_id, (width, height) if width and height else None, hits, there)


def _rectangle(box: Document) -> Rectangle:
    left, top, width, height = box["bounding_box"]
    return float(left), float(top), float(width), float(height)


def _joined(hits: Sequence[tuple[str, Rectangle]]) -> list[tuple[str, Rectangle]]:
    """Hits of one image, row by row: those of a name that overlap are the rectangle around them.

    Examples:
        >>> _joined([("rope", (0, 0, 0.5, 0.5)), ("rope", (0.25, 0, 0.5, 0.5))])
        [('rope', (0, 0, 0.75, 0.5))]
    """
    found: list[tuple[str, Rectangle]] = []
    for name, rectangle in hits:
        around = rectangle
        # What is larger now may overlap others, too.
        while near := [one for one in found if one[0] == name and _overlap(one[1], around)]:
            for one in near:
                left, top = min(one[1][0], around[0]), min(one[1][1], around[1])
                right = max(one[1][0] + one[1][2], around[0] + around[2])
                bottom = max(one[1][1] + one[1][3], around[1] + around[3])
                around = left, top, right - left, bottom - top
                found.remove(one)
        found.append((name, around))
    return sorted(found, key=lambda one: (one[1][1], one[1][0]))


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return all(
        min(one[at] + one[at + 2], other[at] + other[at + 2]) - max(one[at], other[at]) > _INSIDE
        for at in (0, 1)
    )


def _holds(box: Rectangle, hit: Rectangle) -> bool:
    return all(
        box[at] - _INSIDE <= hit[at] and hit[at] + hit[at + 2] <= box[at] + box[at + 2] + _INSIDE
        for at in (0, 1)
    )


def _added(image: _Image, into: str, rectangle: Rectangle, after: Mapping[str, Any]) -> Change:
    """A box that is added; the same place of an image always gives the same ids."""
    place = " ".join(f"{side:.6f}" for side in rectangle)
    digest = hashlib.sha256(f"fathomnet hit {into} {image.sample_id} {place}".encode()).hexdigest()
    drawn: dict[str, Any] = {
        "bounding_box": list(rectangle),
        # 13 digits are 52 bits: whole numbers that any program reads exactly.
        ANNOTATION_ID: FIRST_OWN_NUMBER + int(digest[-13:], 16),
        "iscrowd": 0,
    }
    if image.size is not None:
        drawn["area"] = rectangle[2] * image.size[0] * rectangle[3] * image.size[1]
    return Change(BoxState(image.sample_id, digest[:24], {}), after, drawn)
