"""Resolves names by WoRMS: a label map with their places, and what somebody has to decide."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal

from ..dataset.columns import dataset_of
from ..dataset.label_map import special_names
from ..dataset.records import label_map_of, reload_known
from ..dataset.schema import labels_path
from ..errors import Fault, InputError
from ..files.places import Place, place
from ..files.reading import SourceFile, read_source
from ..files.writing import folder_problem, write_whole
from ..names import GROUND_TRUTH
from ..progress import Progress, portion, silent
from ..taxonomy import LabelMap, folded
from ..taxonomy.label_map import LONGEST_NAME, MappedName, label_map_in, read_names
from ..taxonomy.table import ALL_RANKS
from ..taxonomy.worms import Answers, AphiaRecord, RefusedError, Register
from ..text import counted

LABEL_MAP: Final = "label_map.csv"
DOUBTFUL: Final = "doubtful_names.csv"
ANSWERS: Final = "worms_answers.json"

Doubtful = Literal[
    "not found",
    "near spelling",
    "several taxa",
    "homonym",
    "other spelling",
    "not accepted",
    "not marine",
    "in use",
    "no name",
    "refused",
]
"""``several taxa``: none of them was taken. ``homonym``: one was, and there are others."""

_SHOWN: Final = 50
"""The most names that a result lists."""
_NEAREST: Final = 5
"""The most records that a doubt tells."""
_TOP: Final = "superdomain"
"""The rank of what WoRMS puts above the kingdoms, and the pinned tree does not."""
_GO_ON: Final = f"in {LABEL_MAP}, and resolve that again, as the file"
_OUTSIDE: Final = "give it a parent; or the status special, if it is no taxon"
_LATER: Final = f"run it again later; or {_OUTSIDE}: {_GO_ON}"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A name about which somebody has to decide, or at which somebody should look.

    Attributes:
        name: as labels have it.
        labels: how many labels have it.
        doubt: what is doubtful.
        told: what WoRMS says.
        advice: what to do about it.
    """

    name: str
    labels: int
    doubt: Doubtful
    told: str
    advice: str


@dataclass(frozen=True, slots=True)
class ResolveResult:
    """The outcome of ``resolve_names``.

    Attributes:
        names: that were resolved.
        accepted: of these those that are accepted names of taxa.
        synonyms: of these those that stand for an accepted name now, and are deprecated.
        not_placed: of these those that WoRMS does not know, knows several taxa of, or does not
            answer about.
        decided: of these those of which the label map says itself that they are special or
            deprecated.
        doubtful: of these those at which somebody should look.
        label_map: the file of all names and of those above them.
        doubtful_names: the file that lists what is doubtful, and what to do.
        answers: the file that keeps what WoRMS has answered.
        hash: SHA-256 of what the label map says.
        questions: that were asked of WoRMS; none where all answers were there.
        doubts: the first 50 of the list.
    """

    names: int
    accepted: int
    synonyms: int
    not_placed: int
    decided: int
    doubtful: int
    label_map: str
    doubtful_names: str
    answers: str
    hash: str
    questions: int
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class NamesToResolve:
    """What ``resolve_names`` would ask about.

    Attributes:
        names: those to resolve, each with what a label map says of it.
        labels: how many labels of the field have each, by its folded name.
        known: what the label map says of further names, such as those above.
        unusable: labels that no label map can hold.
        answered: how many of the names WoRMS has been asked about before.
        label_map: the file that the map is written to; the others go beside it.
    """

    names: tuple[MappedName, ...]
    labels: Mapping[str, int]
    known: Mapping[str, MappedName]
    unusable: tuple[str, ...]
    answered: int
    label_map: Place


