"""The door to :func:`workflow.run_workflow`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import Fault
from ..media.stages import not_moved
from ..parameters import workflow as parameters
from ..progress import Progress
from ..workflow import check_workflow, run_workflow
from ..workflow.media import MEDIA_STAGES, MediaStage, moves_of
from .base import StageOperator
from .download_images import DownloadImages
from .forms import Preview
from .ingest_dataset import IngestDataset
from .moving import TransferOperator
from .upload_images import UploadImages

MOVERS: Final[Mapping[MediaStage, TransferOperator[Any]]] = {
    "upload_images": UploadImages(),
    "download_images": DownloadImages(),
}


class RunWorkflow(StageOperator[parameters.RunWorkflow]):
    model = parameters.RunWorkflow
    icon = "/plugins/fathomnet/assets/workflow.svg"

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
        for stage in MEDIA_STAGES:
            if stage in params.stages and not problems:
                for move in moves_of(stage, params):
                    moved = MOVERS[stage].preview(move, None)
                    facts += moved.facts
                    problems += [Fault(f"{stage}.{f.place}", f.problem) for f in moved.problems]
        if "ingest_dataset" in params.stages:
            ingest = IngestDataset().preview(params.ingest_dataset, dataset)
            facts += ingest.facts
            problems += [Fault(f"ingest_dataset.{f.place}", f.problem) for f in ingest.problems]
        return Preview(facts=tuple(facts), problems=tuple(problems))
