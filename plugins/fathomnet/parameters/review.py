"""Parameters of the operators by which people say what they think of labels."""

from typing import Annotated, Literal

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import BoxesField, OptionalText, Widget


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
        BoxesField, Field(title="Boxes", description="The field whose labels are judged")
    ] = names.GROUND_TRUTH
    view: Annotated[
        OptionalText,
        Widget.SAVED_VIEW,
        Field(title="Saved view", description="Whose boxes; empty for what is selected or shown"),
    ] = ""
    note: Annotated[
        str, Field(max_length=1_000, title="Note", description="Why, for the journal")
    ] = ""
    dry_run: Annotated[
        bool, Field(title="Dry run", description="Say what would change, and write nothing")
    ] = False
    below: Annotated[
        OptionalText,
        Widget.CONCEPT,
        Field(
            title="New name, below",
            description="Only for a name that is new: the taxon to which it belongs",
        ),
    ] = ""
