"""Compares the pinned concepts with WoRMS, the World Register of Marine Species."""

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ..errors import Fault, InputError, SetupError
from ..names import RANKS
from ..progress import Progress, silent
from .table import COLUMNS, Taxon, write_table
from .tree import Taxonomy, load_taxonomy

TIMEOUT_SECONDS: Final = 30.0
INSTALL: Final = "pip install 'fathomnet-voxel51[worms]'"


@dataclass(frozen=True, slots=True)
class WormsRecord:
    """WoRMS's answer about one concept.

    Attributes:
        concept: the name that was asked about.
        accepted_name: the name that WoRMS prefers today, which differs if the concept has become a
            synonym; None if WoRMS does not know the concept.
        taxon: the concept, under its own name, at the accepted name's place in the tree; None if
            WoRMS does not know it.
    """

    concept: str
    accepted_name: str | None
    taxon: Taxon | None


@dataclass(frozen=True, slots=True)
class Drift:
    """One cell in which the pinned taxonomy and WoRMS differ.

    Attributes:
        concept: the pinned concept.
        column: the table's column; ``concept`` if the accepted name has changed.
        pinned: what the pinned table says; None for an empty slot.
        fresh: what WoRMS says; None for an empty slot or, in the column ``concept``, for a
            concept that WoRMS does not know.
    """

    concept: str
    column: str
    pinned: str | None
    fresh: str | None


def refresh(write: Path | None = None, progress: Progress = silent) -> tuple[Drift, ...]:
    """Compares the pinned taxonomy with WoRMS.

    Args:
        write: where to write the fresh table; None writes nothing. Concepts keep their names,
            and those that WoRMS does not know keep their lineages. The pinned table is only
            rewritten if this is its path.
        progress: called with the share done and a label.

    Raises:
        SetupError: fathomnet-py is not installed, or WoRMS cannot be reached.
        InputError: the folder of ``write`` does not exist, or the fresh lineages do not make a
            valid table; nothing was written.
    """
    if write is not None and not write.parent.is_dir():
        fault = Fault(str(write.parent), "is not a folder")
        raise InputError(str(write), [fault], "Create the folder first.")
    pinned = load_taxonomy()
    records = fetch_lineages(pinned.concepts, progress)
    if write is not None:
        fresh = (record.taxon or pinned.taxon(record.concept) for record in records)
        write_table(write, [taxon for taxon in fresh if taxon])
    return drift(pinned, records)


def fetch_lineages(concepts: Sequence[str], progress: Progress = silent) -> tuple[WormsRecord, ...]:
    """Asks WoRMS for the lineage of each concept, through FathomNet's copy of it.

    Set ``FATHOMNET_WORMS_API_URL`` to ask another server with the same API.

    Raises:
        SetupError: fathomnet-py is not installed, or WoRMS cannot be reached.
    """
    try:
        # By name at run time: its package has the name of this package's own folder, and a type
        # checker would take an import statement for this package.
        client = importlib.import_module("fathomnet.api.worms")
    except ImportError as error:
        raise SetupError(f"fathomnet-py is not installed ({error}): {INSTALL}") from error
    records = []
    for done, concept in enumerate(concepts):
        progress(done / len(concepts), f"asking WoRMS {done:,}/{len(concepts):,}: {concept}")
        path = _path(client, concept)
        if path and path[-1].acceptedAphiaId not in (None, path[-1].aphiaId):
            # The name is a synonym: its lineage is that of the accepted taxon, if that is known.
            endpoint = f"names/aphiaid/{path[-1].acceptedAphiaId}"
            accepted = _ask(client, endpoint, client.WormsNames)
            path = _path(client, accepted.name) if accepted else path
        records.append(_record(concept, path))
    progress(1.0, f"asked WoRMS about {len(concepts):,} concepts")
    return tuple(records)


def drift(pinned: Taxonomy, fresh: Iterable[WormsRecord]) -> tuple[Drift, ...]:
    """Every cell in which WoRMS differs from the pinned taxonomy.

    Args:
        pinned: the taxonomy to compare with.
        fresh: answers about its concepts; the lineage of any other name is not compared.

    Returns:
        The cells, ordered as the answers and, within a concept, as the table's columns.
    """
    cells = []
    for record in fresh:
        concept = record.concept
        if record.accepted_name != concept:
            cells.append(Drift(concept, "concept", concept, record.accepted_name))
        old, new = pinned.taxon(concept), record.taxon
        if old is not None and new is not None:
            slots = zip((old.rank, *old.lineage), (new.rank, *new.lineage), strict=True)
            cells += [
                Drift(concept, column, was, is_now)
                for column, (was, is_now) in zip(COLUMNS[1:], slots, strict=True)
                if was != is_now
            ]
    return tuple(cells)


def describe(drifts: Sequence[Drift]) -> str:
    """The drift as text, one line per cell."""
    if not drifts:
        return "WoRMS agrees with the pinned taxonomy on every concept."
    concepts = {cell.concept for cell in drifts}
    lines = [f"{len(concepts):,} concepts drifted in {len(drifts):,} places (pinned -> WoRMS):"]
    for cell in drifts:
        column = "accepted name" if cell.column == "concept" else cell.column
        fresh = cell.fresh or ("unknown to WoRMS" if cell.column == "concept" else "(empty)")
        lines.append(f"  {cell.concept}: {column} {cell.pinned or '(empty)'} -> {fresh}")
    return "\n".join(lines)


def _path(client: Any, name: str) -> list[Any]:
    """The nodes from the root of life down to a name; empty if it is unknown."""
    node = _ask(client, f"taxa/ancestors/{quote(name, safe='')}", client.WormsNode)
    nodes = []
    while node:
        nodes.append(node)
        node = node.children[0] if node.children else None
    return nodes


def _ask(client: Any, endpoint: str, model: Any) -> Any | None:
    """One answer of the service, parsed; None if it does not know the name.

    The library's own functions may wait for ever, so this calls the function below them, which
    takes a timeout. That raises ValueError for every HTTP error, with the status and the body in
    its message. The service also answers 404 while it starts, so only the body tells an unknown
    name.
    """
    try:
        answer = model.from_dict(client.Worms.get(endpoint, timeout=TIMEOUT_SECONDS))
    except OSError as error:  # the base of every error of requests
        raise _unreachable(client, str(error)) from error
    except (ValueError, TypeError) as error:
        if "(404)" in str(error) and "Unable to find" in str(error):
            return None
        # What follows the first comma or line is the whole exchange, headers included.
        raise _unreachable(client, re.split("[,\n]", str(error))[0]) from error
    if not answer.name:
        raise _unreachable(client, f"{endpoint} holds no name")
    return answer


def _unreachable(client: Any, problem: str) -> SetupError:
    advice = "Check the network and FATHOMNET_WORMS_API_URL, then run it again."
    return SetupError(f"WoRMS at {client.Worms.ROOT} gave no usable answer: {problem}\n{advice}")


def _record(concept: str, path: Sequence[Any]) -> WormsRecord:
    if not path:
        return WormsRecord(concept, None, None)
    slots = {str(node.rank).lower(): node.name for node in path}
    accepted, rank = path[-1].name, str(path[-1].rank).lower()
    if rank in RANKS:
        slots[rank] = concept
    return WormsRecord(concept, accepted, Taxon(concept, rank, tuple(map(slots.get, RANKS))))
