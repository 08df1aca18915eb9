"""Sets the label map of a dataset, and brings labels from old names to those of the map."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ..dataset.columns import dataset_of
from ..dataset.documents import now
from ..dataset.hit_views import Hit, save_hits_view
from ..dataset.label_map import (
    keep_label_map,
    special_names,
    taxonomy_of,
)
from ..dataset.records import (
    bring_up_to_date,
    label_map_of,
    label_maps,
    reload_known,
    tree_of,
)
from ..dataset.schema import fields_holding, labels_path
from ..errors import Fault, InputError
from ..labels.verdicts import VERDICT_KEYS, state_of
from ..names import GROUND_TRUTH, REVIEWED_LABEL, view_of
from ..progress import Progress, silent
from ..taxonomy import LabelMap, Taxonomy, folded, read_label_map
from ..taxonomy.label_map import read_replacements
from ..taxonomy.table import ALL_RANKS
from ..text import counted
from .box_states import Change, box_ids, read_states
from .journal import acting_user, begin_journal, changes_of
from .relabel import carry_out, finish_open, ranks_of_name, renamed

RECONCILED: Final = "reconcile"
"""The verdict of a journal that brings labels to the names of a label map."""
AMBIGUOUS: Final = "ambiguous names"
"""Name of the saved view of boxes whose name has become several."""
_SHOWN: Final = 50
"""The most names that a result lists."""


@dataclass(frozen=True, slots=True)
class RankNames:
    """How many taxa of a label map have a rank."""

    rank: str
    names: int


@dataclass(frozen=True, slots=True)
class LabelMapResult:
    """The outcome of ``set_label_map``.

    Attributes:
        names: names that are taxa and may be given to labels.
        ranks: of the taxa, the highest rank first.
        special: names that are no taxa.
        deprecated: names that are not to be given any more.
        hash: SHA-256 of what the map says, which each evaluation keeps.
        version: its number on the dataset; 0 where it is none.
        form: of the file: ``ranks``, ``parents``, ``newick`` or ``darwin core``; empty for the
            project's own names.
        deprecated_labels: labels of the dataset that the map says are deprecated.
        unknown_labels: labels of the dataset that the map does not have, the first 50.
        ignored_columns: columns of the file that say nothing to a label map.
        dry_run: whether nothing was written.
    """

    names: int
    ranks: tuple[RankNames, ...]
    special: int
    deprecated: int
    hash: str
    version: int
    form: str
    deprecated_labels: tuple[str, ...]
    unknown_labels: tuple[str, ...]
    ignored_columns: tuple[str, ...]
    dry_run: bool


def set_label_map(
    dataset: Any,
    file: str = "",
    version: int | None = None,
    dry_run: bool = False,
    progress: Progress = silent,
) -> LabelMapResult:
    """Gives a dataset names of its own: which there are, where each stands, what old ones became.

    All that is about taxa follows it from then on: ranks, distances, evaluations, the panels, the
    names that forms offer. Earlier versions stay on the dataset and can be set again; labels are
    not changed.

    Args:
        dataset: a FiftyOne dataset.
        file: the label map, see ``taxonomy.read_label_map``.
        version: in place of a file the number of an earlier version; 0 for the project's own names.
        dry_run: say what the map holds, without writing anything.
        progress: called with the share done and a label.

    Raises:
        InputError: the file has faults, there is no such version, or both or neither is named;
            nothing was written.
    """
    dataset = dataset_of(dataset)
    if not dry_run:
        bring_up_to_date(dataset)
    progress(0.0, "reading the label map")
    chosen = check_label_map(dataset, file, version)
    label_map, tree, number = chosen.label_map, chosen.taxonomy, 0
    if not dry_run:
        user = acting_user()
        number = keep_label_map(dataset, label_map, chosen.source, chosen.form, user).version
    # The labels of all fields, boxes or not.
    used: set[str] = set()
    for field in fields_holding(dataset, *_kinds()):
        used.update(filter(None, dataset.distinct(f"{labels_path(dataset, field)}.label")))
    special = label_map.special if label_map else frozenset()
    unknown = used - tree.retired - special - special_names(dataset)
    ranks = Counter(taxon.rank for taxon in tree.taxa)
    known = {rank: place for place, rank in enumerate(ALL_RANKS)}
    order = sorted(ranks, key=lambda rank: (known.get(rank, len(known)), len(rank), rank))
    progress(1.0, f"{counted(len(tree.offered), 'name', 'names')}")
    return LabelMapResult(
        names=len(tree.offered),
        ranks=tuple(RankNames(rank, ranks[rank]) for rank in order),
        special=len(special),
        deprecated=len(tree.retired),
        hash=tree.sha256,
        version=number,
        form=chosen.form,
        deprecated_labels=tuple(sorted(tree.retired & used)[:_SHOWN]),
        unknown_labels=tuple(sorted(name for name in unknown if not tree.certain(name))[:_SHOWN]),
        ignored_columns=chosen.ignored,
        dry_run=dry_run,
    )


@dataclass(frozen=True, slots=True)
class ChosenMap:
    """The label map that a dataset is to have.

    Attributes:
        label_map: the map; None for the project's own names.
        source: name of its file.
        form: of the file; empty for the project's own names.
        ignored: columns of the file that say nothing to a label map.
    """

    label_map: LabelMap | None
    source: str
    form: str
    ignored: tuple[str, ...] = ()

    @property
    def taxonomy(self) -> Taxonomy:
        """Its tree."""
        return tree_of(self.label_map)


def check_label_map(dataset: Any, file: str = "", version: int | None = None) -> ChosenMap:
    """The label map that ``set_label_map`` would set; writes nothing, raises the same errors."""
    reload_known(dataset)
    if bool(file) == (version is not None):
        problem = "name either a file or an earlier version, not both"
        raise InputError("set_label_map", [Fault("file", problem)])
    if file:
        told = read_label_map(file)
        return ChosenMap(told.label_map, told.source, told.form, told.ignored)
    if version == 0:
        return ChosenMap(None, "", "")
    versions = label_maps(dataset)
    found = next((one for one in reversed(versions) if one.version == version), None)
    if found is None:
        there = ", ".join(f"{one.version} ({one.source})" for one in versions[-10:]) or "none yet"
        problem = f"there is no version {version}; 0 is the project's own names, there are: {there}"
        raise InputError("set_label_map", [Fault("version", problem)])
    return ChosenMap(found.label_map, found.source, found.form)


def _kinds() -> tuple[type, ...]:
    import fiftyone as fo

    return fo.Detections, fo.Classification


@dataclass(frozen=True, slots=True)
class Replacement:
    """What becomes of an old name.

    Attributes:
        old: the name.
        boxes: the number of boxes that have it.
        new: the names that it has become, from which somebody chooses where there are several.
        kind: ``renamed``: one name, and it alone has become that. ``merged``: several have become
            the same. ``ambiguous``: it has become several, or nothing; or the label map does not
            have it, and ``new`` is the name of which it may be a misspelling.
    """

    old: str
    boxes: int
    new: tuple[str, ...]
    kind: Literal["renamed", "merged", "ambiguous"]


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """The outcome of ``reconcile_labels``.

    Attributes:
        renamed: boxes that got the name that theirs has become.
        merged: boxes that got a name that several others have become too.
        ambiguous: boxes whose name has become several, or of which nobody says what it has become:
            they keep it.
        journal: key by which it can be undone; empty if nothing was changed.
        view: name of the saved view of the ambiguous boxes; empty where there are none.
        conflicts: boxes that somebody else changed in the meantime; they are left alone.
        replacements: of each old name that boxes have what becomes of it.
        without_replacement: names that boxes have and that have become nothing, or that the label
            map neither has nor has anything like; the first 50.
        dry_run: whether nothing was written.
    """

    renamed: int
    merged: int
    ambiguous: int
    journal: str
    view: str
    conflicts: int
    replacements: tuple[Replacement, ...]
    without_replacement: tuple[str, ...]
    dry_run: bool


def reconcile_labels(
    dataset: Any,
    field: str = GROUND_TRUTH,
    table: str = "",
    dry_run: bool = False,
    progress: Progress = silent,
) -> ReconcileResult:
    """Brings the labels of a field from old names to those that they have become.

    Where an old name has become one other, all its boxes get that, in a single run with a journal
    that ``undo_relabel`` takes back; a verdict on a box stands for the new name. Where it has
    become several, or nothing, or is not in the label map, its boxes keep it, and a saved view
    shows them. If it is started again after a kill, it finishes what was begun.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of boxes, or of one label an image, such as those of crops.
        table: file of old and new names, see ``taxonomy.label_map.read_replacements``; empty for
            what the label map of the dataset says of its deprecated names.
        dry_run: report exactly what would change, without writing anything.
        progress: called with the share done and a label.

    Raises:
        InputError: the table has faults, or there is neither a table nor a label map.
        DatasetError: ``field`` holds no labels.
    """
    dataset = dataset_of(dataset)
    if not dry_run:
        bring_up_to_date(dataset)
    plan = check_reconciliation(dataset, field, table)
    path = labels_path(dataset, field)
    journal, view, changes = "", "", []
    made = Counter({one.old: one.boxes for one in plan if one.kind != "ambiguous"})
    if not dry_run:
        progress(0.1, "reading the boxes")
        tree, user = taxonomy_of(dataset), acting_user()
        finished, settled = finish_open(dataset, tree, (field, "", RECONCILED), progress)
        if finished is not None and finished.user == user:
            # What a killed run of the same request had begun counts as done by this one.
            changes, journal = changes_of(dataset, finished), finished.key
        new = _changes(dataset, field, path, plan, tree)
        if new:
            progress(0.3, f"renaming {counted(len(new), 'box', 'boxes')}")
            note = f"old names of {Path(table).name if table else 'the label map'}"
            entry = begin_journal(dataset, field, "", note, user, now(), new, RECONCILED)
            carry_out(dataset, entry, new, settled)
            journal = entry.key
        changes += new
        made = _made(dataset, path, changes)
        view = _show_ambiguous(dataset, field, path, plan)
    kinds = {one.old: one.kind for one in plan}
    totals = Counter[str]()
    for name, boxes in made.items():
        totals[kinds.get(name, "renamed")] += boxes
    progress(1.0, f"{counted(made.total(), 'box', 'boxes')} renamed")
    return ReconcileResult(
        renamed=totals["renamed"],
        merged=totals["merged"],
        ambiguous=sum(one.boxes for one in plan if one.kind == "ambiguous"),
        journal=journal,
        view=view,
        conflicts=0 if dry_run else len(changes) - made.total(),
        replacements=tuple(one for one in plan if one.boxes and one.new),
        without_replacement=tuple(one.old for one in plan if one.boxes and not one.new)[:_SHOWN],
        dry_run=dry_run,
    )


def check_reconciliation(
    dataset: Any, field: str = GROUND_TRUTH, table: str = ""
) -> tuple[Replacement, ...]:
    """What ``reconcile_labels`` would do with each old name; writes nothing, raises the same.

    Returns:
        Also the old names that no box has any more.
    """
    reload_known(dataset)
    path = labels_path(dataset, field)
    tree, label_map, special = taxonomy_of(dataset), label_map_of(dataset), special_names(dataset)
    counts = dataset.count_values(f"{path}.label")
    counts.pop(None, None)
    known = {*tree.offered, *special} - tree.retired
    proposed: dict[str, tuple[str, ...]] = {}
    if table:
        told = read_replacements(table)
        faults = [
            Fault(place, f"{name[:80]!r} is {_unknown(name, tree, known)}")
            for place, names in told.values()
            for name in names
            if name not in known and (name in tree.retired or name not in counts)
        ]
        if faults:
            raise InputError(table, faults, "New names are those of the label map.")
        replaced = {old: names for old, (_, names) in told.items()}
    elif label_map is None:
        problem = "name a table of old and new names, or set a label map first"
        raise InputError("reconcile_labels", [Fault("table", problem)])
    else:
        replaced = dict(label_map.replaced)
        # Labels that are spelt otherwise than the map spells them, by case or spaces only.
        spelt: dict[str, tuple[str, ...]] = {folded(name): (name,) for name in known}
        spelt |= {folded(old): names for old, names in replaced.items() if names}
        strange = counts.keys() - known - replaced.keys()
        replaced |= {name: spelt[folded(name)] for name in strange if folded(name) in spelt}
        strange = {name for name in strange - replaced.keys() if not tree.certain(name)}
        proposed = _proposed(Counter({name: counts[name] for name in strange}), tree, known)
    sources = Counter(names[0] for names in replaced.values() if len(names) == 1)
    found = [
        *((old, names, _kind(names, sources)) for old, names in replaced.items()),
        *((old, names, _kind((), sources)) for old, names in proposed.items()),
    ]
    return tuple(
        Replacement(old, counts.get(old, 0), names, kind) for old, names, kind in sorted(found)
    )


def _proposed(strange: Counter[str], tree: Taxonomy, known: set[str]) -> dict[str, tuple[str, ...]]:
    """Of names that a label map does not have, the one of which each may be a misspelling."""
    found: dict[str, tuple[str, ...]] = dict.fromkeys(strange, ())
    # Milliseconds each, and a form waits.
    for name, _ in strange.most_common(_SHOWN):
        near = tree.suggest(name, known)
        if near in known:
            found[name] = (str(near),)
    return found


def _unknown(name: str, tree: Taxonomy, known: set[str]) -> str:
    """Why a name cannot be given to labels."""
    if name in tree.retired:
        return "deprecated by the label map"
    near = tree.suggest(name, known)
    return "no name of this dataset" + (f"; did you mean {near}?" if near and near != name else "")


def _kind(
    names: tuple[str, ...], sources: Mapping[str, int]
) -> Literal["renamed", "merged", "ambiguous"]:
    if len(names) != 1:
        return "ambiguous"
    return "merged" if sources[names[0]] > 1 else "renamed"


def _changes(
    dataset: Any, field: str, path: str, plan: Sequence[Replacement], tree: Taxonomy
) -> list[Change]:
    """The boxes that get another name, and what each gets."""
    from fiftyone import ViewField

    new = {one.old: one.new[0] for one in plan if one.boxes and one.kind != "ambiguous"}
    if not new:
        return []
    view = dataset.filter_labels(field, ViewField("label").is_in(list(new)))
    ranks = {name: ranks_of_name(dataset, name, tree) for name in set(new.values())}
    changes = []
    for one in read_states(dataset, path, box_ids(view, path)):
        name = new.get(str(one.state.get("label")))
        if name is not None:
            verdict = {key: one.state[key] for key in VERDICT_KEYS if key in one.state}
            if state_of(one.state) != "unreviewed":
                verdict[REVIEWED_LABEL] = name
            changes.append(Change(one, {**verdict, **renamed(one.state, name, ranks[name])}))
    return changes


def _made(dataset: Any, path: str, changes: Sequence[Change]) -> Counter[str]:
    """By old name the boxes that have their new one."""
    ids = [(one.box.sample_id, one.box.label_id) for one in changes]
    there = read_states(dataset, path, ids, keys=("label",)) if ids else []
    now_named = {one.label_id: one.state.get("label") for one in there}
    return Counter(
        str(one.box.state["label"])
        for one in changes
        if now_named.get(one.box.label_id) == one.after["label"]
    )


def _show_ambiguous(dataset: Any, field: str, path: str, plan: Sequence[Replacement]) -> str:
    """Saves the view of the boxes whose names are ambiguous; empty where there are none."""
    from fiftyone import ViewField

    names = [one.old for one in plan if one.kind == "ambiguous" and one.boxes]
    among = ViewField("label").is_in(names)
    boxes = box_ids(dataset.filter_labels(field, among), path) if names else []
    hits = [Hit(label, sample, 1.0) for sample, label in boxes]
    name = view_of(AMBIGUOUS, field)
    words = "Boxes whose names have become several, or nothing: somebody has to choose"
    return name if save_hits_view(dataset, name, field, hits, words, among=among) else ""
