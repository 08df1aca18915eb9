"""The table of concepts on disk: its columns, its rules, and every fault with its line."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from unicodedata import category, normalize

from ..errors import Fault, InputError
from ..files.reading import decode, read_source
from ..files.writing import write_whole
from ..names import OWN_RANK, RANKS

Lineage = tuple[str | None, ...]
"""Seven slots, one per rank of ``RANKS`` from kingdom to species; None below the taxon."""

COLUMNS: Final = ("concept", OWN_RANK, *RANKS)

RANKS_BELOW: Final = {
    "kingdom": ("subkingdom", "infrakingdom", "superphylum"),
    "phylum": ("subphylum", "infraphylum", "parvphylum", "gigaclass", "megaclass", "superclass"),
    "class": ("subclass", "infraclass", "subterclass", "superorder"),
    "order": ("suborder", "infraorder", "parvorder", "section", "subsection", "superfamily"),
    "family": ("subfamily", "supertribe", "tribe", "subtribe"),
    "genus": ("subgenus",),
    "species": ("subspecies", "variety", "forma"),
}
"""The ranks in WoRMS between each of the seven and the next, from the top down."""

ALL_RANKS: Final = tuple(rank for main in RANKS for rank in (main, *RANKS_BELOW[main]))
"""Every rank that a concept may have, from the top down."""

LineFault = tuple[int, str]
"""The number of a line, and what is wrong there."""
_PINNED: Final = 0
"""In place of a line: in the table beside which another stands."""


@dataclass(frozen=True, slots=True)
class Taxon:
    """One name in the tree.

    Attributes:
        name: the taxon's name, as the table writes it.
        rank: its own rank, which need not be one of the seven ("subfamily").
        lineage: its seven slots; the last filled one is the taxon itself or, if its own rank is
            not one of the seven, its nearest ancestor of a main rank.
        under: the name directly above it, where that is none of the lineage; None otherwise.
    """

    name: str
    rank: str
    lineage: Lineage
    under: str | None = None

    @property
    def depth(self) -> int:
        """How many main ranks deep the taxon is: 1 (kingdom) to 7 (species).

        Examples:
            >>> slots = ("Animalia", "Arthropoda", "Malacostraca", "Decapoda", *[None] * 3)
            >>> Taxon("Caridea", "infraorder", slots).depth
            4
        """
        return sum(slot is not None for slot in self.lineage)

    @property
    def parent(self) -> str | None:
        """The name directly above; None for a kingdom.

        Examples:
            >>> slots = ("Animalia", "Arthropoda", "Malacostraca", "Decapoda", *[None] * 3)
            >>> Taxon("Caridea", "infraorder", slots).parent
            'Decapoda'
            >>> Taxon("Decapoda", "order", slots).parent
            'Malacostraca'
        """
        if self.under is not None:
            return self.under
        above = [slot for slot in self.lineage if slot is not None and slot != self.name]
        return above[-1] if above else None


@dataclass(frozen=True, slots=True)
class LineageTable:
    """A table without faults.

    Attributes:
        concepts: the taxa that the table lists, in its order.
        taxa: the concepts and all their ancestors in tree order: each taxon is followed by its
            descendants.
        sha256: hash of the file, in hexadecimal.
    """

    concepts: tuple[Taxon, ...]
    taxa: tuple[Taxon, ...]
    sha256: str


def read_table(path: Path, pinned: LineageTable | None = None) -> LineageTable:
    """Reads and checks a table of concepts.

    Args:
        path: a csv file with the columns ``COLUMNS``.
        pinned: another table, beside which it stands: the result has the concepts of both.

    Raises:
        InputError: with every fault of the file and its line; a row that contradicts ``pinned`` is
            one.
    """
    source = read_source(path)
    if pinned is None:
        concepts, taxa = _parsed(decode(source), source.subject)
        return LineageTable(concepts, taxa, source.sha256)
    more, taxa = _parsed(decode(source), source.subject, pinned.taxa)
    digest = sha256(f"{pinned.sha256} {source.sha256}".encode()).hexdigest()
    return LineageTable(tuple(dict.fromkeys((*pinned.concepts, *more))), taxa, digest)


def write_table(path: Path, concepts: Iterable[Taxon]) -> None:
    """Writes a table that ``read_table`` reads back as the same concepts.

    The file is written completely or not at all, and only if the table has no faults.

    Raises:
        InputError: with every fault of the table and the line that it would have had.
    """
    text = render_table(concepts)
    _parsed(text, f"the table for {path}")
    write_whole(path, text.encode())


def render_table(concepts: Iterable[Taxon]) -> str:
    """The text of a table's file: the header and one row per concept.

    Examples:
        >>> sponges = Taxon("Porifera", "phylum", ("Animalia", "Porifera", *[None] * 5))
        >>> print(render_table([sponges]), end="")
        concept,rank,kingdom,phylum,class,order,family,genus,species
        Porifera,phylum,Animalia,Porifera,,,,,
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((taxon.name, taxon.rank, *taxon.lineage) for taxon in concepts)
    return text.getvalue()


def folded(name: str) -> str:
    """A name without differences that people and programs make.

    These are letter case, extra whitespace, and the forms in which Unicode writes an accent.

    Examples:
        >>> folded(" Sebastes   DIPLOPROA")
        'sebastes diploproa'
    """
    return one_spelling(name).casefold()


def one_spelling(name: str) -> str:
    r"""A name with single spaces, without signs that have no width, and accents as one sign each.

    Examples:
        >>> len("e\u0301tre"), len(one_spelling("e\u0301tre"))
        (5, 4)
    """
    if not name.isascii():
        name = "".join(sign for sign in normalize("NFC", name) if category(sign) != "Cf")
    return " ".join(name.split())


