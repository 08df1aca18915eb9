"""The door to :func:`labels.add_primary_label`."""

from typing import Any

from ..errors import FathomNetError, Fault
from ..labels.primary import check_primary_label
from ..parameters import dataset as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with
from .suggestions import boxes_fields


class AddPrimaryLabel(StageOperator[parameters.AddPrimaryLabel]):
    model = parameters.AddPrimaryLabel
    icon = "/plugins/fathomnet/assets/label.svg"

    def preview(self, params: parameters.AddPrimaryLabel, dataset: Any) -> Preview:
        known = boxes_fields(dataset)
        if params.source_field not in known:
            where = ", ".join(known) or "none; ingest annotations first"
            problem = f"dataset {dataset.name!r} has no boxes there; its fields of boxes: {where}"
            return Preview(problems=(Fault("source_field", problem),))
        try:
            check_primary_label(dataset, params.source_field, params.field)
        except FathomNetError as error:
            return Preview(problems=(problem_with("field", error),))
        labels = dataset.count_values(f"{params.source_field}.detections.label")
        labelled = sum(count for label, count in labels.items() if label is not None)
        facts = (
            f"{counted(dataset.count(), 'image is', 'images are')} looked at",
            f"{labelled:,} of {sum(labels.values()):,} boxes have a concept",
        )
        again = f"{params.field} is there already and is brought up to date"
        return Preview(facts=facts, warnings=(again,) if dataset.has_field(params.field) else ())
