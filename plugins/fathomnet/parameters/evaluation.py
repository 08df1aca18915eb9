"""Parameters of the operators that judge predictions by labels, and labels by predictions."""

from typing import Annotated

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import LabelsField, OptionalText, Widget


class EvaluatePredictions(Parameters):
    operator = "evaluate_predictions"
    heading = "FathomNet: evaluate predictions"
    summary = "Score predictions against true labels, at every rank of the tree of life"
    stage = "evaluation:evaluate_predictions"
    position = 130
    in_workflow = True

    pred_field: Annotated[
        LabelsField, Field(title="Predictions", description="The predicted boxes, or crops' labels")
    ] = names.MODEL_PREDICTIONS
    gt_field: Annotated[
        LabelsField,
        Field(title="Truth", description="The annotated boxes, or crops, with the true labels"),
    ] = names.GROUND_TRUTH
    eval_key: Annotated[
        str,
        Field(
            title="Evaluation key",
            description="Name of the evaluation; empty for eval_<predictions>. One of this name "
            "is replaced",
        ),
    ] = ""
    view: Annotated[
        OptionalText,
        Widget.SAVED_VIEW,
        Field(title="Saved view", description="Whose images; empty for what is selected or shown"),
    ] = ""
    tag: Annotated[
        OptionalText,
        Field(title="Tag", description="Only images with this tag, such as val; empty for all"),
    ] = ""


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
