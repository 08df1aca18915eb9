"""Every operator's parameters, from which forms, command line and validation are made.

Nothing here imports FiftyOne, so that the command line can list and check them without it.
"""

from __future__ import annotations

from .base import Parameters, nested, title
from .dataset import AddPrimaryLabel, AddTaxonomyRanks, AddTiles, ImportPredictions, IngestDataset
from .duplicates import FindDuplicates
from .embeddings import ComputeEmbeddings
from .evaluation import EvaluatePredictions
from .kinds import Widget, widget
from .label_errors import FindLabelErrors
from .media import DownloadImages, UploadImages
from .needles import FindNeedles
from .relabelling import ExportCorrections, RelabelBoxes, UndoRelabel
from .report import ReportDataset
from .setup import CheckSetup
from .similarity import BuildSimilarityIndex
from .splits import SplitByDive
from .workflow import RunWorkflow, StageName

OPERATORS: dict[str, type[Parameters]] = {
    model.operator: model
    for model in (
        CheckSetup,
        UploadImages,
        DownloadImages,
        IngestDataset,
        AddPrimaryLabel,
        AddTaxonomyRanks,
        AddTiles,
        ComputeEmbeddings,
        BuildSimilarityIndex,
        FindDuplicates,
        FindNeedles,
        ImportPredictions,
        EvaluatePredictions,
        FindLabelErrors,
        RelabelBoxes,
        UndoRelabel,
        ExportCorrections,
        SplitByDive,
        ReportDataset,
        RunWorkflow,
    )
}

__all__ = [
    "OPERATORS",
    "AddPrimaryLabel",
    "AddTaxonomyRanks",
    "AddTiles",
    "BuildSimilarityIndex",
    "CheckSetup",
    "ComputeEmbeddings",
    "DownloadImages",
    "EvaluatePredictions",
    "ExportCorrections",
    "FindDuplicates",
    "FindLabelErrors",
    "FindNeedles",
    "ImportPredictions",
    "IngestDataset",
    "Parameters",
    "RelabelBoxes",
    "ReportDataset",
    "RunWorkflow",
    "SplitByDive",
    "StageName",
    "UndoRelabel",
    "UploadImages",
    "Widget",
    "nested",
    "title",
    "widget",
]
