"""The door to :func:`workflow.run_workflow`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from ..errors import FathomNetError, Fault, InputError
from ..media.transfer import not_moved
from ..names import SPLITS
from ..parameters import workflow as parameters
from ..parameters.kinds import paths_in
from ..progress import Progress
from ..workflow import check_workflow, run_workflow
from ..workflow.media import MEDIA_STAGES, MediaStage, moves_of
from ..workflow.workflow import check_files
from .base import StageOperator
from .compute_embeddings import PACE as PACE_OF_EMBEDDING
from .compute_embeddings import PER_MINUTE as BOXES_PER_MINUTE
from .compute_embeddings import ComputeEmbeddings
from .download_images import DownloadImages
from .forms import Preview, file_version, told_minutes, too_large
from .ingest_dataset import IngestDataset, boxes_listed
from .moving import PACE, TransferOperator
from .upload_images import UploadImages

MOVERS: Final[Mapping[MediaStage, TransferOperator[Any]]] = {
    "upload_images": UploadImages(),
    "download_images": DownloadImages(),
}


class RunWorkflow(StageOperator[parameters.RunWorkflow]):
    model = parameters.RunWorkflow
    icon = "/plugins/fathomnet/assets/workflow.svg"
    risk = "DANGEROUS"  # its stages include ingest_dataset
    may_be_long = True

    def run(
        self, params: parameters.RunWorkflow, dataset: Any, progress: Progress
    ) -> dict[str, Any]:
        return run_workflow(params, dataset, progress)

    def failed_items(self, result: Mapping[str, Any]) -> int:
        moves = (result.get(stage, {}).values() for stage in MEDIA_STAGES)
        return (
            sum(not_moved(one) for splits in moves for one in splits)
            + int(result.get("compute_embeddings", {}).get("skipped", 0))
            + int(result.get("import_predictions", {}).get("unmatched_rows", 0))
        )

    def makes(self, params: parameters.RunWorkflow) -> str | None:
        ingests = "ingest_dataset" in params.stages
        return params.ingest_dataset.dataset_name if ingests else None

    def made(self, result: Mapping[str, Any]) -> str | None:
        dataset: str | None = result.get("ingest_dataset", {}).get("dataset")
        return dataset

    def preview(self, params: parameters.RunWorkflow, dataset: Any) -> Preview:
        facts = [f"{n}. {stage.replace('_', ' ')}" for n, stage in enumerate(params.stages, 1)]
        problems = list(check_workflow(params, dataset))
        minutes = 0.0
        for stage in MEDIA_STAGES:
            if stage in params.stages and not problems:
                for move in moves_of(stage, params):
                    moved = MOVERS[stage].preview(move, None)
                    facts += moved.facts
                    minutes += moved.minutes
                    problems += [Fault(f"{stage}.{f.place}", f.problem) for f in moved.problems]
        first = params.stages[0]
        if first not in (*MEDIA_STAGES, "ingest_dataset") and dataset is not None and not problems:
            # It is the only one whose dataset is known: the others work on what those before leave.
            told = _door(first).preview(params.of_stage(first), dataset)
            problems += [Fault(f"{first}.{f.place}", f.problem) for f in told.problems]
        if "ingest_dataset" in params.stages:
            ingest = IngestDataset().preview(params.ingest_dataset, dataset)
            facts += ingest.facts
            problems += [Fault(f"ingest_dataset.{f.place}", f.problem) for f in ingest.problems]
        if not problems:
            problems += _faults_of_files(params, dataset)
        warnings = told_minutes(minutes, f"to move images {PACE}")
        if "compute_embeddings" in params.stages and not problems:
            embedding = _minutes_to_embed(params, dataset)
            warnings += told_minutes(embedding, f"to embed boxes {PACE_OF_EMBEDDING}")
            minutes += embedding
        return Preview(tuple(facts), warnings, tuple(problems), minutes=minutes)


def _minutes_to_embed(params: parameters.RunWorkflow, dataset: Any) -> float:
    """What the boxes of the files that are ingested take, or those of the dataset that is open."""
    if "ingest_dataset" in params.stages:
        return boxes_listed(params.ingest_dataset) / BOXES_PER_MINUTE
    if dataset is None:
        return 0.0
    return ComputeEmbeddings().preview(params.compute_embeddings, dataset).minutes


def _door(name: str) -> StageOperator[Any]:
    """The operator of a stage."""
    from . import OPERATORS  # which holds this one too

    return next(kind() for kind in OPERATORS if kind.model.operator == name)


def _faults_of_files(params: parameters.RunWorkflow, dataset: Any) -> tuple[Fault, ...]:
    """What the run would find wrong with the files of later stages, before its first one."""
    ingest, predictions = params.ingest_dataset, params.import_predictions.predictions
    annotations = (getattr(ingest, f"{split}_annotations") for split in SPLITS)
    files = (path for some in annotations for path in paths_in(some))
    paths = (*files, predictions, ingest.label_map)
    if any(path and too_large(path) for path in paths):
        return ()
    versions = tuple(file_version(path) or path for path in paths if path)
    changed = None if dataset is None else (dataset.name, dataset.last_modified_at)
    return _checked_files(_Unhashed(params, dataset), str(params), versions, str(changed))


@dataclass(frozen=True, slots=True)
class _Unhashed:
    """What a check reads, which the other arguments stand for where its answer is remembered."""

    params: parameters.RunWorkflow = field(compare=False)
    dataset: Any = field(compare=False)


@lru_cache(maxsize=8)
def _checked_files(
    read: _Unhashed, params: str, versions: tuple[object, ...], dataset: str
) -> tuple[Fault, ...]:
    # A form is redrawn at every keystroke, and these files take a second to read.
    try:
        check_files(read.params, read.dataset)
    except InputError as error:
        return tuple(
            f if "." in f.place else Fault("stages", f"{error.subject}: {f}") for f in error.faults
        )
    except FathomNetError as error:
        return (Fault("stages", str(error)),)
    return ()
