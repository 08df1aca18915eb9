"""The panel that shows an evaluation at every rank of the tree of life."""

from __future__ import annotations

from typing import Any

from .base import DatasetPanel, Gap


class EvaluationByRank(DatasetPanel):
    panel_name = "evaluation_by_rank"
    heading = "FathomNet: evaluation by rank"
    summary = "How good predictions are at every rank of the tree of life"
    icon = "/plugins/fathomnet/assets/evaluate.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap("No dataset is open", "Open one, then come back to this panel.")
        return Gap(
            "There is no evaluation yet",
            "Evaluate predictions against true labels first.",
            "evaluate_predictions",
            "Evaluate predictions",
        )

    def content(self, ctx: Any, panel: Any) -> None:
        """Nothing yet."""
