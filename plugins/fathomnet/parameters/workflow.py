"""Parameters of the workflow: its stages, and the parameters of each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .base import Parameters
from .dataset import AddPrimaryLabel, AddTaxonomyRanks, ImportPredictions, IngestDataset
from .kinds import list_items

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
        BeforeValidator(list_items),
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