def resolve_names(
    dataset: Any,
    field: str = GROUND_TRUTH,
    file: str = "",
    folder: str = "",
    progress: Progress = silent,
) -> ResolveResult:
    """Asks WoRMS where names stand, and writes a label map of them that ``set_label_map`` takes.

    An accepted name gets its place, with every taxon above it; a synonym becomes a deprecated name
    of the accepted one. A name that WoRMS does not know stands where the label map at hand puts it,
    or else at the top, and is listed with what to do about it; so does one about which WoRMS gives
    no answer while it gives others. What that map says is special or deprecated stays so. Every
    answer is kept as it comes: started again, it asks for the others.

    Args:
        dataset: a FiftyOne dataset.
        field: the field whose labels are resolved, with the names of the dataset's label map.
        file: in place of a field a file of names, see ``taxonomy.label_map.read_names``; a label
            map counts as the map at hand.
        folder: takes ``label_map.csv``, ``doubtful_names.csv`` and ``worms_answers.json``.
        progress: called with the share done and a label.

    Raises:
        InputError: the file or the folder cannot be used, there are no names, or somebody has
            changed the label map that is there; nothing was written.
        DatasetError: ``field`` holds no labels.
        SetupError: WoRMS cannot be reached, or gives no usable answer; what it has answered so far
            is kept.
    """
    plan = check_names(dataset, field, file, folder)
    plan.label_map.parent.mkdir(parents=True, exist_ok=True)
    doubtful, answers = (plan.label_map.with_name(name) for name in (DOUBTFUL, ANSWERS))
    register = Register(answers)
    found = _resolved(plan, register, progress)
    label_map, further = _label_map(found, plan, register.answers)
    doubts = sorted(
        (*further, *(doubt for one in found.values() for doubt in one.doubts(plan.labels))),
        key=lambda one: (one.name, one.doubt),
    )
    doubts += [_no_name(name, plan.labels) for name in plan.unusable]
    content = label_map.as_table().encode()
    digest = sha256(content).hexdigest()
    if digest not in register.answers.written:
        register.answers.written.append(digest)
        register.keep()
    # The list goes first: whoever finds the map finds what is doubtful about it.
    write_whole(doubtful, _as_table(doubts).encode())
    write_whole(plan.label_map, content)
    asked = [found[folded(one.name)] for one in plan.names]
    progress(1.0, f"{counted(len(asked), 'name', 'names')} resolved")
    return ResolveResult(
        names=len(asked) + len(plan.unusable),
        accepted=sum(one.is_accepted for one in asked),
        synonyms=sum(one.record is not None and not one.is_accepted for one in asked),
        not_placed=sum(one.record is None and one.entry.status == "active" for one in asked),
        decided=sum(one.entry.status != "active" for one in asked),
        doubtful=len({one.name for one in doubts}),
        label_map=str(plan.label_map),
        doubtful_names=str(doubtful),
        answers=str(answers),
        hash=label_map.sha256,
        questions=register.questions,
        doubts=tuple(doubts[:_SHOWN]),
    )


def check_names(
    dataset: Any, field: str = GROUND_TRUTH, file: str = "", folder: str = ""
) -> NamesToResolve:
    """The names that ``resolve_names`` would resolve; asks nobody, writes nothing.

    Raises:
        FathomNetError: those of ``resolve_names`` that need no answer of WoRMS.
    """
    reload_known(dataset)
    given, labels, known = _given(dataset, field, file)
    usable = {
        folded(one.name): one
        for one in reversed(given)
        if one.name.isprintable() and len(one.name) <= LONGEST_NAME
    }
    names = tuple(sorted(usable.values(), key=lambda one: one.name))
    unusable = tuple(one.name for one in given if folded(one.name) not in usable)
    if not names:
        where = f"the file {file}" if file else f"the field {field!r}"
        problem = f"{where} holds no label that could be a name"
        raise InputError("resolve_names", [Fault("file" if file else "field", problem)])
    problem = folder_problem(folder) if folder else "name a folder"
    if problem:
        raise InputError("resolve_names", [Fault("folder", problem)])
    target = place(folder)
    answers = Answers.read(target / ANSWERS)
    written = target / LABEL_MAP
    if written.exists() and not (file and place(file).resolve() == written.resolve()):
        there = read_source(written)
        if there.sha256 not in answers.written:
            problem = f"{written} is not as it was written: somebody has decided something there"
            advice = "Name it as the file of names, or name another folder."
            raise InputError("resolve_names", [Fault("folder", problem)], advice)
    answered = sum(one.name in answers.names for one in names)
    return NamesToResolve(names, labels, known, unusable, answered, written)


