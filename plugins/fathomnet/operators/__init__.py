"""The operators, one file each, all built on the same base."""

from __future__ import annotations

from typing import Any

from .add_primary_label import AddPrimaryLabel
from .add_taxonomy_ranks import AddTaxonomyRanks
from .add_tiles import AddTiles
from .base import StageOperator
from .build_similarity_index import BuildSimilarityIndex
from .check_setup import CheckSetup
from .compute_embeddings import ComputeEmbeddings
from .download_images import DownloadImages
from .evaluate_predictions import EvaluatePredictions
from .export_corrections import ExportCorrections
from .find_duplicates import FindDuplicates
from .find_label_errors import FindLabelErrors
from .find_needles import FindNeedles
from .import_predictions import ImportPredictions
from .ingest_dataset import IngestDataset
from .relabel_boxes import RelabelBoxes
from .report_dataset import ReportDataset
from .run_workflow import RunWorkflow
from .split_by_dive import SplitByDive
from .undo_relabel import UndoRelabel
from .upload_images import UploadImages

OPERATORS: tuple[type[StageOperator[Any]], ...] = (
    CheckSetup,
    *(UploadImages, DownloadImages, IngestDataset),
    *(AddPrimaryLabel, AddTaxonomyRanks, AddTiles),
    *(ComputeEmbeddings, BuildSimilarityIndex, FindDuplicates, FindNeedles),
    *(ImportPredictions, EvaluatePredictions),
    *(FindLabelErrors, RelabelBoxes, UndoRelabel, ExportCorrections),
    *(SplitByDive, ReportDataset, RunWorkflow),
)

__all__ = ["OPERATORS"]
