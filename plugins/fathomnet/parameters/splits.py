"""Parameters of the operator that divides a dataset."""

from typing import Annotated, Literal

from pydantic import Field

from .base import Parameters
from .kinds import OptionalText


class SplitByDive(Parameters):
    operator = "split_by_dive"
    heading = "FathomNet: split by dive"
    summary = "Tag training and validation images so that no dive is on both sides"
    stage = "splits:split_by_dive"
    position = 180
    in_workflow = True

    val_ratio: Annotated[
        float,
        Field(
            gt=0,
            lt=1,
            title="Validation share",
            description="Share of the images that become validation images",
        ),
    ] = 0.2
    seed: Annotated[
        int,
        Field(ge=0, title="Seed", description="Equal seeds divide equally; another one, otherwise"),
    ] = 42
    dry_run: Annotated[
        bool, Field(title="Dry run", description="Say what would happen, and write nothing")
    ] = False
    by: Annotated[
        Literal["dive", "day", "folder", "pattern"],
        Field(
            title="Keep together",
            description="Images of a dive or, where URLs name none, those of a day of capture, of "
            "a folder, or those in whose names a pattern matches the same",
        ),
    ] = "dive"
    pattern: Annotated[
        OptionalText,
        Field(
            title="Pattern",
            description="A regular expression for file names and URLs; what its brackets match "
            r"names the group, as in (cruise\d+)",
        ),
    ] = ""
