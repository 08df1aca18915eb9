"""Parameters of the operators that name labels, change them by hand, undo this, and export it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .kinds import LabelsField, OptionalText, PathText, Widget, none_if_empty

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


class ResolveNames(Parameters):
    operator = "resolve_names"
    heading = "FathomNet: resolve names by WoRMS"
    summary = "Ask WoRMS where names stand, and write a label map and what is doubtful about it"
    stage = "relabelling:resolve_names"
    position = 45
    changes_dataset = False

    field: Annotated[
        LabelsField,
        Field(title="Labels", description="The field whose labels are resolved"),
    ] = names.GROUND_TRUTH
    file: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="File of names",
            description="In place of a field: a table with a column name, or a label map",
        ),
    ] = ""
    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Folder",
            description="Takes label_map.csv, doubtful_names.csv, and WoRMS's answers",
        ),
    ] = ""


class SetLabelMap(Parameters):
    operator = "set_label_map"
    heading = "FathomNet: set the label map"
    summary = "Give a dataset names of its own, each with its place, and say what old ones became"
    stage = "relabelling:set_label_map"
    position = 45

    file: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Label map",
            description="A table of names and parents or ranks, a Newick tree, or a Darwin Core "
            "taxon table",
        ),
    ] = ""
    version: Annotated[
        Annotated[int, Field(ge=0)] | None,
        BeforeValidator(none_if_empty),
        Field(
            title="Earlier version",
            description="In place of a file: its number; 0 for the project's own names",
        ),
    ] = None
    dry_run: Annotated[
        bool, Field(title="Dry run", description="Say what the map holds, and write nothing")
    ] = False


class ReconcileLabels(Parameters):
    operator = "reconcile_labels"
    heading = "FathomNet: reconcile labels"
    summary = "Bring labels from old names to those that they have become; it can be undone"
    stage = "relabelling:reconcile_labels"
    position = 165

    field: Annotated[
        LabelsField,
        Field(title="Labels", description="The field whose boxes, or crops, are renamed"),
    ] = names.GROUND_TRUTH
    table: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Table",
            description="Old and new names; empty for what the label map of the dataset says",
        ),
    ] = ""
    dry_run: DryRun = False


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
        LabelsField,
        Field(title="Boxes", description="The field whose boxes, or crops, are relabelled"),
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
            title="Folder",
            description="Takes corrections.csv and corrections.json (of crops, .parquet), or one "
            "a split",
        ),
    ] = ""
    field: Annotated[
        LabelsField,
        Field(title="Boxes", description="The field whose boxes, or crops, were relabelled"),
    ] = names.GROUND_TRUTH


class ExportDataset(Parameters):
    operator = "export_dataset"
    heading = "FathomNet: export the dataset"
    summary = "Write the boxes or crops of each split to a file, with the ids of the catalog"
    stage = "relabelling:export_dataset"
    position = 175
    changes_dataset = False

    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Folder",
            description="Takes exported_<split>.json (of crops, .parquet) for each split",
        ),
    ] = ""
    field: Annotated[
        LabelsField,
        Field(title="Boxes", description="The field whose boxes, or crops, are written"),
    ] = names.GROUND_TRUTH
    view: Annotated[
        OptionalText,
        Widget.SAVED_VIEW,
        Field(title="Saved view", description="Whose images and boxes; empty for all"),
    ] = ""
    split: Annotated[
        OptionalText, Field(title="Split", description="The only split to write; empty for all")
    ] = ""
