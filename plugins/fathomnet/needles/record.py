"""Keeps what a search for needles found on the dataset: scores, saved views and a record."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any, ClassVar, Final

from ..dataset.collection import set_label_values
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.records import read_record, write_record
from ..dataset.schema import boxes_path, declare
from ..names import needle_found, needle_score, needles_run_key
from ..progress import Progress
from ..tiles import TileGrid
from .packs import Pack


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
    # The boxes or images that have a score now, with the ids of their samples.
    columns = zip(*dataset.values(["id", f"{prefix}id", score]), strict=True)
    holders = {
        id_: sample_id
        for sample_id, ids, values in columns
        for id_, value in (zip(ids or (), values or (), strict=True) if prefix else [(ids, values)])
        if value is not None
    }
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


_LONGEST_NAME: Final = 60
"""The most characters of a needle's name that a view's name shows."""


@dataclass(frozen=True, slots=True)
class Search:
    """A pack and the index to search for it, with the grid if its boxes are tiles."""

    pack: Pack
    brain_key: str
    model: str
    patches_field: str
    grid: TileGrid | None = None

    @property
    def key(self) -> str:
        """The key of the run that records the search."""
        return needles_run_key(self.pack.name, self.brain_key)

    def view(self, needle: str = "") -> str:
        """The name of the view of a needle's hits, or of all the pack's hits.

        FiftyOne makes a view's URL from the letters, digits and hyphens of its name; names that
        would lose more than blanks by that are told apart by a digest.
        """
        short = needle
        if len(needle) > _LONGEST_NAME or not re.fullmatch(
            r"[A-Za-z0-9]+( [A-Za-z0-9]+)*|", needle
        ):
            digest = hashlib.sha256(needle.encode()).hexdigest()[:6]
            short = f"{needle[:_LONGEST_NAME].strip()} {digest}"
        return f"{self.pack.name}{needle and ': '}{short} ({self.brain_key})"

    def description(self, needle: str = "") -> str:
        """The description of that view: what it shows and where it came from."""
        what = f"Hits of {needle}" if needle else "Hits of all needles"
        source = f"pack {self.pack.name}, version {self.pack.version}, {self.model}"
        return f"{what}, best first; {source}, {datetime.now(timezone.utc):%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class NeedleHits:
    """What one needle found.

    Attributes:
        threshold: the score that its hits exceed.
        hits: best first.
    """

    threshold: float
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class NeedlesRecord:
    """What a dataset keeps of a pack's last search of an index.

    Attributes:
        pack: its name.
        pack_version: its version.
        pack_sha256: hash of its file.
        brain_key: of the index.
        model: of the index.
        searched_at: UTC, ISO 8601.
        views: names of the saved views of the needles.
        needles: what each needle found, by its name.
    """

    METHOD: ClassVar[str] = "find_needles"

    pack: str
    pack_version: int
    pack_sha256: str
    brain_key: str
    model: str
    searched_at: str
    views: tuple[str, ...]
    needles: Mapping[str, NeedleHits]


@dataclass(frozen=True, slots=True)
class FoundNeedle:
    """What one needle found, for the caller of the search.

    Attributes:
        prompt: the needle's name or, for a prompt of the caller's own, its text.
        view: name of the saved view with its hits, best first; empty if there are none.
        hits: the number of hits.
        new: how many of them the previous search did not find.
    """

    prompt: str
    view: str
    hits: int
    new: int


def keep_hits(
    dataset: Any,
    search: Search,
    found: Mapping[str, NeedleHits],
    there: set[str],
    progress: Progress,
) -> tuple[FoundNeedle, ...]:
    """Writes scores, then views, and last the record, so that hits stay new until all is written.

    Needles of an earlier search with the same version of the pack keep their hits and views even
    if this search does not include them, so prompts may be searched for one after another.

    Args:
        dataset: a FiftyOne dataset.
        search: what was searched for, and where.
        found: hits by the needle's name.
        there: ids of the boxes or images that the dataset has now.
        progress: called with the share done and a label.
    """
    record = read_record(dataset, search.key, NeedlesRecord)
    before: dict[str, NeedleHits] = {}
    version = (search.pack.version, search.pack.sha256)
    if record and (record.pack_version, record.pack_sha256) == version:
        before = {
            name: replace(needle, hits=tuple(hit for hit in needle.hits if hit.id in there))
            for name, needle in record.needles.items()
        }
    every = {**before, **found}
    hits = {name: needle.hits for name, needle in every.items()}
    progress(0.0, "writing scores")
    write_best(dataset, search.patches_field, search.pack.name, search.brain_key, hits)
    for done, (name, needle_hits) in enumerate(hits.items()):
        progress((done + 1) / (len(hits) + 2), f"saving the view of {name}")
        view, words = search.view(name), search.description(name)
        save_hits_view(dataset, view, search.patches_field, needle_hits, words)
    best: dict[str, Hit] = {}
    for _, hit in best_first(hits):
        best.setdefault(hit.id, hit)
    shown = tuple(best.values())
    shown = search.grid.without_overlaps(shown) if search.grid else shown
    save_hits_view(dataset, search.view(), search.patches_field, shown, search.description())
    views = tuple(map(search.view, every))
    for view in set(record.views if record else ()).difference(views):
        if dataset.has_saved_view(view):
            dataset.delete_saved_view(view)
    written = NeedlesRecord(
        pack=search.pack.name,
        pack_version=search.pack.version,
        pack_sha256=search.pack.sha256,
        brain_key=search.brain_key,
        model=search.model,
        searched_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        views=views,
        needles=every,
    )
    write_record(dataset, search.key, written)
    return tuple(
        FoundNeedle(
            prompt=name,
            view=search.view(name) if needle.hits else "",
            hits=len(needle.hits),
            new=len(_ids(needle.hits) - _ids(before[name].hits if name in before else ())),
        )
        for name, needle in found.items()
    )


def _ids(hits: Iterable[Hit]) -> set[str]:
    return {hit.id for hit in hits}
