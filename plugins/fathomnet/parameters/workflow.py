"""Parameters of the workflow: its stages, and the parameters of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .dataset import AddPrimaryLabel, AddTaxonomyRanks, AddTiles, ImportPredictions, IngestDataset
from .duplicates import FindDuplicates
from .embeddings import ComputeEmbeddings
from .evaluation import EvaluatePredictions
from .kinds import Limit, PathText, Widget, list_items, none_if_empty
from .label_errors import FindLabelErrors
from .media import AllowPrivateHosts, Concurrency, DownloadImages, Recheck, ShardText, UploadImages
from .needles import FindNeedles
from .report import ReportDataset
from .similarity import BuildSimilarityIndex
from .splits import SplitByDive

StageName = Literal[
    "upload_images",
    "download_images",
    "ingest_dataset",
    "add_primary_label",
    "import_predictions",
    "add_taxonomy_ranks",
    "add_tiles",
    "compute_embeddings",
    "build_similarity_index",
    "find_needles",
    "find_duplicates",
    "evaluate_predictions",
    "find_label_errors",
    "split_by_dive",
    "report_dataset",
]
MAIN_JOB: tuple[StageName, ...] = (
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "import_predictions",
)
"""The stages that run if none are named; they need neither a model nor its weights."""

StageAnnotations = Annotated[
    PathText,
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


class RunWorkflow(Parameters):
    operator = "run_workflow"
    heading = "FathomNet: run the workflow"
    summary = "Run several stages in order, as one operation"
    needs_dataset = False

    stages: Annotated[
        tuple[StageName, ...],
        BeforeValidator(list_items),
        Field(min_length=1, title="Stages", description="What to run, in this order"),
    ] = MAIN_JOB
    upload_images: UploadStage = UploadStage()
    download_images: DownloadStage = DownloadStage()
    ingest_dataset: IngestDataset = IngestDataset()
    add_primary_label: AddPrimaryLabel = AddPrimaryLabel()
    import_predictions: ImportPredictions = ImportPredictions()
    add_taxonomy_ranks: AddTaxonomyRanks = AddTaxonomyRanks()
    add_tiles: AddTiles = AddTiles()
    compute_embeddings: ComputeEmbeddings = ComputeEmbeddings()
    build_similarity_index: BuildSimilarityIndex = BuildSimilarityIndex()
    find_needles: FindNeedles = FindNeedles()
    find_duplicates: FindDuplicates = FindDuplicates()
    evaluate_predictions: EvaluatePredictions = EvaluatePredictions()
    find_label_errors: FindLabelErrors = FindLabelErrors()
    split_by_dive: SplitByDive = SplitByDive()
    report_dataset: ReportDataset = ReportDataset()

    def stage(self, name: StageName) -> Parameters:
        """The parameters of one stage."""
        stage: Parameters = getattr(self, name)
        return stage
