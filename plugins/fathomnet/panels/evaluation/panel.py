"""The panel that shows an evaluation at every rank of the tree of life."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators.cache import execution_cache

from ...dataset.records import all_outdated
from ...dataset.schema import fields_holding
from ...errors import DatasetError
from ...evaluation import finished
from ...names import RANKS
from ...taxonomy import load_taxonomy
from ..base import DatasetPanel, Gap, show_view
from ..plotly import Figure
from . import contents
from .at_rank import KINDS, Chosen, EvaluationAtRank
from .figures import all_figures

RUN: Final = "evaluate_predictions"


class EvaluationByRank(DatasetPanel):
    panel_name = "evaluation_by_rank"
    heading = "FathomNet: evaluation by rank"
    summary = "How good predictions are at every rank of the tree of life; click a bar or a cell"
    icon = "/plugins/fathomnet/assets/evaluate.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap("No dataset is open", "Open one; this panel is about its evaluations.")
        if finished.finished_evaluations(ctx.dataset):
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
        outdated = all_outdated(ctx.dataset)
        keys = [one.basis.of for one in outdated if one.basis.kind == "evaluation"]
        contents.add_choices(panel, finished.finished_evaluations(ctx.dataset), keys, self.choose)
        try:
            shown = _shown(ctx)
        except DatasetError as error:
            advice = f"{error}. Evaluate again, or choose another evaluation."
            gap = Gap("This evaluation cannot be shown", advice, RUN, "Evaluate predictions")
            self.show_gap(panel, gap)
            return
        # The evaluation that is shown first, then what else there is; of other evaluations the
        # list of choices says it.
        chosen = ("evaluation", shown.evaluation.eval_key)
        own = [one for one in outdated if (one.basis.kind, one.basis.of) == chosen]
        others = [one for one in outdated if one.basis.kind != "evaluation"]
        self.show_outdated(panel, own)
        contents.add_scores(panel, shown)
        contents.add_opened(
            panel,
            ctx.panel.state.opened,
            shown.evaluation.gt_field,
            self.show_everything,
            self.review_opened,
        )
        contents.add_plots(
            panel,
            _figures(ctx),
            {
                "ranks": self.open_rank,
                "kinds": self.open_kind,
                "pairs": self.open_pair,
                "matrix": self.open_cell,
            },
        )
        self.show_outdated(panel, others)

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
            _open(ctx, lambda shown: shown.at(rank, right=trace == 0))
        else:
            ctx.panel.state.set(f"{contents.CHOICES}.level", rank)
            _draw(ctx)

    def open_kind(self, ctx: Any) -> None:
        """Opens the boxes of a kind of agreement."""
        kind = KINDS[ctx.params["trace_idx"]]
        _open(ctx, lambda shown: shown.kind(kind))

    def open_pair(self, ctx: Any) -> None:
        """Opens the boxes of a pair of names that are confused."""
        number, level = ctx.params["idx"], ctx.params["trace"]
        _open(ctx, lambda shown: shown.confused_pair(number), level)

    def open_cell(self, ctx: Any) -> None:
        """Opens the boxes of a cell of the confusion."""
        (row, column), level = ctx.params["idx"], ctx.params["trace"]
        _open(ctx, lambda shown: shown.cell(row, column), level)

    def review_opened(self, ctx: Any) -> None:
        """Opens the labels of the boxes that were opened in the review panel."""
        self.review(ctx, ctx.panel.state.opened)

    def show_everything(self, ctx: Any) -> None:
        """Leaves the boxes that were opened."""
        ctx.panel.state.opened = None
        ctx.ops.clear_view()


def _choices(ctx: Any) -> contents.Choices:
    """What is chosen, or what is taken where nothing is, or where it is there no longer."""
    state = ctx.panel.state.get(contents.CHOICES) or {}
    return contents.Choices.of(state, finished.finished_evaluations(ctx.dataset))


def _draw(ctx: Any) -> None:
    """Sends the pictures, which stay in the App until they are sent again."""
    choices = _choices(ctx)
    if asdict(choices) != ctx.panel.state.get(contents.CHOICES):
        ctx.panel.state.set(contents.CHOICES, asdict(choices))
    ctx.panel.state.drawn = _version(ctx, choices.evaluation)
    try:
        found = _figures(ctx)
    except DatasetError:
        return  # what is wrong is said where the pictures would be
    # Where somebody uses a form, the App copies the pictures into the state, and then merges state
    # and data item by item: a small matrix would keep the last rows of a large one.
    ctx.panel.state.set(dict.fromkeys(found))
    ctx.panel.data.set({name: figure.data for name, figure in found.items()})


def _open(ctx: Any, pick: Callable[[EvaluationAtRank], Chosen], level: str = "") -> None:
    """Opens what was clicked.

    Args:
        ctx: FiftyOne's context.
        pick: finds it in what was drawn.
        level: where the picture was drawn; the App shows it a little after another was chosen.
    """
    choices = _choices(ctx)
    if ctx.panel.state.drawn != _version(ctx, choices.evaluation):
        _draw(ctx)
        ctx.ops.notify("The evaluation was made again meanwhile: this is the new one")
        return
    try:
        shown = _shown(ctx, level)
        chosen = pick(shown)
        as_patches = choices.open_as == contents.PATCHES
        view = finished.view_of_pairs(ctx.dataset, shown.evaluation, chosen.positions, as_patches)
    except DatasetError as error:
        ctx.ops.notify(str(error), variant="error")
        return
    ctx.panel.state.opened = str(chosen)
    show_view(ctx, view=view)


def _shown(ctx: Any, level: str = "") -> EvaluationAtRank:
    shown: EvaluationAtRank = _at_rank(ctx, *_named(ctx, level))
    return shown


def _figures(ctx: Any) -> dict[str, Figure]:
    found: dict[str, Figure] = _figures_at_rank(ctx, *_named(ctx))
    return found


def _named(ctx: Any, level: str = "") -> tuple[str, str, str, str]:
    """What is shown: the dataset, because memory is shared by all; key, version and rank."""
    choices = _choices(ctx)
    key = choices.evaluation
    return str(ctx.dataset._doc.id), key, _version(ctx, key), level or choices.level


def _version(ctx: Any, eval_key: str) -> str:
    return f"{eval_key} of {finished.evaluation_version(ctx.dataset, eval_key)}"


@execution_cache(residency="ephemeral", max_size=8)  # type: ignore[untyped-decorator]
def _figures_at_rank(ctx: Any, *named: str) -> dict[str, Figure]:
    # The page needs their layouts, and the App is sent their traces, at the same event.
    return all_figures(_at_rank(ctx, *named))


@execution_cache(residency="ephemeral", max_size=8)  # type: ignore[untyped-decorator]
def _at_rank(ctx: Any, dataset: str, eval_key: str, version: str, level: str) -> EvaluationAtRank:
    evaluation = _read(ctx, dataset, eval_key, version)
    return EvaluationAtRank.of(evaluation, level, load_taxonomy())


@execution_cache(residency="ephemeral", max_size=2)  # type: ignore[untyped-decorator]
def _read(ctx: Any, dataset: str, eval_key: str, version: str) -> finished.FinishedEvaluation:
    return finished.read_evaluation(ctx.dataset, eval_key, load_taxonomy())
