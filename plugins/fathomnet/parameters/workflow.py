"""Parameters of the workflow: its stages, and the parameters of each."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, create_model

from .. import names
from .base import Parameters, stages
from .kinds import Limit, PathText, PathTexts, Widget, list_items, none_if_empty
from .media import AllowPrivateHosts, Concurrency, DownloadImages, Recheck, ShardText, UploadImages

MAIN_JOB: Final = (
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "import_predictions",
)
"""The stages that run if none are named; they need neither a model nor its weights."""

StageAnnotations = Annotated[
    PathTexts,
    Widget.FILE,
    Field(
        title="Annotations",
        description="COCO JSON that lists the images; empty for the files of ingest_dataset",
    ),
]
StageSplit = Annotated[
    names.Split | None,
    BeforeValidator(none_if_empty),
    Field(title="Split", description="Of the annotations that are named here"),
]


class MediaStage(Parameters):
    """A stage that moves images; empty parameters follow from ``ingest_dataset``."""

    needs_dataset = False
    takes_dataset = False

    annotations: StageAnnotations = ""
    split: StageSplit = None
    limit: Limit = None
    concurrency: Concurrency = names.CONCURRENCY
    allow_private_hosts: AllowPrivateHosts = False
    recheck: Recheck = False
    shard: ShardText = ""


class UploadStage(MediaStage):
    operator = UploadImages.operator
    heading = UploadImages.heading
    summary = "Stream the images of the files that are ingested into the media root"

    media_root: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Media root",
            description="gs://bucket/prefix or a folder; empty for that of ingest_dataset",
        ),
    ] = ""


class DownloadStage(MediaStage):
    operator = DownloadImages.operator
    heading = DownloadImages.heading
    summary = "Bring the images of the files that are ingested to where FiftyOne opens them"

    destination: Annotated[
        PathText,
        Widget.PLACE,
        Field(
            title="Destination",
            description="A folder; empty for the local mirror of a gs:// media root, "
            "or for a media root that is a folder",
        ),
    ] = ""
    source: Annotated[
        str,
        Field(
            title="Source",
            description="urls for those in the annotations, or gs://bucket/prefix; "
            "empty for a gs:// media root, else the URLs",
        ),
    ] = ""


_FOLLOW_FROM_INGEST: Final[dict[type[Parameters], type[Parameters]]] = {
    UploadImages: UploadStage,
    DownloadImages: DownloadStage,
}
"""What a stage asks for in the workflow, where that is less than it asks for by itself."""
STAGES: Final = {
    model.operator: _FOLLOW_FROM_INGEST.get(model, model) for model in stages() if model.in_workflow
}
"""The stages that the workflow can have, by name, with what each asks for there."""

_StageNames: Any = Literal[tuple(STAGES)]  # known at run time
_fields: dict[str, Any] = {
    "stages": (
        Annotated[
            tuple[_StageNames, ...],
            BeforeValidator(list_items),
            Field(min_length=1, title="Stages", description="What to run, in this order"),
        ],
        MAIN_JOB,
    ),
    **{name: (model, model()) for name, model in STAGES.items()},
}
_Stages: Any = create_model("_Stages", __base__=Parameters, __module__=__name__, **_fields)


class RunWorkflow(_Stages, Parameters):  # type: ignore[misc]  # its fields are known at run time
    operator = "run_workflow"
    heading = "FathomNet: run the workflow"
    summary = "Run several stages in order, as one operation"
    stage = "workflow:run_workflow"
    position = 200
    needs_dataset = False

    def of_stage(self, name: str) -> Parameters:
        """The parameters of one stage."""
        own: Parameters = getattr(self, name)
        return own


_ALL: Final[tuple[type[Parameters], ...]] = (*stages(), RunWorkflow)
OPERATORS: Final[dict[str, type[Parameters]]] = {
    model.operator: model for model in sorted(_ALL, key=lambda model: model.position)
}
"""The parameters of every operator, by name, in the order of the work."""
