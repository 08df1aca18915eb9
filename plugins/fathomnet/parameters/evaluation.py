"""Parameters of the operators that judge predictions."""

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
