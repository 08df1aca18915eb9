"""The ranks of each box: its concept's kingdom, phylum, class and so on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from ..taxonomy.table import Taxon
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
    by_part: set[str] = set()
    for done, (field, path) in enumerate(paths.items()):
        progress(done / len(paths), f"writing the ranks of {field}")
        declare(dataset, rank_schema(path))
        counts = dataset.count_values(f"{path}.label")
        taxa = _taxa_of(dataset, counts, taxonomy)
        by_part |= {
            f"{label}: {one.name}" for label, one in taxa.items() if one and one.name != label
        }
        change = partial(rank_update, path, _ranks_of(taxa))
        writes.rewrite_field(dataset, field, change, has_labels(path))
        known += sum(counts[label] for label, one in taxa.items() if one)
        unknown.update(label for label, one in taxa.items() if one is None)
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


def wrong_ranks(dataset: Any, field: str, taxonomy: Taxonomy) -> Counter[str | None]:
    """Counts, by label, those whose ranks are another name's, or that lack them.

    Somebody has renamed or added them by hand: what this project relabels gets its ranks.

    Args:
        dataset: a FiftyOne dataset.
        field: of boxes, or of one label an image; nothing is wrong where it has no ranks at all.
        taxonomy: the tree of concepts.
    """
    path = labels_path(dataset, field)
    wrong: Counter[str | None] = Counter()
    if any(dataset.get_field(f"{path}.{name}") is None for name in RANK_ATTRIBUTES):
        return wrong
    alike = list(columns.count_alike(dataset, field, path, ("label", *RANK_ATTRIBUTES)))
    right = _ranks_of(_taxa_of(dataset, {label for (label, *_), _ in alike}, taxonomy))
    for (label, *ranks), labels in alike:
        if [*right.get(label or "", right[""]).values()] != ranks:
            wrong[label] += labels
    return wrong


def mend_ranks(dataset: Any, field: str, taxonomy: Taxonomy) -> int:
    """Writes the ranks of the labels whose ranks are wrong, see ``wrong_ranks``.

    Args:
        dataset: a FiftyOne dataset.
        field: of boxes, or of one label an image.
        taxonomy: the tree of concepts.

    Returns:
        How many labels these are.
    """
    wrong = wrong_ranks(dataset, field, taxonomy)
    if wrong:
        path = labels_path(dataset, field)
        # Other labels of the same images are written again too.
        taxa = _taxa_of(dataset, dataset.distinct(f"{path}.label"), taxonomy)
        named = {"$and": [has_labels(path), {f"{path}.label": {"$in": list(wrong)}}]}
        change = partial(rank_update, path, _ranks_of(taxa))
        writes.rewrite_field(dataset, field, change, named)
    return wrong.total()


def _taxa_of(
    dataset: Any, labels: Iterable[str | None], taxonomy: Taxonomy
) -> dict[str, Taxon | None]:
    """Of each label that may be a taxon the finest that its boxes certainly belong to."""
    new, special = read_new_names(dataset), special_names(dataset)
    return {
        label: taxonomy.certain(new.get(label, label))
        for label in labels
        if label is not None and label not in special
    }


def _ranks_of(taxa: Mapping[str, Taxon | None]) -> dict[str, dict[str, str | None]]:
    """The rank attributes of each label that has a taxon and, under ``""``, of all others."""
    ranks = {label: _attributes(taxon) for label, taxon in taxa.items() if taxon is not None}
    return {**ranks, "": _attributes(None)}


def rank_attributes(label: str | None, taxonomy: Taxonomy) -> dict[str, str | None]:
    """A concept's own rank and the seven slots of its lineage; all None for an unknown name."""
    return _attributes(taxonomy.certain(label))


def _attributes(taxon: Taxon | None) -> dict[str, str | None]:
    if taxon is None:
        return dict.fromkeys(RANK_ATTRIBUTES)
    return {OWN_RANK: taxon.rank, **dict(zip(RANKS, taxon.lineage, strict=True))}
