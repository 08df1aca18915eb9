"""Parameters of what checks the setup, and makes, fills, divides and describes a dataset."""

from typing import Annotated, Literal

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import (
    BoxesField,
    ColumnNames,
    LabelsField,
    Limit,
    Names,
    OptionalText,
    PathText,
    PathTexts,
    Split,
    Widget,
)


class CheckSetup(Parameters):
    operator = "check_setup"
    heading = "FathomNet: check the setup"
    summary = "What is installed, connected and reachable, and how to fix what is not"
    stage = "setup_check:check_setup"
    position = 10
    changes_dataset = False
    needs_dataset = False
    takes_dataset = False

    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="gs://bucket/prefix or a folder to check; empty to skip that check",
        ),
    ] = ""


class IngestDataset(Parameters):
    operator = "ingest_dataset"
    heading = "FathomNet: ingest a dataset"
    summary = "Make a FiftyOne dataset from FathomNet's COCO annotation files"
    stage = "ingest:ingest_dataset"
    position = 40
    in_workflow = True
    needs_dataset = False
    takes_dataset = False

    train_annotations: Annotated[
        PathTexts,
        Widget.FILE,
        Field(
            title="Training annotations",
            description="COCO JSON of the training split; several files with ; between them",
        ),
    ] = ""
    test_annotations: Annotated[
        PathTexts,
        Widget.FILE,
        Field(title="Test annotations", description="COCO JSON of the test split"),
    ] = ""
    val_annotations: Annotated[
        PathTexts,
        Widget.FILE,
        Field(title="Validation annotations", description="COCO JSON of a validation split"),
    ] = ""
    dataset_name: Annotated[
        str,
        Field(
            min_length=1,
            title="Dataset name",
            description="The dataset to make, or to complete if it is there",
        ),
    ] = names.DATASET_NAME
    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="Where the images are: gs://bucket/prefix, or a folder that holds "
            "train_images/, val_images/ and test_images/",
        ),
    ] = ""
    mirror: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Local mirror",
            description="A folder under your home that holds copies of gs:// images; "
            "empty for the default",
        ),
    ] = ""
    limit: Limit = None
    recreate: Annotated[
        bool,
        Field(
            title="Recreate",
            description="Delete this dataset first, with everything that was added to it",
        ),
    ] = False
    skip_bad_boxes: Annotated[
        bool,
        Field(
            title="Skip bad boxes",
            description="Leave out boxes that have faults, and list them, instead of refusing the "
            "file",
        ),
    ] = False
    update: Annotated[
        bool,
        Field(
            title="Update",
            description="Bring a dataset that is there up to date with a newer file, or with "
            "images that have moved; predictions and relabelled names stay",
        ),
    ] = False
    label_map: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Label map",
            description="The names that the dataset is to have, as set_label_map takes them; empty "
            "for those that it has, or else the project's own",
        ),
    ] = ""


class IngestCrops(Parameters):
    operator = "ingest_crops"
    heading = "FathomNet: ingest crops"
    summary = "Make a FiftyOne dataset of images that show one thing each and have one label"
    stage = "ingest:ingest_crops"
    position = 45
    needs_dataset = False
    takes_dataset = False

    dataset_name: Annotated[
        str,
        Field(
            min_length=1,
            title="Dataset name",
            description="The dataset to make, or to complete if it is there",
        ),
    ] = names.CROPS_DATASET
    table: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Table",
            description="CSV or Parquet with a row for each crop: its path or URL, and its label",
        ),
    ] = ""
    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Folder",
            description="In place of a table: a folder that holds a folder of crops for each class",
        ),
    ] = ""
    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="Where the crops are: gs://bucket/prefix, or a folder; empty for the "
            "folder of the table, or the one above",
        ),
    ] = ""
    label_field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the labels are written")
    ] = names.GROUND_TRUTH
    columns: Annotated[
        ColumnNames,
        Field(
            title="Columns",
            description="Headers of the table that do not say what they mean: path=roi_file; "
            "label=species; also confidence, label_2, confidence_2 and external_id",
        ),
    ] = ()
    split: Annotated[
        names.Split, Field(title="Split", description="To which all of these crops belong")
    ] = names.TRAIN_TAG


