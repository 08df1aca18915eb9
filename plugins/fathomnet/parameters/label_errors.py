"""Parameters of the search for wrong labels."""

from typing import Annotated

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import LabelsField, OptionalText, Widget


class FindLabelErrors(Parameters):
    operator = "find_label_errors"
    heading = "FathomNet: find label errors"
    summary = "Score labels by how probably they are wrong, and save the suspects as views"
    stage = "label_errors:find_label_errors"
    position = 140
    in_workflow = True

    pred_field: Annotated[
        OptionalText,
        Widget.PATCHES_FIELD,
        Field(
            title="Predictions",
            description="A model's predicted boxes; empty to do without",
        ),
    ] = names.MODEL_PREDICTIONS
    gt_field: Annotated[
        LabelsField,
        Field(title="Labels", description="The boxes, or crops, whose labels are looked at"),
    ] = names.GROUND_TRUTH
    index_key: Annotated[
        OptionalText,
        Widget.BOXES_INDEX,
        Field(
            title="Index",
            description="Brain key of a similarity index of these boxes; "
            "empty for the default one, if there is one",
        ),
    ] = ""
    threshold: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            title="Threshold",
            description="The score from which a box is a suspect; 0.5: more probably wrong "
            "than right",
        ),
    ] = 0.5
