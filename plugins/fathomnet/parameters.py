"""Every operator's parameters, once: forms, command line and validation are made from these.

Nothing here imports FiftyOne, so that the command line can list and check them without it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from . import fields
from .errors import Fault, InputError


class Widget(Enum):
    """How a form shows a parameter whose type alone does not say it."""

    FILE = "file"
    PLACE = "a folder or a gs:// address"
    BOXES_FIELD = "boxes field"


def _path_text(value: Any) -> Any:
    """The path from what a file browser sends, or from what somebody typed."""
    if isinstance(value, Mapping):
        value = value.get("absolute_path") or ""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return str(Path(text).expanduser()) if text.startswith("~") else text


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


def _list_items(value: Any) -> Any:
    """A list from a form or a program, or from the command line's comma-separated text."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


PathText = Annotated[str, BeforeValidator(_path_text)]
Limit = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(_none_if_empty),
    Field(
        title="Limit",
        description="Take only this many images of each split; empty for all of them",
    ),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_list_items)]
Split = Annotated[
    fields.Split,
    Field(title="Split", description="Boxes are numbered within their split, so it must be named"),
]
BoxesField = Annotated[str, Widget.BOXES_FIELD, Field(min_length=1)]


class Parameters(BaseModel):
    """Base of an operator's parameters; a subclass names the operator that it belongs to.

    Attributes:
        operator: the operator's name without the plugin's.
        label: its name in the App.
        summary: what it does, in a line.
        needs_dataset: whether it works on a dataset that exists already.
        takes_dataset: whether it can be given one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    operator: ClassVar[str]
    label: ClassVar[str]
    summary: ClassVar[str]
    needs_dataset: ClassVar[bool] = True
    takes_dataset: ClassVar[bool] = True

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Checks values from a form, a program or the command line.

        Args:
            values: parameter names and values; defaults fill what is absent. Keys that start
                with an underscore, and FiftyOne's own ``view_target``, are the form's and are
                ignored.

        Raises:
            InputError: a value is wrong or a name is unknown; every fault's place is the
                parameter's name.
        """
        own = {k: v for k, v in values.items() if not k.startswith("_") and k != "view_target"}
        try:
            return cls.model_validate(own)
        except ValidationError as error:
            faults = [cls._fault(item["loc"], item["type"], item["msg"]) for item in error.errors()]
            raise InputError(f"parameters of {cls.operator}", faults) from None

    @classmethod
    def _fault(cls, location: tuple[int | str, ...], kind: str, message: str) -> Fault:
        place = ".".join(str(part) for part in location)
        if kind == "extra_forbidden":
            close = difflib.get_close_matches(str(location[-1]), cls.model_fields, n=1)
            advice = f"did you mean {close[0]}?" if close else f"known: {_listed(cls)}"
            return Fault(place, f"there is no such parameter; {advice}")
        return Fault(place, message[:1].lower() + message[1:])


def _listed(model: type[Parameters]) -> str:
    return ", ".join(model.model_fields)


class CheckSetup(Parameters):
    operator = "check_setup"
    label = "FathomNet: check the setup"
    summary = "What is installed, connected and reachable, and how to fix what is not"
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
    label = "FathomNet: ingest a dataset"
    summary = "Make a FiftyOne dataset from FathomNet's COCO annotation files"
    needs_dataset = False
    takes_dataset = False

    train_annotations: Annotated[
        PathText,
        Widget.FILE,
        Field(title="Training annotations", description="COCO JSON of the training split"),
    ] = ""
    test_annotations: Annotated[
        PathText,
        Widget.FILE,
        Field(title="Test annotations", description="COCO JSON of the test split"),
    ] = ""
    dataset_name: Annotated[
        str,
        Field(
            min_length=1,
            title="Dataset name",
            description="The dataset to make, or to complete if it is there",
        ),
    ] = fields.DATASET_NAME
    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="Where the images are: gs://bucket/prefix, or a folder that holds "
            "train_images/ and test_images/",
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


class AddPrimaryLabel(Parameters):
    operator = "add_primary_label"
    label = "FathomNet: add primary labels"
    summary = "Give each image its most frequent concept"

    source_field: Annotated[
        BoxesField, Field(title="Boxes", description="The boxes whose concepts are counted")
    ] = fields.GROUND_TRUTH
    field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the label is written")
    ] = fields.PRIMARY_LABEL


class AddTaxonomyRanks(Parameters):
    operator = "add_taxonomy_ranks"
    label = "FathomNet: add taxonomy ranks"
    summary = "Give each box its kingdom, phylum, class, order, family, genus and species"

    label_fields: Annotated[
        Names,
        Widget.BOXES_FIELD,
        Field(min_length=1, title="Fields", description="The fields whose labels get ranks"),
    ] = (fields.GROUND_TRUTH,)


class ImportPredictions(Parameters):
    operator = "import_predictions"
    label = "FathomNet: import predictions"
    summary = "Add a model's predictions, from a CSV, a Parquet file or a predictions folder"

    predictions: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Predictions",
            description="A CSV with annotation_id,concept_name, a predictions.parquet, "
            "or the folder of a run",
        ),
    ] = ""
    split: Split = "test"
    gt_field: Annotated[
        BoxesField, Field(title="Boxes", description="The boxes that the predictions are about")
    ] = fields.GROUND_TRUTH
    field: Annotated[
        str, Field(min_length=1, title="Field", description="Where the predictions are written")
    ] = fields.MODEL_PREDICTIONS
    skip_bad_rows: Annotated[
        bool,
        Field(
            title="Skip bad rows",
            description="Import the sound rows and list the others, instead of importing nothing",
        ),
    ] = False


StageName = Literal[
    "ingest_dataset", "add_primary_label", "add_taxonomy_ranks", "import_predictions"
]
STAGES: tuple[StageName, ...] = (
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "import_predictions",
)


class RunWorkflow(Parameters):
    operator = "run_workflow"
    label = "FathomNet: run the workflow"
    summary = "Run several stages in order, as one operation"
    needs_dataset = False

    stages: Annotated[
        tuple[StageName, ...],
        BeforeValidator(_list_items),
        Field(min_length=1, title="Stages", description="What to run, in this order"),
    ] = STAGES
    ingest_dataset: IngestDataset = IngestDataset()
    add_primary_label: AddPrimaryLabel = AddPrimaryLabel()
    add_taxonomy_ranks: AddTaxonomyRanks = AddTaxonomyRanks()
    import_predictions: ImportPredictions = ImportPredictions()

    def stage(self, name: StageName) -> Parameters:
        """The parameters of one stage."""
        stage: Parameters = getattr(self, name)
        return stage


OPERATORS: dict[str, type[Parameters]] = {
    model.operator: model
    for model in (
        CheckSetup,
        IngestDataset,
        AddPrimaryLabel,
        AddTaxonomyRanks,
        ImportPredictions,
        RunWorkflow,
    )
}


def widget(info: FieldInfo) -> Widget | None:
    """The widget that a parameter names, if any."""
    return next((item for item in info.metadata if isinstance(item, Widget)), None)


def title(info: FieldInfo, name: str) -> str:
    """The words that a person sees for a parameter."""
    return info.title or name.replace("_", " ").capitalize()