def _given(
    dataset: Any, field: str, file: str
) -> tuple[tuple[MappedName, ...], Counter[str], dict[str, MappedName]]:
    """The names, how many labels have each (folded), and what the label map at hand says."""
    labels: Counter[str] = Counter()
    names = {""}
    # Beside a file the labels are only counted, where there are any.
    if not file or dataset.get_field(field) is not None:
        path = labels_path(dataset, field)
        for label, number in dataset_of(dataset).count_values(f"{path}.label").items():
            name = " ".join((label or "").split())
            names.add(name)
            labels[folded(name)] += number
    if file:
        given = read_names(file)
        return given, labels, {one.name: one for one in given}
    label_map = label_map_of(dataset)
    known = {one.name: one for one in label_map.names} if label_map else {}
    for name in special_names(dataset):
        known.setdefault(name, MappedName(name, status="special"))
    if names == {""}:
        return (), labels, known
    # What the map at hand has and no label has stays in the new one.
    names = (names | known.keys()) - {""}
    return tuple(known.get(one, MappedName(one)) for one in sorted(names)), labels, known


@dataclass(frozen=True, slots=True)
class _Found:
    """What WoRMS says of a name.

    Attributes:
        entry: what the label map at hand says of it.
        record: the record that was taken; None where there is none, or several could be meant.
        way: the numbers of the taxa from the top of the tree to the accepted one.
        doubtful: what is doubtful, what WoRMS says, and what to do.
    """

    entry: MappedName
    record: AphiaRecord | None = None
    way: tuple[int, ...] = ()
    doubtful: tuple[tuple[Doubtful, str, str], ...] = ()

    @property
    def is_accepted(self) -> bool:
        return self.record is not None and self.record.accepted_id == self.record.aphia_id

    def doubts(self, labels: Mapping[str, int]) -> Iterator[Doubt]:
        name = self.entry.name
        for doubt, told, advice in self.doubtful:
            yield Doubt(name, labels.get(folded(name), 0), doubt, told, advice)


def _resolved(plan: NamesToResolve, register: Register, progress: Progress) -> dict[str, _Found]:
    """What WoRMS says of the names, and of those that they need, each by its folded name."""
    found: dict[str, _Found] = {}
    waiting: Sequence[MappedName] = plan.names
    while waiting:
        part = portion(progress, *((0.9, 1.0) if found else (0.0, 0.9)))
        # What was on the way to another taxon is known by its number.
        on_a_way = register.answers.nodes.keys()
        to_ask = (one for one in waiting if one.status == "active" and one.aphia_id not in on_a_way)
        register.ask_names([one.name for one in to_ask], portion(part, 0.0, 0.3))
        for done, one in enumerate(waiting):
            label = f"placing {done:,}/{len(waiting):,} names: {one.name}"
            part(0.3 + 0.7 * done / len(waiting), label)
            try:
                found[folded(one.name)] = _judged(one, register)
            except RefusedError as refusal:
                told = f"no answer about it: {refusal}"
                found[folded(one.name)] = _Found(one, doubtful=(("refused", told, _LATER),))
        # What stays outside WoRMS needs the names above it, and an old name those it has become.
        needed: dict[str, MappedName] = {}
        for one in waiting:
            is_outside = found[folded(one.name)].record is None
            for name in (*one.maps_to, one.parent * is_outside):
                if name and folded(name) not in found:
                    needed[folded(name)] = plan.known.get(name, MappedName(name))
        waiting = tuple(needed.values())
    return found


def _judged(entry: MappedName, register: Register) -> _Found:
    """Takes the record that a name stands for, and asks for its place.

    Raises:
        RefusedError: WoRMS does not answer about it.
    """
    if entry.status != "active":
        return _Found(entry)
    if entry.aphia_id is None and entry.name in register.refused:
        raise RefusedError(register.refused[entry.name])
    records = register.answers.names.get(entry.name, ())
    records = tuple(one for one in records if one.name and one.aphia_id > 0)
    if entry.aphia_id is None:
        record, doubtful = choose(entry.name, records)
    else:
        among = (one for one in records if one.aphia_id == entry.aphia_id)
        record, doubtful = next(among, None) or register.record(entry.aphia_id), []
        if record is None:
            told = f"there is no AphiaID {entry.aphia_id}"
            doubtful = [("not found", told, f"correct its aphia_id: {_GO_ON}")]
    if record is None:
        return _Found(entry, doubtful=tuple(doubtful))
    if record.is_marine is False and not record.is_brackish:
        told = f"{_described(record)} does not live in the sea"
        advice = "see whether another taxon is meant; it has its place"
        doubtful.append(("not marine", told, advice))
    if record.accepted_id == record.aphia_id and record.status not in (None, "accepted"):
        told = f"{_described(record)} is {record.status}"
        told += f": {record.reason}" if record.reason else ""
        advice = "see whether your field has another name for it; it has its place"
        doubtful.append(("not accepted", told, advice))
    return _Found(entry, record, register.way_to(record), tuple(doubtful))


