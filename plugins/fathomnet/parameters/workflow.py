"""Parameters of the workflow: its stages, and the parameters of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .base import Parameters
from .dataset import AddPrimaryLabel, AddTaxonomyRanks, ImportPredictions, IngestDataset
from .embeddings import ComputeEmbeddings
from .kinds import list_items
from .needles import FindNeedles
from .similarity import BuildSimilarityIndex

StageName = Literal[
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "compute_embeddings",
    "build_similarity_index",
    "find_needles",
    "import_predictions",
]
MAIN_JOB: tuple[StageName, ...] = (
    "ingest_dataset",
    "add_primary_label",
    "add_taxonomy_ranks",
    "import_predictions",
)
"""What runs if no stages are named: what needs neither a model nor its weights."""


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
    ingest_dataset: IngestDataset = IngestDataset()
    add_primary_label: AddPrimaryLabel = AddPrimaryLabel()
    add_taxonomy_ranks: AddTaxonomyRanks = AddTaxonomyRanks()
    compute_embeddings: ComputeEmbeddings = ComputeEmbeddings()
    build_similarity_index: BuildSimilarityIndex = BuildSimilarityIndex()
    find_needles: FindNeedles = FindNeedles()
    import_predictions: ImportPredictions = ImportPredictions()

    def stage(self, name: StageName) -> Parameters:
        """The parameters of one stage."""
        stage: Parameters = getattr(self, name)
        return stage
