"""Parameters of the operators by which people say what they think of labels."""

from typing import Annotated, Literal

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import LabelsField, Names, OptionalText, Widget
from .relabelling import Below, DryRun, Note, ViewOfBoxes


class ReviewLabels(Parameters):
    operator = "review_labels"
    heading = "FathomNet: review labels"
    summary = "Say of the labels that you see or have selected whether they are right"
    stage = "review:review_labels"
    position = 148

    verdict: Annotated[
        Literal["confirm", "relabel", "accept_suggestion", "reject", "unsure", "reset"],
        Field(
            title="Verdict",
            description="They are right, are what is named below, are what is suggested for each, "
            "are wrong, cannot be told, or are unreviewed again",
        ),
    ] = "confirm"
    label: Annotated[
        OptionalText,
        Widget.CONCEPT,
        Field(title="Name", description="Only for relabel: what they are, at any rank"),
    ] = ""
    scope: Annotated[
        Literal["selected", "all_except_selected", "shown"],
        Field(title="Scope", description="Of what you see: what is selected, all but that, or all"),
    ] = "selected"
    field: Annotated[
        LabelsField, Field(title="Boxes", description="The field whose labels are judged")
    ] = names.GROUND_TRUTH
    view: ViewOfBoxes = ""
    note: Note = ""
    dry_run: DryRun = False
    below: Below = ""


class StartReview(Parameters):
    operator = "start_review"
    heading = "FathomNet: start a review"
    summary = "Make a queue of labels for each person who reviews them"
    stage = "review:start_review"
    position = 145

    name: Annotated[
        OptionalText, Field(title="Name", description="Of the round; empty for the next number")
    ] = ""
    field: Annotated[
        LabelsField, Field(title="Boxes", description="The field whose labels are looked at")
    ] = names.GROUND_TRUTH
    view: Annotated[
        OptionalText,
        Widget.SAVED_VIEW,
        Field(title="Saved view", description="Whose boxes; empty for all of the field"),
    ] = ""
    order: Annotated[
        Literal["suspicion", "margin", "cluster", "concept", "random"],
        Field(
            title="Order",
            description="The most suspicious first, the least certain predictions first, what "
            "looks alike together, name by name, or mixed",
        ),
    ] = "suspicion"
    assignees: Annotated[
        Names, Field(title="Assignees", description="Who looks at them; empty for one queue")
    ] = ()
    overlap: Annotated[
        float,
        Field(ge=0, le=1, title="Overlap", description="The share that two people get, 0 to 1"),
    ] = 0.0
    hide_done: Annotated[
        bool,
        Field(title="Hide done", description="Leave out of the queues what is judged"),
    ] = True


class OpenReview(Parameters):
    operator = "open_review"
    heading = "FathomNet: open in the review panel"
    summary = "Work through the labels that you see or have selected in the review panel"
    stage = "review:open_review"
    position = 147
    changes_dataset = False

    field: Annotated[
        LabelsField, Field(title="Boxes", description="The field whose labels are looked at")
    ] = names.GROUND_TRUTH
    view: ViewOfBoxes = ""
    as_grid: Annotated[
        bool,
        Field(title="As a grid", description="Begin with all crops beside one another"),
    ] = False
