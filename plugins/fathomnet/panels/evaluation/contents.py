"""What stands around the pictures of an evaluation: choices, score cards, remarks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fiftyone.operators import types

from ...evaluation.scoring.confusion import CONCEPT
from ...text import counted, literal
from ..base import WRAPPED
from ..plotly import Figure
from .at_rank import LEVELS, EvaluationAtRank

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


def add_scores(panel: Any, shown: EvaluationAtRank) -> None:
    """The cards, and in words what was counted and what was not."""
    row = panel.h_stack("cards", gap=2, componentsProps=WRAPPED)
    for number, (title, value, remark) in enumerate(_cards(shown)):
        text = f"{literal(title)}\n##### {literal(value)}\n{literal(remark)}"
        row.md(text, name=f"card_{number}", space=3)
    panel.md(literal(" ".join(_sentences(shown))), name="counted")


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


def add_opened(
    panel: Any, opened: str | None, field: str, on_leave: Handler, on_review: Handler
) -> None:
    """Which boxes the App shows, a way to work through their labels, and a way back."""
    if opened:
        row = panel.h_stack("opened_row", gap=2, align_y="center", componentsProps=WRAPPED)
        row.md(f"Opened: {literal(opened)}", name="opened_words", space=7)
        params = {"field": field}
        row.btn("review", label="Review them", on_click=on_review, params=params, space=2)
        row.btn("leave", label="Show everything", on_click=on_leave, space=3)


def add_plots(panel: Any, found: Mapping[str, Figure], handlers: Mapping[str, Handler]) -> None:
    """The pictures; what is in them is sent apart, under the same names."""
    for name, figure in found.items():
        panel.plot(
            name,
            layout=figure.layout,
            # The wheel scrolls the panel, wherever the pointer is.
            config={"displayModeBar": False, "scrollZoom": False},
            on_click=handlers[name],
        )


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
    if shown.evaluation.details.taxonomy_sha256 != shown.taxonomy.sha256:
        said.append("It was made with another tree of concepts than this one: evaluate again.")
    return said


def _interval(bounds: Sequence[float] | None, form: str) -> str:
    return NONE if bounds is None else " to ".join(form.format(bound) for bound in bounds)


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
