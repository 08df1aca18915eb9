"""The door to :func:`labels.add_taxonomy_ranks`."""

from typing import Any

from ..dataset.label_map import special_names, taxonomy_of
from ..dataset.schema import labels_path
from ..errors import Fault
from ..parameters import dataset as parameters
from .base import StageOperator
from .forms import Preview
from .suggestions import label_fields


class AddTaxonomyRanks(StageOperator[parameters.AddTaxonomyRanks]):
    model = parameters.AddTaxonomyRanks
    icon = "/plugins/fathomnet/assets/tree.svg"
    changes_labels = True

    def preview(self, params: parameters.AddTaxonomyRanks, dataset: Any) -> Preview:
        known = label_fields(dataset)
        absent = [name for name in params.label_fields if name not in known]
        if absent:
            there = ", ".join(known) or "none; ingest annotations first"
            problem = (
                f"dataset {dataset.name!r} has no labels in {', '.join(absent)}; "
                f"there are in: {there}"
            )
            return Preview(problems=(Fault("label_fields", problem),))
        taxonomy, no_taxa = taxonomy_of(dataset), special_names(dataset)
        facts: list[str] = []
        strangers: set[str] = set()
        for field in params.label_fields:
            counts = dataset.count_values(f"{labels_path(dataset, field)}.label")
            counts.pop(None, None)
            facts.append(f"{field}: {sum(counts.values()):,} labels of {len(counts):,} concepts")
            strangers.update(
                name for name in counts if name not in no_taxa and taxonomy.certain(name) is None
            )
        warnings = (
            (f"Not in the taxonomy, left without ranks: {', '.join(sorted(strangers))}",)
            if strangers
            else ()
        )
        return Preview(facts=tuple(facts), warnings=warnings)
