"""Parameters of the operator that describes a dataset."""

from typing import Annotated

from pydantic import Field

from .base import Parameters
from .kinds import PathText, Widget


class ReportDataset(Parameters):
    operator = "report_dataset"
    heading = "FathomNet: report on the dataset"
    summary = "Describe the dataset: a data card with counts, sources, leaks, suspects and scores"
    stage = "report:report_dataset"
    position = 190
    in_workflow = True
    changes_dataset = False

    path: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Folder",
            description="Takes data-card.md and data-card.html; empty to only show the card",
        ),
    ] = ""