def choose(
    name: str, records: Sequence[AphiaRecord]
) -> tuple[AphiaRecord | None, list[tuple[Doubtful, str, str]]]:
    """The record that a name stands for, and what is doubtful about that.

    A record counts that WoRMS calls an exact match. Of several the accepted ones come first, then
    those of the sea; where these are still several taxa, none is taken.

    Args:
        name: as labels have it.
        records: what WoRMS has answered about it.

    Examples:
        >>> star = AphiaRecord(AphiaID=123776, scientificname="Asterias rubens", match_type="exact")
        >>> choose("Asterias rubens", [star])[0].aphia_id
        123776
        >>> near = star.model_copy(update={"match": "near_1"})
        >>> [doubt for doubt, _, _ in choose("Asterias rubns", [near])[1]]
        ['near spelling']
    """
    exact = [one for one in records if (one.match or "").startswith("exact")]
    if not exact and records:
        told = "; ".join(map(_described, records[:_NEAREST]))
        meant = f"the status deprecated and {records[0].name} as maps_to, if that is meant"
        advice = f"{_OUTSIDE}; or {meant}: {_GO_ON}"
        return None, [("near spelling", told, advice)]
    if not exact:
        known = "the status deprecated and its other name as maps_to, if it has one"
        advice = f"{_OUTSIDE}; or {known}: {_GO_ON}"
        return None, [("not found", "nothing like it", advice)]
    taken = exact
    for is_better in (
        lambda one: one.accepted_id == one.aphia_id and one.status == "accepted",
        lambda one: one.accepted_id == one.aphia_id,
        lambda one: one.is_marine is not False,
    ):
        if len({one.accepted_id for one in taken}) > 1:
            taken = [one for one in taken if is_better(one)] or taken
    others = "; ".join(map(_described, exact[:_NEAREST]))
    if len({one.accepted_id for one in taken}) > 1:
        return None, [("several taxa", others, f"give it the aphia_id of what is meant: {_GO_ON}")]
    chosen = min(taken, key=lambda one: (one.accepted_id != one.aphia_id, one.aphia_id))
    doubtful: list[tuple[Doubtful, str, str]] = []
    if len({one.accepted_id for one in exact}) > 1:
        advice = (
            f"{_described(chosen)} was taken; if another is meant, give it that aphia_id: {_GO_ON}"
        )
        doubtful.append(("homonym", others, advice))
    if chosen.name != name:
        advice = "reconcile_labels brings the labels to the name of the map"
        doubtful.append(("other spelling", f"it is written {chosen.name}", advice))
    return chosen, doubtful


def _described(record: AphiaRecord) -> str:
    """A record in words: its name, authority, rank and number."""
    words = [f"AphiaID {record.aphia_id}", (record.rank or "").lower()]
    words += [record.kingdom or "", record.status or ""]
    match = record.match or ""
    words.append("" if match.startswith("exact") else match)
    name = " ".join(filter(None, (record.name, record.authority)))
    return f"{name} ({', '.join(filter(None, words))})"


def _no_name(name: str, labels: Mapping[str, int]) -> Doubt:
    told = f"a name has {LONGEST_NAME} printable characters at most"
    number = labels.get(folded(name), 0)
    return Doubt(name[:LONGEST_NAME], number, "no name", told, "relabel these")


