"""Parameters of the operators that change labels by hand, undo this, and export it."""

from typing import Annotated, Literal

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import BoxesField, OptionalText, PathText, Widget

# What relabelling, review and the labelling of hits ask alike.
ViewOfBoxes = Annotated[
    OptionalText,
    Widget.SAVED_VIEW,
    Field(title="Saved view", description="Whose boxes; empty for what is selected or shown"),
]
Scope = Annotated[
    Literal["", "selected", "all_except_selected", "shown"],
    Field(
        title="Scope",
        description="Of what you see: what is selected, all but that, or all; empty for what "
        "is selected, or else all",
    ),
]
DryRun = Annotated[
    bool, Field(title="Dry run", description="Say what would change, and write nothing")
]
Note = Annotated[str, Field(max_length=1_000, title="Note", description="Why, for the journal")]
Below = Annotated[
    OptionalText,
    Widget.CONCEPT,
    Field(
        title="New name, below",
        description="Only for a name that is new: the taxon to which it belongs",
    ),
]


class RelabelBoxes(Parameters):
    operator = "relabel_boxes"
    heading = "FathomNet: relabel boxes"
    summary = "Change the labels of the boxes that you see or have selected; it can be undone"
    stage = "relabelling:relabel_boxes"
    position = 150

    label: Annotated[
        OptionalText,
        Widget.CONCEPT,
        Field(title="New label", description="A name of any rank in the taxonomy"),
    ] = ""
    field: Annotated[
        BoxesField, Field(title="Boxes", description="The field whose boxes are relabelled")
    ] = names.GROUND_TRUTH
    view: ViewOfBoxes = ""
    scope: Scope = ""
    dry_run: DryRun = False
    note: Note = ""
    below: Below = ""


class UndoRelabel(Parameters):
    operator = "undo_relabel"
    heading = "FathomNet: undo a relabelling"
    summary = "Give boxes back the labels that they had before a relabelling"
    stage = "relabelling:undo_relabel"
    position = 160

    journal: Annotated[
        OptionalText,
        Widget.JOURNAL,
        Field(title="Journal", description="Which relabelling or review; empty for the last one"),
    ] = ""


class ExportCorrections(Parameters):
    operator = "export_corrections"
    heading = "FathomNet: export corrections"
    summary = "Write what was relabelled as a CSV and as a COCO file"
    stage = "relabelling:export_corrections"
    position = 170
    changes_dataset = False

    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Folder", description="Takes corrections.csv and corrections.json, or one a split"
        ),
    ] = ""
    field: Annotated[
        BoxesField, Field(title="Boxes", description="The field whose boxes were relabelled")
    ] = names.GROUND_TRUTH


class ExportDataset(Parameters):
    operator = "export_dataset"
    heading = "FathomNet: export the dataset"
    summary = "Write the boxes of each split as a COCO file, with the ids of the catalog"
    stage = "relabelling:export_dataset"
    position = 175
    changes_dataset = False

    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(title="Folder", description="Takes exported_<split>.json for each split"),
    ] = ""
    field: Annotated[
        BoxesField, Field(title="Boxes", description="The field whose boxes are written")
    ] = names.GROUND_TRUTH
    view: Annotated[
        OptionalText,
        Widget.SAVED_VIEW,
        Field(title="Saved view", description="Whose images and boxes; empty for all"),
    ] = ""
    split: Annotated[
        OptionalText, Field(title="Split", description="The only split to write; empty for all")
    ] = ""
