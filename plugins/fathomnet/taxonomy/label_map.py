"""The label map of a data set: its names, where each stands, and what has become of old ones.

A file of any of four forms is read, told apart by its content: our own table (a name and its seven
ranks), a table of names and parents, a tree in Newick, and a Darwin Core taxon table
(https://dwc.tdwg.org/terms/#taxon).

Where a file states ranks, a name of one of the seven fills that slot, and every other name is a
node below its parent that fills none. Where it states none, its levels fill the slots from the top.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, get_args

from typing_extensions import Self

from ..errors import Fault, InputError
from ..files.reading import SourceFile, decode, read_source
from ..names import OWN_RANK, RANKS
from .table import ALL_RANKS, LineFault, Taxon, folded, one_spelling, taxa_of_rows
from .tree import Taxonomy

Status = Literal["active", "deprecated", "special"]
"""``deprecated``: not to be given any more. ``special``: no taxon, such as noise or unknown."""
Form = Literal["ranks", "parents", "newick", "darwin core"]

NO_RANK: Final = "no rank"
"""Of a name without a rank in a file that states ranks."""
MOST_NAMES: Final = 10_000
"""The distances between so many names take 100 MB."""
_DEEPEST: Final = 100
"""Names above each other."""
LONGEST_NAME: Final = 200
"""Characters of a name."""
_NAME_COLUMNS: Final = ("name", "concept", "label", "taxon")
_MORE_COLUMNS: Final = (OWN_RANK, "supercategory", "status", "maps_to", "aphia_id")
_SEPARATOR: Final = re.compile(r"\s*[;|]\s*")
_APHIA: Final = re.compile(r"(?:urn:lsid:marinespecies\.org:taxname:)?([1-9]\d{0,9})")
_TOKEN: Final = re.compile(
    r"(?P<space>\s+|\[[^\]]*\]|:\s*[-+.\deE]+)|(?P<mark>[(),;])"
    r"|'(?P<quoted>(?:[^']|'')*)'|(?P<plain>[^\s()\[\]',:;][^()\[\]',:;]*)"
)
"""Of Newick: what says nothing here (comments and lengths), marks and names."""
_ADVICE: Final = (
    "A label map is a table with the columns name and parent, or name and the seven ranks (beside "
    "them rank, supercategory, status, maps_to and aphia_id where there is something to say), a "
    "tree in Newick, or a Darwin Core taxon table."
)


@dataclass(frozen=True, slots=True)
class MappedName:
    """One name of a label map.

    Attributes:
        name: as labels have it.
        rank: as the file states it; empty where it states none.
        parent: the name directly above it; empty for none.
        supercategory: a group of the user's own; empty for none.
        status: whether it may be given to labels, and whether it is a taxon.
        maps_to: of a deprecated name those that it has become; several where it was split.
        aphia_id: its number in WoRMS, where that is known.
    """

    name: str
    rank: str = ""
    parent: str = ""
    supercategory: str = ""
    status: Status = "active"
    maps_to: tuple[str, ...] = ()
    aphia_id: int | None = None


@dataclass(frozen=True)
class LabelMap:
    """A label map without faults.

    Attributes:
        names: sorted by name, so that two files that say the same are the same map.
    """

    names: tuple[MappedName, ...]

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads what ``as_text`` wrote."""
        names = []
        for line in text.splitlines():
            name, rank, parent, supercategory, status, maps_to, aphia_id = json.loads(line)
            one = MappedName(name, rank, parent, supercategory, status, tuple(maps_to), aphia_id)
            names.append(one)
        return cls(tuple(names))

    def as_text(self) -> str:
        """The map as a text, one line a name."""
        members = (
            (
                one.name,
                one.rank,
                one.parent,
                one.supercategory,
                one.status,
                one.maps_to,
                one.aphia_id,
            )
            for one in self.names
        )
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in members)

    def as_table(self) -> str:
        """The map as a table of names and parents, which ``read_label_map`` reads as the same map.

        Examples:
            >>> sponges = MappedName("Porifera", rank="phylum", aphia_id=558)
            >>> print(LabelMap((sponges,)).as_table(), end="")
            name,parent,rank,supercategory,status,maps_to,aphia_id
            Porifera,,phylum,,active,,558
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("name", "parent", *_MORE_COLUMNS))
        for one in self.names:
            kept = one.rank, one.supercategory, one.status, ";".join(one.maps_to), one.aphia_id
            writer.writerow((one.name, one.parent, *kept))
        return text.getvalue()

    @cached_property
    def sha256(self) -> str:
        """Hash of what the map says, in hexadecimal: the same whatever form of file said it."""
        return sha256(self.as_text().encode()).hexdigest()

    @cached_property
    def special(self) -> frozenset[str]:
        """The names that are no taxa, and the deprecated ones that have become nothing else."""
        own = {one.name for one in self.names if one.status == "special"}
        old = {one.name for one in self.names if one.maps_to and own.issuperset(one.maps_to)}
        return frozenset(own | old)

    @cached_property
    def replaced(self) -> Mapping[str, tuple[str, ...]]:
        """By each deprecated name what it has become; nothing where the map does not say."""
        return {one.name: one.maps_to for one in self.names if one.status == "deprecated"}

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """The tree of the names that are taxa.

        A deprecated name that has become one other stands for that. Any other is a taxon where it
        has a place, and is not offered.
        """
        names = [one for one in self.names if one.name not in self.special]
        old = [one for one in names if one.status == "deprecated"]
        synonyms = {one.name: one.maps_to[0] for one in old if len(one.maps_to) == 1}
        placed = [
            one
            for one in names
            if one.status == "active"
            or (one.name not in synonyms and (one.parent or one.rank in RANKS))
        ]
        return Taxonomy(
            concepts=tuple(one.name for one in names if one.status == "active"),
            taxa=_tree_order(placed),
            sha256=self.sha256,
            synonyms=tuple(synonyms.items()),
            retired=frozenset(self.replaced),
        )


def _tree_order(names: Sequence[MappedName]) -> tuple[Taxon, ...]:
    """The taxa of names, each followed by its descendants."""
    children: dict[str, list[MappedName]] = {}
    for one in names:
        children.setdefault(one.parent, []).append(one)
    for some in children.values():
        # As in the pinned table: what fills no slot of its own stands first.
        some.sort(key=lambda one: (one.rank in RANKS, one.name), reverse=True)
    has_ranks = any(one.rank for one in names)
    nothing: tuple[str | None, ...] = (None,) * len(RANKS)
    waiting = [(one, nothing, 0) for one in children.get("", ())]
    taxa = []
    while waiting:
        one, above, level = waiting.pop()
        slots = list(above)
        slot = RANKS.index(one.rank) if one.rank in RANKS else len(RANKS)
        if not has_ranks:
            slot = level
        slots[slot : slot + 1] = [one.name] * (slot < len(RANKS))
        lineage = tuple(slots)
        rank = (one.rank or NO_RANK) if has_ranks else f"level {level + 1}"
        taxon = Taxon(one.name, rank, lineage)
        under = None if (taxon.parent or "") == one.parent else one.parent
        taxa.append(replace(taxon, under=under))
        waiting += [(child, lineage, level + 1) for child in children.get(one.name, ())]
    return tuple(taxa)


@dataclass(frozen=True, slots=True)
class ReadMap:
    """What a file holds.

    Attributes:
        label_map: the map.
        form: of the file.
        source: name of the file, without its folder.
        ignored: columns that say nothing to a label map.
    """

    label_map: LabelMap
    form: Form
    source: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    place: str
    name: MappedName


def read_label_map(path: str | Path) -> ReadMap:
    """Reads and checks a label map, in whatever form it is.

    Args:
        path: the file, of this machine or of a bucket (``gs://``).

    Raises:
        InputError: with every fault of the file and its place.
    """
    return label_map_in(read_source(path if isinstance(path, str) else str(path)))


def label_map_in(source: SourceFile, add_missing: bool = False) -> ReadMap:
    """The label map that a file in memory holds.

    Args:
        source: the file.
        add_missing: take the names that others stand under or have become for names of the map
            where they have no line of their own.

    Raises:
        InputError: with every fault of the file and its place.
    """
    text = decode(source)
    faults: list[Fault] = []
    ignored: tuple[str, ...] = ()
    form: Form = "newick"
    if text.lstrip().startswith("("):
        rows = list(_newick(text, faults))
    else:
        form, rows, ignored = _table(text, faults)
    if not rows and not faults:
        faults.append(Fault("file", "holds no name"))
    if add_missing:
        there = {row.name.name for row in rows}
        needed = [(row, name) for row in rows for name in (row.name.parent, *row.name.maps_to)]
        missing = {name: row.place for row, name in needed if name and name not in there}
        rows += [_Row(place, MappedName(name)) for name, place in missing.items()]
    if len(rows) > MOST_NAMES:
        problem = f"holds {len(rows):,} names, and {MOST_NAMES:,} are the most"
        raise InputError(source.subject, [Fault("file", problem)], "Take those that you use.")
    if form == "parents" or not faults:  # in the others a fault leaves names out
        _check(rows, faults)
    if faults:
        raise InputError(source.subject, faults, _ADVICE)
    names = sorted((row.name for row in rows), key=lambda one: one.name)
    return ReadMap(LabelMap(tuple(names)), form, source.name, ignored)


def read_names(path: str | Path) -> tuple[MappedName, ...]:
    """Reads names of which not more need be known than how they are written.

    Args:
        path: a table with a column of names, and any that a label map has; or a label map, in
            which not every name that is named needs a line of its own.

    Returns:
        The names in the order of the file, each once.

    Raises:
        InputError: with every fault of the file and its place.
    """
    source = read_source(path if isinstance(path, str) else str(path))
    text = decode(source)
    faults: list[Fault] = []
    _, lines = _lines(text, faults)
    (first, header), *body = lines or [(1, [""])]
    columns = _columns(header)
    named = next((one for one in _NAME_COLUMNS if one in columns), "")
    if text.lstrip().startswith("(") or _form(columns) or faults:
        return label_map_in(source, add_missing=True).label_map.names
    names = []
    faults += _misshapen(first, columns, body) if named else ()
    for line, row in body if named else ():
        values = dict(zip(columns, row, strict=False))
        names.append(_Cells(line, values.get(named, ""), values).mapped(faults))
    if not named:
        # Not a word of it is repeated: it may be any file of a server.
        faults.append(Fault(f"line {first}", f"no column is {' or '.join(_NAME_COLUMNS)}"))
    if faults:
        advice = "Names stand below each other in such a column, in quotes where they hold a comma."
        raise InputError(source.subject, faults, advice)
    return tuple({folded(one.name): one for one in reversed(names) if one.name}.values())[::-1]


def read_replacements(path: str | Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Reads what old names have become.

    Args:
        path: a table with the columns ``old`` and ``new``, or ``name`` and ``maps_to``, in which an
            old name that has become several has a line for each or ``;`` between them; or a label
            map, whose deprecated names are meant.

    Returns:
        By each old name its place in the file, and the names that it has become.

    Raises:
        InputError: with every fault of the file and its place.
    """
    source = read_source(path if isinstance(path, str) else str(path))
    faults: list[Fault] = []
    (first, header), *body = _lines(decode(source), faults)[1] or [(1, [""])]
    columns = [cell.casefold() for cell in header]
    pair = next((one for one in _REPLACEMENT_COLUMNS if set(one) <= set(columns)), None)
    if pair is None or "parent" in columns or faults:
        told = read_label_map(path).label_map
        return {old: ("file", names) for old, names in told.replaced.items() if names}
    faults += _misshapen(first, columns, body)
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for line, cells in body:
        values, place = dict(zip(columns, cells, strict=False)), f"line {line}"
        old, new = (values.get(column, "") for column in pair)
        names = tuple(filter(None, _SEPARATOR.split(new)))
        before = found.get(old, (place, ()))
        if not old or not names:
            empty = pair[0] if not old else pair[1]
            faults.append(Fault(place, f"{empty} is empty"))
        elif old in names:
            faults.append(Fault(place, f"{old[:80]!r} becomes itself"))
        elif set(names) & set(before[1]):
            faults.append(Fault(place, f"{old[:80]!r} is already on {before[0]} with that name"))
        found[old] = before[0], (*before[1], *names)
    chained = [(one, name) for one, (_, names) in found.items() for name in names if name in found]
    faults += [
        Fault(found[old][0], f"{old[:80]!r} becomes {name[:80]!r}, which is an old name itself")
        for old, name in chained
    ]
    if not found and not faults:
        faults.append(Fault("file", "holds no name"))
    if faults:
        raise InputError(source.subject, faults, "Old and new names stand side by side.")
    return found


_REPLACEMENT_COLUMNS: Final = (("old", "new"), ("old_name", "new_name"), ("name", "maps_to"))


def _lines(text: str, faults: list[Fault]) -> tuple[str, list[tuple[int, list[str]]]]:
    """The delimiter of a table, and its lines that are not blank, each with its number."""
    start = text.lstrip("\n\r").partition("\n")[0]
    delimiter = max(",;\t", key=start.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((reader.line_num, [one_spelling(cell) for cell in cells]))
    except csv.Error as error:
        faults.append(Fault(f"line {reader.line_num}", f"is no table: {error}"))
    if not lines and not faults:
        faults.append(Fault("file", "holds nothing but blank lines"))
    return delimiter, lines


def _columns(header: Sequence[str]) -> list[str]:
    """The columns of a header, however they are written."""
    columns = [cell.casefold().removeprefix("dwc:").replace(" ", "_") for cell in header]
    return ["aphia_id" if one in ("aphiaid", "aphia") else one for one in columns]


def _form(columns: Sequence[str]) -> "tuple[Form, tuple[str, ...], _ReadRows] | None":
    """The form of a label map with these columns, those that it knows, and what reads it."""
    named = next((one for one in _NAME_COLUMNS if one in columns), "")
    forms: tuple[tuple[Form, set[str], tuple[str, ...], _ReadRows], ...] = (
        ("darwin core", {"taxonid", "scientificname"}, _DARWIN_CORE, _darwin_core),
        ("parents", {named, "parent"}, (named, "parent", *_MORE_COLUMNS), _parents),
        ("ranks", {named, *RANKS}, (named, *RANKS, *_MORE_COLUMNS), _ranks),
    )
    fitting = (one for one in forms if one[1] <= set(columns) - {""})
    return next(((form, known, read) for form, _, known, read in fitting), None)


def _table(text: str, faults: list[Fault]) -> tuple[Form, list[_Row], tuple[str, ...]]:
    """The rows of a table, its form, and the columns that are not read."""
    delimiter, lines = _lines(text, faults)
    if faults:
        return "parents", [], ()
    (first, header), *body = lines
    columns = _columns(header)
    named = next((one for one in _NAME_COLUMNS if one in columns), "")
    fitting = _form(columns)
    if fitting is None:
        faults.append(Fault(f"line {first}", f"the header is {delimiter.join(header)[:200]!r}"))
        return "parents", [], ()
    form, known, read = fitting
    faults += _misshapen(first, columns, body)
    cells_of = []
    for line, cells in body:
        values = dict(zip(columns, cells, strict=False))
        cells_of.append(_Cells(line, values.get(named, ""), values))
    told = zip(header, columns, strict=True)
    return form, list(read(cells_of, faults)), tuple(cell for cell, one in told if one not in known)


def _misshapen(
    first: int, columns: Sequence[str], body: Sequence[tuple[int, list[str]]]
) -> Iterator[Fault]:
    """The columns of a table that are there twice, and the lines with more cells than columns."""
    for place, one in enumerate(columns):
        if one and one in columns[:place]:
            yield Fault(f"line {first}", f"the column {one[:80]!r} is there twice")
    for line, cells in body:
        if len(cells) > len(columns):
            yield Fault(f"line {line}", f"has {len(cells)} columns instead of {len(columns)}")


@dataclass(frozen=True, slots=True)
class _Cells:
    """A line of a table.

    Attributes:
        line: its number.
        name: its name, where the column is one of ``_NAME_COLUMNS``.
        values: its cells, by column.
    """

    line: int
    name: str
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")

    @property
    def place(self) -> str:
        return f"line {self.line}"

    def mapped(self, faults: list[Fault], **given: Any) -> MappedName:
        """The name with what all tables may say of one."""
        status, aphia = self["status"].casefold() or "active", self["aphia_id"]
        if status not in get_args(Status):
            known = ", ".join(get_args(Status))
            faults.append(Fault(self.place, f"status {status[:80]!r} is none of {known}"))
            status = "active"
        number = _APHIA.fullmatch(aphia)
        if aphia and number is None:
            faults.append(Fault(self.place, f"aphia_id {aphia[:80]!r} is no AphiaID"))
        values = {
            "name": self.name,
            OWN_RANK: self[OWN_RANK].casefold(),
            "supercategory": self["supercategory"],
            "status": status,
            "maps_to": tuple(filter(None, _SEPARATOR.split(self["maps_to"]))),
            "aphia_id": int(number[1]) if number else None,
        }
        return MappedName(**{**values, **given})


_ReadRows = Callable[[list[_Cells], list[Fault]], Iterator[_Row]]
"""Reads the lines of one form of table; what is wrong goes to the list."""


def _parents(lines: list[_Cells], faults: list[Fault]) -> Iterator[_Row]:
    for one in lines:
        yield _Row(one.place, one.mapped(faults, parent=one["parent"]))


def _ranks(lines: list[_Cells], faults: list[Fault]) -> Iterator[_Row]:
    """The names of a table of ranks, and those above them that have no line of their own."""
    placed: list[tuple[int, list[str]]] = []
    own = {}
    for one in lines:
        slots = [one[rank] for rank in RANKS]
        mapped = one.mapped(faults)
        if mapped.status == "active" or any(slots):
            # Without a column for it the rank is that of the last slot that is filled.
            last = next((rank for rank in reversed(RANKS) if one[rank]), "")
            placed.append((one.line, [mapped.name, mapped.rank or last, *slots]))
            own[mapped.name] = one.place, mapped
        else:
            yield _Row(one.place, mapped)
    wrong: list[LineFault] = []
    _, taxa = taxa_of_rows(placed, wrong)
    faults += [Fault(f"line {line}", problem) for line, problem in sorted(wrong)]
    for taxon in taxa:
        place, mapped = own.get(taxon.name, ("file", MappedName(taxon.name)))
        yield _Row(place, replace(mapped, rank=taxon.rank, parent=taxon.parent or ""))


_DARWIN_CORE: Final = (
    "taxonid",
    "scientificname",
    "scientificnameauthorship",
    "scientificnameid",
    "taxonrank",
    "taxonomicstatus",
    "parentnameusageid",
    "acceptednameusageid",
)


def _darwin_core(lines: list[_Cells], faults: list[Fault]) -> Iterator[_Row]:
    """The names of a Darwin Core table, whose lines name each other by ``taxonID``."""
    by_id: dict[str, _Cells] = {}
    names = {}
    for one in lines:
        id_, author = one["taxonid"], one["scientificnameauthorship"]
        if not id_:
            faults.append(Fault(one.place, "taxonID is empty"))
        elif id_ in by_id:
            faults.append(
                Fault(one.place, f"taxonID {id_[:80]!r} is already on {by_id[id_].place}")
            )
        by_id.setdefault(id_, one)
        name = one["scientificname"]
        names[id_] = name.removesuffix(author).rstrip(" (,") if author else name
    for one in lines:
        named: dict[str, str] = {}
        for column, written in (
            ("parentnameusageid", "parentNameUsageID"),
            ("acceptednameusageid", "acceptedNameUsageID"),
        ):
            id_ = one[column]
            if id_ and id_ not in by_id:
                faults.append(Fault(one.place, f"{written} {id_[:80]!r} is no taxonID of the file"))
            elif id_ and id_ != one["taxonid"]:
                named[column] = id_
        above = named.get("parentnameusageid", "")
        # What stands under a synonym stands under the accepted name.
        above = by_id[above]["acceptednameusageid"] or above if above else ""
        accepted = named.get("acceptednameusageid")
        status = one["taxonomicstatus"].casefold()
        is_old = accepted or re.search(r"synonym|unaccepted|invalid|misapplied", status)
        number = _APHIA.fullmatch(one["scientificnameid"]) or _APHIA.fullmatch(one["taxonid"])
        is_worms = "marinespecies" in f"{one['scientificnameid']} {one['taxonid']}"
        yield _Row(
            one.place,
            MappedName(
                names[one["taxonid"]],
                rank=one["taxonrank"].casefold(),
                parent=names.get(above, ""),
                status="deprecated" if is_old else "active",
                maps_to=(names[accepted],) if accepted else (),
                aphia_id=int(number[1]) if number and is_worms else None,
            ),
        )


class _NewickTree:
    """A tree in Newick as it is read, mark by mark and name by name.

    Attributes:
        names: of each node its name, empty where it has none, and where it is in the text.
        parents: of each node the one above; None for the root.
        opened: the nodes whose parentheses are open, each with where it opens.
        current: the node that has just been read; None where a name or a parenthesis is to come.
        is_whole: whether its end was read.
    """

    def __init__(self) -> None:
        self.names: list[tuple[str, int]] = []
        self.parents: list[int | None] = []
        self.opened: list[tuple[int, int]] = []
        self.current: int | None = None
        self.is_whole = False

    def add(self, name: str, offset: int) -> int:
        """Adds a node below the parenthesis that is open; gives its number."""
        self.names.append((name, offset))
        self.parents.append(self.opened[-1][0] if self.opened else None)
        return len(self.names) - 1

    def take_mark(self, mark: str, offset: int) -> str:
        """Takes one of ``(),;``; gives what is wrong with it, or nothing."""
        if mark == "(":
            if self.current is not None:
                return "a parenthesis opens where a ',' was expected"
            self.opened.append((self.add("", offset), offset))
            return ""
        if mark != ";" and not self.opened:
            return f"{mark!r} stands outside all parentheses"
        if mark == ";" and self.opened:
            return "a parenthesis is not closed before ';'"
        if self.current is None:
            return f"a name is missing before {mark!r}"
        self.is_whole = mark == ";"
        self.current = self.opened.pop()[0] if mark == ")" else None
        return ""

    def take_name(self, name: str, offset: int) -> str:
        """Takes the name of a leaf, or of what has just been closed; gives what is wrong."""
        if self.current is None:
            self.current = self.add(name, offset)
        elif self.names[self.current][0]:
            return f"follows the name {self.names[self.current][0][:80]!r} without a ','"
        else:
            self.names[self.current] = name, offset
        return ""

    def named_above(self, node: int) -> str:
        """The nearest name above a node; empty where there is none."""
        above = self.parents[node]
        while above is not None and not self.names[above][0]:
            above = self.parents[above]
        return "" if above is None else self.names[above][0]


def _newick(text: str, faults: list[Fault]) -> list[_Row]:
    """The names of a tree in Newick; what stands below a node without a name is below that above.

    Reading ends at the first fault.
    """

    def place(offset: int) -> str:
        line = text.count("\n", 0, offset) + 1
        return f"line {line}, character {offset - text.rfind(chr(10), 0, offset)}"

    tree, offset, problem = _NewickTree(), 0, ""
    while offset < len(text) and not problem:
        token = _TOKEN.match(text, offset)
        if token is None:
            problem = f"{text[offset]!r} begins what does not end"
        elif token["space"] is None:
            if tree.is_whole:
                problem = "follows the end of the tree, which is ';'"
            elif token["mark"]:
                problem = tree.take_mark(token["mark"], offset)
            else:
                quoted, plain = token["quoted"], token["plain"] or ""
                name = plain.replace("_", " ") if quoted is None else quoted.replace("''", "'")
                problem = tree.take_name(one_spelling(name), offset)
        if token is not None and not problem:
            offset = token.end()
    if not problem and not tree.is_whole:
        problem = "the tree ends without ';'"
    if problem and tree.opened:
        problem += f"; the last parenthesis that is open is at {place(tree.opened[-1][1])}"
    if problem:
        faults.append(Fault(place(offset), problem))
        return []
    return [
        _Row(place(where), MappedName(name, parent=tree.named_above(node)))
        for node, (name, where) in enumerate(tree.names)
        if name
    ]


def _check(rows: Sequence[_Row], faults: list[Fault]) -> None:
    """What is wrong with names beside each other."""
    first: dict[str, _Row] = {}
    for row in rows:
        one = row.name
        if not one.name:
            faults.append(Fault(row.place, "the name is empty"))
            continue
        if not one.name.isprintable() or len(one.name) > LONGEST_NAME:
            problem = (
                f"{one.name[:80]!r} is no name: {LONGEST_NAME} printable characters are the most"
            )
            faults.append(Fault(row.place, problem))
        known = first.setdefault(folded(one.name), row)
        if known is not row:
            faults.append(Fault(row.place, _twice(one, known)))
    by_name = {row.name.name: row for row in first.values()}
    for row in rows:
        problems = (*_about_parent(row.name, by_name), *_about_replacement(row.name, by_name))
        faults += [Fault(row.place, problem) for problem in problems]
    if faults:
        return
    faults += _cycles(rows, by_name)
    if faults:
        return
    faults += _ranks_upside_down(rows, by_name)
    for row in rows:
        above, depth = row.name.parent, 1
        while above and depth <= _DEEPEST:
            above, depth = by_name[above].name.parent, depth + 1
        if above:
            faults.append(Fault(row.place, f"more than {_DEEPEST} names stand above each other"))
            return


def _cycles(rows: Sequence[_Row], by_name: Mapping[str, _Row]) -> Iterator[Fault]:
    """The names that stand below themselves, each circle once."""
    ends: set[str] = {""}
    for row in rows:
        way: dict[str, None] = {}
        name = row.name.name
        while name not in ends and name not in way:
            way[name] = None
            name = by_name[name].name.parent
        if name in way:
            circle = [*way][[*way].index(name) :]
            shown = " under ".join(repr(one[:80]) for one in (*circle[:5], circle[0]))
            yield Fault(by_name[name].place, f"stands below itself: {shown}")
        ends.update(way)


def _twice(one: MappedName, known: _Row) -> str:
    """What is wrong with a name that is there already."""
    name, other = one.name, known.name
    if name != other.name:
        return f"{name!r} differs from {other.name!r} on {known.place} by case or spaces only"
    if one.parent != other.parent:
        under, elsewhere = one.parent or "nothing", other.parent or "nothing"
        return f"{name!r} stands under {under!r} here, under {elsewhere!r} on {known.place}"
    if one.rank != other.rank:
        ranks = one.rank or NO_RANK, other.rank or NO_RANK
        return f"{name!r} has the rank {ranks[0]!r} here, {ranks[1]!r} on {known.place}"
    return f"{name!r} is already on {known.place}"


def _about_parent(one: MappedName, by_name: Mapping[str, _Row]) -> Iterator[str]:
    """What is wrong with the name above a name."""
    if not one.parent:
        return
    above = by_name.get(one.parent)
    if above is None:
        near = {folded(name): name for name in by_name}.get(folded(one.parent))
        hint = f"; did you mean {near}?" if near else ": give it a line of its own"
        yield f"its parent {one.parent[:80]!r} is not in the file{hint}"
    elif above.name.status == "special" and one.status == "active":
        yield f"stands under {one.parent!r}, which is special: a taxon cannot"
    elif above.name.status == "deprecated" and one.status == "active":
        now = " or ".join(above.name.maps_to) or "another name"
        yield f"stands under {one.parent!r}, which is deprecated: put it under {now}"


def _about_replacement(one: MappedName, by_name: Mapping[str, _Row]) -> Iterator[str]:
    """What is wrong with the names that a name has become."""
    if one.maps_to and one.status != "deprecated":
        yield f"is {one.status} and maps to {one.maps_to[0][:80]!r}: only deprecated names do"
        return
    for target in one.maps_to:
        found = by_name.get(target)
        if target == one.name:
            yield "maps to itself"
        elif found is None:
            near = {folded(name): name for name in by_name}.get(folded(target))
            hint = f"; did you mean {near}?" if near else ""
            yield f"maps to {target[:80]!r}, which is not in the file{hint}"
        elif found.name.status == "deprecated":
            now = " or ".join(found.name.maps_to) or "a name that is not deprecated"
            yield f"maps to {target!r}, which is deprecated itself: map it to {now}"


def _ranks_upside_down(rows: Sequence[_Row], by_name: Mapping[str, _Row]) -> Iterator[Fault]:
    for row in rows:
        one = row.name
        if one.rank not in ALL_RANKS or one.status != "active":
            continue
        above = by_name.get(one.parent)
        while above is not None and above.name.rank not in ALL_RANKS:
            above = by_name.get(above.name.parent)
        if above and ALL_RANKS.index(above.name.rank) >= ALL_RANKS.index(one.rank):
            problem = f"the {one.rank} {one.name!r} cannot stand under"
            yield Fault(row.place, f"{problem} the {above.name.rank} {above.name.name!r}")


__all__ = [
    "Form",
    "LabelMap",
    "MappedName",
    "ReadMap",
    "Status",
    "label_map_in",
    "read_label_map",
    "read_names",
    "read_replacements",
]