def _label_map(
    found: Mapping[str, _Found], plan: NamesToResolve, answers: Answers
) -> tuple[LabelMap, list[Doubt]]:
    """The label map of what was found, and further doubts.

    Raises:
        InputError: the names make no sound label map, for example because they are too many.
    """
    named = _names_of_taxa(found, answers)
    rows = _taxa(found, named, answers)

    def named_today(name: str) -> str:
        """The name under which the map has a name."""
        one = found.get(folded(name))
        if one is not None and one.way:
            return named[one.way[-1]]
        return rows[folded(name)].name if folded(name) in rows else name

    further = []
    for key, one in found.items():
        entry, record = one.entry, one.record
        if record is not None:
            today = named[one.way[-1]]
            if key not in (folded(today), _numbered(today, one.way[-1])):
                old = replace(entry, parent="", status="deprecated", maps_to=(today,))
                rank = (record.rank or "").lower()
                rows[key] = replace(old, rank=rank, aphia_id=record.aphia_id)
        elif key not in rows:
            targets = dict.fromkeys(map(named_today, entry.maps_to))
            rows[key] = replace(entry, maps_to=tuple(targets), parent=named_today(entry.parent))
        elif entry.status != "active":
            told = f"{rows[key].name} stands above other names"
            advice = f"it is active now, and was {entry.status}; see whether another is meant"
            further.append(
                Doubt(entry.name, plan.labels.get(entry.name, 0), "in use", told, advice)
            )
    rows = {key: _kept_parent(one, rows) for key, one in rows.items()}
    names = sorted(_without_contradictions(rows), key=lambda one: one.name)
    label_map = LabelMap(tuple(names))
    content = label_map.as_table().encode()
    file = str(plan.label_map)
    label_map_in(SourceFile(file, LABEL_MAP, content, sha256(content).hexdigest()))
    return label_map, further


def _names_of_taxa(found: Mapping[str, _Found], answers: Answers) -> dict[int, str]:
    """The name of each taxon that the map needs, by its number; no two are alike."""
    asked = {one.way[-1] for one in found.values() if one.way}
    # Names that labels have go to what these mean, whatever else is called so.
    own = {key: one.way[-1] for key, one in found.items() if one.way}
    numbers = dict.fromkeys(number for one in found.values() for number in one.way)
    named: dict[int, str] = {}
    for number in sorted(numbers, key=lambda one: (one not in asked, one)):
        node = answers.nodes[number]
        if node.rank.lower() == _TOP and number not in asked:
            continue
        name = " ".join(node.name.split())  # as it is read again
        is_taken = own.setdefault(folded(name), number) != number
        named[number] = f"{name} ({number})" if is_taken else name
    return named


def _taxa(
    found: Mapping[str, _Found], named: Mapping[int, str], answers: Answers
) -> dict[str, MappedName]:
    """The rows of the taxa, by folded name."""
    groups = {one.way[-1]: one.entry.supercategory for one in found.values() if one.is_accepted}
    rows = {}
    for number, name in named.items():
        node = answers.nodes[number]
        rows[folded(name)] = MappedName(
            name,
            # Of plants WoRMS says "Phylum (Division)".
            rank=node.rank.partition("(")[0].strip().lower(),
            parent=named.get(node.parent, "") if node.parent is not None else "",
            supercategory=groups.get(number, ""),
            aphia_id=number,
        )
    return rows


def _numbered(name: str, number: int) -> str:
    return folded(f"{name.removesuffix(f' ({number})')} ({number})")


def _kept_parent(one: MappedName, rows: Mapping[str, MappedName]) -> MappedName:
    """A name below its parent, or below what that has become; at the top where that is no taxon."""
    above = rows.get(folded(one.parent))
    if above is not None and above.status == "deprecated":
        above = rows.get(folded(above.maps_to[0])) if len(above.maps_to) == 1 else None
    is_fit = above is not None and above.status == "active" and above.name != one.name
    return replace(one, parent=above.name if is_fit and above is not None else "")


def _without_contradictions(rows: Mapping[str, MappedName]) -> Iterator[MappedName]:
    """The names, without the rank of those that would stand under one of the same or a lower rank.

    WoRMS has such: a section is above a family of crabs, and below a genus of algae.
    """
    by_name = {one.name: one for one in rows.values()}
    kept: dict[str, str] = {"": ""}

    def rank_above(name: str) -> int:
        while name and kept[name] not in ALL_RANKS:
            name = by_name[name].parent
        return ALL_RANKS.index(kept[name]) if name else -1

    for one in rows.values():
        way = [one.name]
        while way[-1] not in kept:
            way.append(by_name[way[-1]].parent)
        for name in reversed(way[:-1]):
            rank = by_name[name].rank
            is_below = rank not in ALL_RANKS or ALL_RANKS.index(rank) > rank_above(
                by_name[name].parent
            )
            kept[name] = rank if is_below or by_name[name].status != "active" else ""
        yield replace(one, rank=kept[one.name])


def _as_table(doubts: Iterable[Doubt]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("name", "labels", "doubt", "told", "advice"))
    writer.writerows((one.name, one.labels, one.doubt, one.told, one.advice) for one in doubts)
    return text.getvalue()