class AddPrimaryLabel(Parameters):
    operator = "add_primary_label"
    heading = "FathomNet: add primary labels"
    summary = "Give each image its most frequent concept"
    stage = "labels:add_primary_label"
    position = 50
    in_workflow = True

    source_field: Annotated[
        BoxesField, Field(title="Boxes", description="The boxes whose concepts are counted")
    ] = names.GROUND_TRUTH
    field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the label is written")
    ] = names.PRIMARY_LABEL


class AddTaxonomyRanks(Parameters):
    operator = "add_taxonomy_ranks"
    heading = "FathomNet: add taxonomy ranks"
    summary = "Give each box its kingdom, phylum, class, order, family, genus and species"
    stage = "labels:add_taxonomy_ranks"
    position = 60
    in_workflow = True

    label_fields: Annotated[
        Names,
        Widget.BOXES_FIELD,
        Field(min_length=1, title="Fields", description="The fields whose labels get ranks"),
    ] = (names.GROUND_TRUTH,)


class AddTiles(Parameters):
    operator = "add_tiles"
    heading = "FathomNet: add tiles"
    summary = "Cover each image with overlapping boxes, to search for what nobody has annotated"
    stage = "tiles:add_tiles"
    position = 70
    in_workflow = True

    field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the tiles are written")
    ] = names.TILES
    columns: Annotated[
        int,
        Field(
            ge=1,
            le=names.MOST_TILES,
            title="Columns",
            description="Tiles side by side, each of which overlaps the next by half",
        ),
    ] = names.TILE_COLUMNS
    rows: Annotated[
        int,
        Field(ge=1, le=names.MOST_TILES, title="Rows", description="Tiles one above the other"),
    ] = names.TILE_ROWS


class ImportPredictions(Parameters):
    operator = "import_predictions"
    heading = "FathomNet: import predictions"
    summary = "Add a model's predictions, from a CSV, a Parquet file or a predictions folder"
    stage = "predictions:import_predictions"
    position = 120
    in_workflow = True

    predictions: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Predictions",
            description="A CSV with annotation_id,concept_name, a predictions.parquet, "
            "or the folder of a run; of crops also with path,label; or a detector's boxes: COCO "
            "results, a CSV, YOLO's labels, MegaDetector's JSON",
        ),
    ] = ""
    split: Split = "test"
    gt_field: Annotated[
        LabelsField,
        Field(title="Boxes", description="The boxes, or crops, that the predictions are about"),
    ] = names.GROUND_TRUTH
    field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the predictions are written")
    ] = names.MODEL_PREDICTIONS
    skip_bad_rows: Annotated[
        bool,
        Field(
            title="Skip bad rows",
            description="Import the sound rows and list the others, instead of importing nothing",
        ),
    ] = False
    keep_others: Annotated[
        bool,
        Field(
            title="Keep others",
            description="Replace the predictions of those images only that the file names: for "
            "folds, imported one after the other",
        ),
    ] = False
    kind: Annotated[
        Literal["auto", "names", "detections"],
        Field(
            title="Kind",
            description="Names of the annotated boxes, or detections, which are boxes of their "
            "own; auto looks what the file holds",
        ),
    ] = "auto"


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
        Literal["dive", "day", "folder", "field", "pattern"],
        Field(
            title="Keep together",
            description="Images of a dive or, where URLs name none, those of a day of capture, of "
            "a folder, with one value of a field, or in whose names a pattern matches the same",
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
    field: Annotated[
        OptionalText,
        Field(
            title="Field",
            description="By field: the one whose value names the group, such as deployment",
        ),
    ] = ""
