"""The names of a dataset: its label map, every version of it, and the names that are no taxa.

A dataset without a label map has the project's own names. What asks about a name asks
``taxonomy_of`` for the tree of the dataset at hand.
"""

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from ..names import LABEL_MAPS
from ..taxonomy import LabelMap, Taxonomy, load_taxonomy
from .app_defaults import (
    NAMES_OF_BOXES,
    TAXONOMY_NAME,
    colour_names,
    offer_names,
    save_concept_tree,
)
from .columns import dataset_of
from .documents import now
from .ingest_record import labels_field, read_ingest_records
from .records import (
    LabelMapRecord,
    label_map_of,
    label_maps,
    read_record,
    tree_of,
    write_record,
)


def taxonomy_of(view: Any) -> Taxonomy:
    """The tree of the names of a dataset: of its label map, or else the project's own.

    Args:
        view: a FiftyOne dataset whose runs are known, or a view of one.

    Raises:
        InputError: the project's own table has faults.
    """
    return tree_of(label_map_of(view))


def keep_label_map(
    dataset: Any, label_map: LabelMap | None, source: str, form: str, user: str = ""
) -> LabelMapRecord:
    """Makes a label map the one that counts, and has the App offer its names.

    Where it counts already no version is added.

    Args:
        dataset: a FiftyOne dataset whose runs are known.
        label_map: the map; None for the project's own names.
        source: name of its file.
        form: of the file.
        user: who sets it; empty if nobody knows.
    """
    versions = label_maps(dataset)
    digest = load_taxonomy().sha256 if label_map is None else label_map.sha256
    if versions and versions[-1].sha256 == digest:
        # A kill may have come before its names were shown in place of those before it.
        before = versions[-2].label_map if len(versions) > 1 else None
        show_names(dataset, instead_of=frozenset().union(*names_to_offer(dataset, before)))
        return versions[-1]
    before = versions[-1].label_map if versions else None
    version = versions[-1].version + 1 if versions else 1
    content = ""
    if label_map is not None:
        content = base64.b64encode(zlib.compress(label_map.as_text().encode())).decode()
    record = LabelMapRecord(
        # Two people may set one at once: each version is there, and the later one counts.
        key=f"{LABEL_MAPS}{version:04}_{digest[:8]}",
        version=version,
        content=content,
        sha256=digest,
        source=source,
        form=form,
        user=user,
        time=now().isoformat(timespec="microseconds"),
    )
    write_record(dataset, record.key, record)
    show_names(dataset, instead_of=frozenset().union(*names_to_offer(dataset, before)))
    return record


def names_to_offer(
    dataset: Any, label_map: LabelMap | None
) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of the tree that may be given to boxes of a dataset, and further ones.

    Further ones are those of the categories of its files, and those that its map says are special.

    Args:
        dataset: a FiftyOne dataset.
        label_map: the map that counts in it; None for the project's own names.
    """
    tree = tree_of(label_map)
    concepts = {
        name for record in read_ingest_records(dataset).values() for name in record.concepts
    }
    special = label_map.special if label_map else set()
    return tree.offered, frozenset(concepts | special) - tree.retired


def show_names(dataset: Any, instead_of: Iterable[str] = ()) -> None:
    """Has the App offer and colour the names that count in a dataset.

    Args:
        dataset: a FiftyOne dataset.
        instead_of: what it offered before by the project's doing; what somebody else has set stays.
    """
    label_map = label_map_of(dataset)
    tree = tree_of(label_map)
    on_tree, others = names_to_offer(dataset, label_map)
    if label_map is None:
        save_concept_tree(tree)
        boxes = NAMES_OF_BOXES
    else:
        boxes = f"{NAMES_OF_BOXES}: {dataset.name}"
        shown = others - set(on_tree)
        save_concept_tree(tree, f"{TAXONOMY_NAME}: {dataset.name}", boxes, shown)
        on_tree = (*on_tree, *sorted(shown))
        colour_names(dataset, tree)
    offered = frozenset(instead_of)
    offer_names(dataset, on_tree, others, boxes, offered, labels_field(dataset))


_SPECIAL_NAMES_KEY: Final = "special_names"


@dataclass(frozen=True, slots=True)
class SpecialNames:
    """Names of boxes that are no taxa, such as debris: nothing that is about taxa counts them.

    Attributes:
        names: sorted.
    """

    METHOD: ClassVar[str] = "label_hits"

    names: tuple[str, ...] = ()


def special_names(view: Any) -> frozenset[str]:
    """The names of boxes of a dataset, or of a view's dataset, that are no taxa.

    These are the special ones of its label map, and what hits were named that the map does not
    have.
    """
    record = read_record(dataset_of(view), _SPECIAL_NAMES_KEY, SpecialNames)
    kept = frozenset(record.names if record else ())
    label_map = label_map_of(view)
    if label_map is None:
        return kept
    return label_map.special | (kept - {one.name for one in label_map.names})


def keep_special_names(dataset: Any, names: Iterable[str]) -> None:
    """Keeps on a dataset that names are no taxa."""
    known = special_names(dataset)
    if not known.issuperset(new := set(names)):
        record = read_record(dataset_of(dataset), _SPECIAL_NAMES_KEY, SpecialNames)
        every = tuple(sorted({*(record.names if record else ()), *new}))
        write_record(dataset_of(dataset), _SPECIAL_NAMES_KEY, SpecialNames(every))
