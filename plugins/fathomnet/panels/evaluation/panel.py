"""The panel that shows an evaluation at every rank of the tree of life."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types
from fiftyone.operators.cache import execution_cache

from ...dataset.label_map import taxonomy_of
from ...dataset.records import all_outdated
from ...dataset.schema import fields_holding
from ...errors import DatasetError
from ...evaluation import finished
from ...evaluation.scoring.confusion import CONCEPT
from ...names import RANKS
from ...seen import boxes_meant
from ...text import counted, literal
from ..base import WRAPPED, DatasetPanel, Figure, Gap, show_view
from .at_rank import KINDS, LEVELS, Chosen, EvaluationAtRank
from .figures import all_figures

Handler = Callable[[Any], None]

PATCHES: Final = "patches"
WAYS: Final = (PATCHES, "images")
"""How boxes are opened."""

NONE: Final = "none"

CHOICES: Final = "choices"
"""Where the choices are, in the panel and in its state."""

NAMES_SHOWN: Final = 5

_THIRD: Final = 4
"""Of the twelve columns of a row."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person has chosen: an evaluation, one of ``LEVELS``, one of ``WAYS``."""

    evaluation: str
    level: str
    open_as: str

    @classmethod
    def of(cls, state: Mapping[str, Any], keys: Sequence[str]) -> Choices:
        """What a panel's state holds; the first of a list where it is not one of that."""

        def chosen(name: str, values: Sequence[str]) -> str:
            return state[name] if state.get(name) in values else values[0]

        return cls(chosen("evaluation", keys), chosen("level", LEVELS), chosen("open_as", WAYS))


def add_choices(
    panel: Any, keys: Sequence[str], outdated: Collection[str], on_change: Handler
) -> None:
    """Three lists side by side: the evaluations, the ranks, the ways to open boxes."""
    row = panel.h_stack(CHOICES, gap=2, componentsProps=WRAPPED)
    lists = (
        ("evaluation", "Evaluation", keys),
        ("level", "Rank", LEVELS),
        ("open_as", "A click opens", WAYS),
    )
    for name, label, values in lists:
        view = types.DropdownView(space=_THIRD, label=label)
        for value in values:
            view.add_choice(value, label=f"{value} (out of date)" if value in outdated else value)
        row.enum(name, values, label=label, view=view, on_change=on_change)


def _cards(shown: EvaluationAtRank) -> Iterator[tuple[str, str, str]]:
    """Title, value and remark of each."""
    result, level = shown.evaluation.details.result, shown.level
    distance, share = "{:.2f}", "{:.1%}"
    mean = result.mean_taxonomic_distance
    yield (
        "Mean distance",
        "not applicable" if mean is None else distance.format(mean),
        "no true name is on the tree"
        if mean is None
        else _interval(result.mean_taxonomic_distance_interval, distance),
    )
    yield (
        "Accuracy",
        share.format(result.accuracy),
        _interval(result.accuracy_interval, share),
    )
    if level == CONCEPT:
        score = result.hierarchical
        yield "Hierarchical F1", _number(score.f1), "of the taxa that names imply"
    else:
        accuracy = NONE if shown.accuracy is None else share.format(shown.accuracy)
        yield f"Accuracy at {level}", accuracy, counted(shown.boxes, "box", "boxes")
    names = counted(len(shown.confusion.names), "name that is", "names that are")
    f1 = _number(shown.confusion.macro_f1)
    yield f"Macro F1 at {level}", f1, f"over the {names} true or predicted here"


def _sentences(shown: EvaluationAtRank) -> list[str]:
    result = shown.evaluation.details.result
    said = [
        f"{counted(result.boxes, 'box', 'boxes')} of {shown.evaluation.gt_field} against "
        f"{shown.evaluation.pred_field}.",
    ]
    if result.accuracy_interval is not None:
        said.append(f"Intervals: 95 %, bootstrapped by {result.interval_by}.")
    left_out = {
        "without a true label": result.unlabelled_boxes,
        "in splits without any prediction": result.boxes_not_predicted,
    }
    named = [f"{count:,} {why}" for why, count in left_out.items() if count]
    if named:
        said.append(f"Left out: {', '.join(named)}.")
    if result.boxes_without_prediction:
        said.append(f"{result.boxes_without_prediction:,} have no prediction: wrong.")
    if result.predictions_without_box:
        said.append(f"{result.predictions_without_box:,} predictions are about no box.")
    unknown = result.unknown_names
    if unknown:
        more = ", …" if len(unknown) > NAMES_SHOWN else ""
        listed = ", ".join(unknown[:NAMES_SHOWN])
        said.append(f"Not on the tree: {listed}{more}.")
    if result.boxes_without_distance:
        boxes = counted(result.boxes_without_distance, "box has", "boxes have")
        said.append(f"{boxes} such a true name, and no distance.")
    return said


