"""The door to :func:`workflow.run_workflow`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import parameters
from ..errors import Fault
from ..progress import Progress
from ..workflow import check_workflow, run_workflow
from .base import StageOperator
from .forms import Preview
from .ingest_dataset import IngestDataset


class RunWorkflow(StageOperator[parameters.RunWorkflow]):
    model = parameters.RunWorkflow
    icon = "/plugins/fathomnet/assets/workflow.svg"

    def run(
        self, params: parameters.RunWorkflow, dataset: Any, progress: Progress
    ) -> dict[str, Any]:
        return run_workflow(params, dataset, progress)

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return int(result.get("import_predictions", {}).get("unmatched_rows", 0))

    def made(self, result: Mapping[str, Any]) -> str | None:
        dataset: str | None = result.get("ingest_dataset", {}).get("dataset")
        return dataset

    def preview(self, params: parameters.RunWorkflow, dataset: Any) -> Preview:
        facts = [f"{n}. {stage.replace('_', ' ')}" for n, stage in enumerate(params.stages, 1)]
        problems = list(check_workflow(params, dataset))
        if "ingest_dataset" in params.stages:
            ingest = IngestDataset().preview(params.ingest_dataset, dataset)
            facts += ingest.facts
            problems += [Fault(f"ingest_dataset.{f.place}", f.problem) for f in ingest.problems]
        return Preview(facts=tuple(facts), problems=tuple(problems))
