"""The panel that shows an evaluation at every rank of the tree of life."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators.cache import execution_cache

from ..dataset.finished_evaluations import (
    FinishedEvaluation,
    evaluation_version,
    finished_evaluations,
    read_evaluation,
)
from ..dataset.label_fields import fields_holding
from ..dataset.pair_views import view_of_pairs
from ..errors import DatasetError
from ..fields import RANKS
from ..taxonomy import load_taxonomy
from . import evaluation_contents as contents
from . import evaluation_figures as figures
from .base import DatasetPanel, Gap
from .evaluation_at_rank import KINDS, Chosen, EvaluationAtRank

RUN: Final = "evaluate_predictions"


class EvaluationByRank(DatasetPanel):
    panel_name = "evaluation_by_rank"
    heading = "FathomNet: evaluation by rank"
    summary = "How good predictions are at every rank of the tree of life; click a bar or a cell"
    icon = "/plugins/fathomnet/assets/evaluate.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap("No dataset is open", "Open one; this panel is about its evaluations.")
        if finished_evaluations(ctx.dataset):
            return None
        if len(fields_holding(ctx.dataset, fo.Detections)) < 2:
            return Gap(
                "There are no predictions to evaluate",
                "Import what a model predicts of the boxes, then evaluate that.",
                "import_predictions",
                "Import predictions",
            )
        return Gap(
            "There is no evaluation yet",
            "Evaluate predictions against true labels, then look at them here.",
            RUN,
            "Evaluate predictions",
        )

    def content(self, ctx: Any, panel: Any) -> None:
        contents.add_choices(panel, finished_evaluations(ctx.dataset), self.choose)
        try:
            shown = _shown(ctx)
        except DatasetError as error:
            advice = f"{error}. Evaluate again, or choose another evaluation."
            gap = Gap("This evaluation cannot be shown", advice, RUN, "Evaluate predictions")
            self.show_gap(panel, gap)
            return
        contents.add_scores(panel, shown)
        contents.add_opened(panel, ctx.panel.state.opened, self.show_everything)
        contents.add_plots(
            panel,
            figures.all_figures(shown),
            {
                "ranks": self.open_rank,
                "kinds": self.open_kind,
                "pairs": self.open_pair,
                "matrix": self.open_cell,
            },
        )

    def on_load(self, ctx: Any) -> None:
        """Draws what is there when the panel opens, or when an evaluation has been made for it."""
        if self.gap(ctx) is None:
            _draw(ctx)

    def on_change_dataset(self, ctx: Any) -> None:
        """Forgets what was opened in another dataset."""
        ctx.panel.state.opened = None
        self.on_load(ctx)

    def choose(self, ctx: Any) -> None:
        """Another evaluation, rank or way to open boxes was chosen."""
        ctx.panel.state.set(ctx.params["path"], ctx.params["value"])
        _draw(ctx)

    def open_rank(self, ctx: Any) -> None:
        """Opens the boxes that are right, or wrong, at a rank; a mark of F1 chooses the rank."""
        rank, trace = RANKS[ctx.params["idx"]], ctx.params["trace_idx"]
        if trace < 2:
            _open(ctx, _shown(ctx).at(rank, right=trace == 0))
        else:
            ctx.panel.state.set(f"{contents.CHOICES}.level", rank)
            _draw(ctx)

    def open_kind(self, ctx: Any) -> None:
        """Opens the boxes of a kind of agreement."""
        _open(ctx, _shown(ctx).kind(KINDS[ctx.params["trace_idx"]]))

    def open_pair(self, ctx: Any) -> None:
        """Opens the boxes of a pair of names that are confused."""
        _open(ctx, _shown(ctx).confused_pair(ctx.params["idx"]))

    def open_cell(self, ctx: Any) -> None:
        """Opens the boxes of a cell of the confusion."""
        row, column = ctx.params["idx"]
        _open(ctx, _shown(ctx).cell(row, column))

    def show_everything(self, ctx: Any) -> None:
        """Leaves the boxes that were opened."""
        ctx.panel.state.opened = None
        ctx.ops.clear_view()


def _choices(ctx: Any) -> contents.Choices:
    """What is chosen, or what is taken where nothing is, or where it is there no longer."""
    state = ctx.panel.state.get(contents.CHOICES) or {}
    return contents.Choices.of(state, finished_evaluations(ctx.dataset))


def _draw(ctx: Any) -> None:
    """Sends the pictures, which stay in the App until they are sent again."""
    ctx.panel.state.set(contents.CHOICES, asdict(_choices(ctx)))
    try:
        found = figures.all_figures(_shown(ctx))
    except DatasetError:
        return  # what is wrong is said where the pictures would be
    ctx.panel.data.set({name: figure.data for name, figure in found.items()})


def _open(ctx: Any, chosen: Chosen) -> None:
    choices = _choices(ctx)
    as_patches = choices.open_as == contents.PATCHES
    evaluation = _shown(ctx).evaluation
    try:
        view = view_of_pairs(ctx.dataset, evaluation, chosen.positions, as_patches)
    except DatasetError as error:
        ctx.ops.notify(str(error), variant="error")
        return
    ctx.panel.state.opened = str(chosen)
    ctx.ops.set_view(view)


def _shown(ctx: Any) -> EvaluationAtRank:
    choices = _choices(ctx)
    version = evaluation_version(ctx.dataset, choices.evaluation)
    # Part of the key, because what is kept in memory is kept for all datasets.
    dataset = str(ctx.dataset._doc.id)
    shown: EvaluationAtRank = _at_rank(ctx, dataset, choices.evaluation, version, choices.level)
    return shown


@execution_cache(residency="ephemeral", max_size=8)  # type: ignore[untyped-decorator]
def _at_rank(ctx: Any, dataset: str, eval_key: str, version: str, level: str) -> EvaluationAtRank:
    evaluation = _read(ctx, dataset, eval_key, version)
    return EvaluationAtRank.of(evaluation, level, load_taxonomy())


@execution_cache(residency="ephemeral", max_size=2)  # type: ignore[untyped-decorator]
def _read(ctx: Any, dataset: str, eval_key: str, version: str) -> FinishedEvaluation:
    return read_evaluation(ctx.dataset, eval_key, load_taxonomy())