def _interval(bounds: Sequence[float] | None, form: str) -> str:
    return NONE if bounds is None else " to ".join(form.format(bound) for bound in bounds)


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


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
        kinds = (fo.Detections, fo.Classification)
        if all(len(fields_holding(ctx.dataset, kind)) < 2 for kind in kinds):
            return Gap(
                "There are no predictions to evaluate",
                "Import what a model predicts of the boxes or crops, then evaluate that.",
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
        add_choices(panel, finished.finished_evaluations(ctx.dataset), keys, self.choose)
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
        row = panel.h_stack("cards", gap=2, componentsProps=WRAPPED)
        for number, (title, value, remark) in enumerate(_cards(shown)):
            text = f"{literal(title)}\n##### {literal(value)}\n{literal(remark)}"
            row.md(text, name=f"card_{number}", space=3)
        panel.md(literal(" ".join(_sentences(shown))), name="counted")
        if opened := ctx.panel.state.opened:
            # Which boxes the App shows, a way to work through their labels, and a way back.
            row = panel.h_stack("opened_row", gap=2, align_y="center", componentsProps=WRAPPED)
            row.md(f"Opened: {literal(opened)}", name="opened_words", space=7)
            row.btn(
                "review",
                label="Review them",
                on_click=self.review_opened,
                params={"field": shown.evaluation.gt_field},
                space=2,
            )
            row.btn("leave", label="Show everything", on_click=self.show_everything, space=3)
        handlers = {
            "ranks": self.open_rank,
            "kinds": self.open_kind,
            "pairs": self.open_pair,
            "matrix": self.open_cell,
        }
        for name, figure in _figures(ctx).items():  # what is in them is sent apart
            panel.plot(
                name,
                layout=figure.layout,
                # The wheel scrolls the panel, wherever the pointer is.
                config={"displayModeBar": False, "scrollZoom": False},
                on_click=handlers[name],
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
            ctx.panel.state.set(f"{CHOICES}.level", rank)
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
        with suppress(DatasetError):  # which is told where they are opened
            if boxes_meant(ctx, ctx.params["field"], scope="shown") is None:
                # The panel says what was opened before the App shows it; all are not meant.
                words = "The App does not show these boxes: wait for them, or click them again"
                ctx.ops.notify(words)
                return
        self.review(ctx, ctx.panel.state.opened)

    def show_everything(self, ctx: Any) -> None:
        """Leaves the boxes that were opened."""
        ctx.panel.state.opened = None
        ctx.ops.clear_view()


def _choices(ctx: Any) -> Choices:
    """What is chosen, or what is taken where nothing is, or where it is there no longer."""
    state = ctx.panel.state.get(CHOICES) or {}
    return Choices.of(state, finished.finished_evaluations(ctx.dataset))


def _draw(ctx: Any) -> None:
    """Sends the pictures, which stay in the App until they are sent again."""
    choices = _choices(ctx)
    if asdict(choices) != ctx.panel.state.get(CHOICES):
        ctx.panel.state.set(CHOICES, asdict(choices))
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
        as_patches = choices.open_as == PATCHES
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
    """What is shown: the dataset and its names, because memory is shared by all; and of what."""
    choices = _choices(ctx)
    key = choices.evaluation
    dataset = f"{ctx.dataset._doc.id} {taxonomy_of(ctx.dataset).sha256}"
    return dataset, key, _version(ctx, key), level or choices.level


def _version(ctx: Any, eval_key: str) -> str:
    return f"{eval_key} of {finished.evaluation_version(ctx.dataset, eval_key)}"


@execution_cache(residency="ephemeral", max_size=8)  # type: ignore[untyped-decorator]
def _figures_at_rank(ctx: Any, *named: str) -> dict[str, Figure]:
    # The page needs their layouts, and the App is sent their traces, at the same event.
    return all_figures(_at_rank(ctx, *named))


@execution_cache(residency="ephemeral", max_size=8)  # type: ignore[untyped-decorator]
def _at_rank(ctx: Any, dataset: str, eval_key: str, version: str, level: str) -> EvaluationAtRank:
    evaluation = _read(ctx, dataset, eval_key, version)
    return EvaluationAtRank.of(evaluation, level, taxonomy_of(ctx.dataset))


@execution_cache(residency="ephemeral", max_size=2)  # type: ignore[untyped-decorator]
def _read(ctx: Any, dataset: str, eval_key: str, version: str) -> finished.FinishedEvaluation:
    return finished.read_evaluation(ctx.dataset, eval_key, taxonomy_of(ctx.dataset))