def _parsed(
    text: str, subject: str, pinned: Iterable[Taxon] = ()
) -> tuple[tuple[Taxon, ...], tuple[Taxon, ...]]:
    """The concepts of a table and all taxa of the whole tree; raises with every fault."""
    faults: list[LineFault] = []
    concepts, taxa = taxa_of_rows(_rows(text, faults), faults, pinned)
    if faults:
        places = [Fault(f"line {line}", problem) for line, problem in sorted(faults)]
        raise InputError(subject, places, f"The columns must be {','.join(COLUMNS)}.")
    return concepts, taxa


def taxa_of_rows(
    rows: Iterable[tuple[int, list[str]]], faults: list[LineFault], pinned: Iterable[Taxon] = ()
) -> tuple[tuple[Taxon, ...], tuple[Taxon, ...]]:
    """The concepts that rows list, and all taxa of the whole tree in tree order.

    Args:
        rows: the cells of ``COLUMNS``, each row with the number of its line.
        faults: takes what is wrong, each with its line.
        pinned: taxa beside which they stand.
    """
    listed = _concepts(rows, faults)

    # Every taxon of the tree once; two that contradict each other are a fault.
    seen = {folded(taxon.name): (_PINNED, taxon) for taxon in pinned}
    for line, concept in listed:
        for taxon in _path(concept):
            known_line, known = seen.setdefault(folded(taxon.name), (line, taxon))
            where = f"on line {known_line}" if known_line else "in the pinned table"
            faults.extend((line, f"{clash} {where}") for clash in _clash(taxon, known))

    def tree_order(taxon: Taxon) -> tuple[list[str], bool, str]:
        return [slot or "" for slot in taxon.lineage], taxon.rank not in RANKS, taxon.name

    taxa = sorted((taxon for _, taxon in seen.values()), key=tree_order)
    return tuple(concept for _, concept in listed), tuple(taxa)


def _rows(text: str, faults: list[LineFault]) -> list[tuple[int, list[str]]]:
    """The rows below the header, each with its line number; blank lines are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, cells) for cells in reader if cells]
    except csv.Error as error:
        faults.append((reader.line_num, f"is not csv: {error}"))
        return []
    (line, header), *body = rows or [(1, [""])]
    if tuple(header) != COLUMNS:
        faults.append((line, f"the header is {','.join(header)!r}"))
        return []
    if not body:
        faults.append((line, "no concept follows the header"))
    return body


def _concepts(
    rows: Iterable[tuple[int, list[str]]], faults: list[LineFault]
) -> list[tuple[int, Taxon]]:
    """The concepts of all rows without faults, each with its line number."""
    listed: list[tuple[int, Taxon]] = []
    lines: dict[str, int] = {}
    for line, cells in rows:
        problems = list(_problems(cells))
        if cells[0] in lines:
            problems.append(f"concept {cells[0]!r} is already on line {lines[cells[0]]}")
        lines.setdefault(cells[0], line)
        faults.extend((line, problem) for problem in problems)
        if not problems:
            name, rank, *slots = cells
            listed.append((line, Taxon(name, rank, tuple(slot or None for slot in slots))))
    return listed


def _problems(cells: Sequence[str]) -> Iterator[str]:
    """What is wrong with one row by itself."""
    if len(cells) != len(COLUMNS):
        yield f"has {len(cells)} columns instead of {len(COLUMNS)}"
        return
    for column, cell in zip(COLUMNS, cells, strict=True):
        if cell != " ".join(cell.split()):
            yield f"{column} {cell!r} has stray whitespace"
    name, rank, *slots = cells
    depth = sum(map(bool, slots))
    filled, end = slots[:depth], RANKS[depth - 1]
    if not name:
        yield "concept is empty"
    if not all(filled) or not depth:
        empty = slots.index("")
        yield f"{RANKS[empty]} is empty" + (" above a filled rank" if depth else "")
    elif rank not in ALL_RANKS:
        yield f"rank {rank!r} is unknown"
    # What is wrong with its place, given its own rank.
    elif rank in RANKS:
        if (end, filled[-1]) != (rank, name):
            yield f"the lineage of {rank} {name!r} ends at {end} {filled[-1]!r}, not at itself"
    elif name in filled:
        yield f"{name!r} fills the slot of a {RANKS[filled.index(name)]}, but its rank is {rank}"
    elif ALL_RANKS.index(end) > ALL_RANKS.index(rank):
        yield f"{rank} {name!r} cannot sit below {end} {filled[-1]!r}"


def _path(concept: Taxon) -> Iterator[Taxon]:
    """The concept's ancestors from the kingdom down, then the concept."""
    for slot, name in enumerate(concept.lineage[: concept.depth], start=1):
        if name is not None and name != concept.name:
            below = (None,) * (len(RANKS) - slot)
            yield Taxon(name, RANKS[slot - 1], concept.lineage[:slot] + below)
    yield concept


def _clash(taxon: Taxon, known: Taxon) -> Iterator[str]:
    """How two taxa of one name contradict each other; the caller adds the line of the second."""
    if taxon.name != known.name:
        yield f"{taxon.name!r} is spelled {known.name!r}"
    elif taxon.rank != known.rank:
        yield f"{taxon.name!r} is a {taxon.rank} here, a {known.rank}"
    elif taxon.parent != known.parent:
        # Where a parent differs further up, that parent's own clash is the fault to report.
        yield f"{taxon.name!r} stands under {taxon.parent!r} here, under {known.parent!r}"
