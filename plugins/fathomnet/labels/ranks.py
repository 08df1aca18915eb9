"""The ranks of each box: its concept's kingdom, phylum, class and so on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final

from ..dataset import columns, writes
from ..dataset.columns import dataset_of
from ..dataset.label_map import special_names, taxonomy_of
from ..dataset.label_pipelines import has_labels, rank_update
from ..dataset.records import bring_up_to_date, read_record, write_record
from ..dataset.schema import declare, labels_path, rank_schema
from ..errors import Fault, InputError
from ..names import GROUND_TRUTH, OWN_RANK, RANKS
from ..progress import Progress, silent
from ..taxonomy import Taxonomy
from ..text import counted

RANK_ATTRIBUTES: Final = (OWN_RANK, *RANKS)


@dataclass(frozen=True, slots=True)
class RanksResult:
    """The outcome of ``add_taxonomy_ranks``.

    Attributes:
        boxes: labels whose concept has a place in the taxonomy, in all fields.
        unknown_concepts: the names of the other labels, sorted; those that are no taxa, such as
            debris, are not among them.
        by_part: names that got the ranks of a taxon above them, and which: ``Munidopsis sp. 3``
            those of Munidopsis; sorted.
    """

    boxes: int
    unknown_concepts: tuple[str, ...]
    by_part: tuple[str, ...] = ()


def add_taxonomy_ranks(
    dataset: Any,
    label_fields: Sequence[str] = (GROUND_TRUTH,),
    taxonomy: Taxonomy | None = None,
    progress: Progress = silent,
) -> RanksResult:
    """Writes its own rank and its lineage, kingdom to species, on every label.

    A rank that the lineage does not reach is None, and so is every rank of a label that is absent
    or not in the taxonomy; a name that leaves something open (sp., cf., indet.) gives the ranks
    that are certain. Images whose labels are already right are not touched.

    Args:
        dataset: a FiftyOne dataset.
        label_fields: fields of boxes, or of one label per image.
        taxonomy: the tree of concepts; None for that of the dataset.
        progress: called with the share done and a label.

    Raises:
        InputError: no field is named.
        DatasetError: a field does not exist or holds something else; nothing was changed.
    """
    names = (label_fields,) if isinstance(label_fields, str) else tuple(label_fields)
    if not names:
        raise InputError("label_fields", [Fault("label_fields", "name at least one field")])
    bring_up_to_date(dataset)
    taxonomy = taxonomy_of(dataset) if taxonomy is None else taxonomy
    paths = {name: labels_path(dataset, name) for name in names}
    known = 0
    unknown: set[str] = set()
    new = read_new_names(dataset)
    by_part: set[str] = set()
    for done, (field, path) in enumerate(paths.items()):
        progress(done / len(paths), f"writing the ranks of {field}")
        declare(dataset, rank_schema(path))
        counts = dataset.count_values(f"{path}.label")
        for name in (None, *special_names(dataset)):
            counts.pop(name, None)
        taxa = {label: taxonomy.certain(new.get(label, label)) for label in counts}
        ranks = {label: rank_attributes(one.name, taxonomy) for label, one in taxa.items() if one}
        by_part |= {
            f"{label}: {one.name}" for label, one in taxa.items() if one and one.name != label
        }
        attributes = {**ranks, "": rank_attributes(None, taxonomy)}
        change = partial(rank_update, path, attributes)
        writes.rewrite_field(dataset, field, change, has_labels(path))
        known += sum(counts[label] for label in ranks)
        unknown.update(counts.keys() - ranks.keys())
    progress(1.0, f"{counted(known, 'label has its', 'labels have their')} ranks")
    return RanksResult(known, tuple(sorted(unknown)), tuple(sorted(by_part)))


_NEW_NAMES_KEY: Final = "new_names"


@dataclass(frozen=True, slots=True)
class NewNames:
    """Names that somebody gave to boxes of a dataset and that the taxonomy does not have.

    Attributes:
        names: of each, the name and the taxon that it belongs to.
    """

    METHOD: ClassVar[str] = "relabel_boxes"

    names: tuple[tuple[str, str], ...] = ()


def read_new_names(dataset: Any) -> dict[str, str]:
    """By each new name of a dataset, the taxon that it belongs to."""
    record = read_record(dataset_of(dataset), _NEW_NAMES_KEY, NewNames)
    return dict(record.names) if record else {}


def keep_new_name(dataset: Any, name: str, above: str) -> None:
    """Keeps on a dataset to which taxon a new name belongs; the latest word counts."""
    names = {**read_new_names(dataset), name: above}
    if names != read_new_names(dataset):
        write_record(dataset_of(dataset), _NEW_NAMES_KEY, NewNames(tuple(sorted(names.items()))))


def wrong_ranks(dataset: Any, field: str, taxonomy: Taxonomy) -> int:
    """The number of labels whose ranks are those of another name, or that lack them.

    Somebody has renamed or added them by hand: what this project relabels gets its ranks.

    Args:
        dataset: a FiftyOne dataset.
        field: of boxes, or of one label an image; 0 where it has no ranks at all.
        taxonomy: the tree of concepts.
    """
    path = labels_path(dataset, field)
    if any(dataset.get_field(f"{path}.{name}") is None for name in RANK_ATTRIBUTES):
        return 0
    alike = columns.count_alike(dataset, field, path, ("label", *RANK_ATTRIBUTES))
    right = {None: rank_attributes(None, taxonomy)}
    wrong = 0
    for (label, *ranks), labels in alike:
        if label not in right:
            right[label] = rank_attributes(label, taxonomy)
        wrong += 0 if [*right[label].values()] == ranks else labels
    return wrong


def rank_attributes(label: str | None, taxonomy: Taxonomy) -> dict[str, str | None]:
    """A concept's own rank and the seven slots of its lineage; all None for an unknown name."""
    taxon = taxonomy.certain(label)
    if taxon is None:
        return dict.fromkeys(RANK_ATTRIBUTES)
    return {OWN_RANK: taxon.rank, **dict(zip(RANKS, taxon.lineage, strict=True))}
