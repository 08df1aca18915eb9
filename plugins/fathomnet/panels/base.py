"""What every panel shares: configuration, a notice where nothing can be shown, and pictures."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import fiftyone.operators as foo
from fiftyone.operators import types

from ..dataset.records import Outdated
from ..dataset.schema import labels_path
from ..errors import DatasetError, FathomNetError
from ..evaluation.scoring.confusion import CONCEPT
from ..names import PLUGIN_NAME
from ..relabelling.box_states import box_ids
from ..relabelling.journal import acting_as
from ..review.sets import open_set
from ..seen import boxes_meant, see, user_name
from ..text import literal, shortened

_EDGES: Final = {
    "container": {"sx": {"pl": 2, "pr": 1, "pt": 1, "pb": 4, "boxSizing": "border-box"}},
    # Or the widest row, picture or table would make all others as wide, beyond the panel's edge.
    "grid": {"sx": {"gridTemplateColumns": "minmax(0, 1fr)"}},
}
"""Style of the frame around a panel, in the App's own units."""

WRAPPED: Final = {
    "grid": {"sx": {"display": "flex", "flexWrap": "wrap", "&& > *": {"width": "auto"}}}
}
"""Style of a row that goes on in the next line where the panel is narrow."""

FITTING: Final = {"table": {"sx": {"minWidth": 0, "& th, & td": {"px": 0.5}}}}
"""Style of a table that is as narrow as its panel; FiftyOne's own are 650 pixels wide or more."""

_AGAIN: Final = {
    "evaluation": ("evaluate_predictions", "Evaluate again"),
    "suspects": ("find_label_errors", "Search again"),
    "map": ("compute_embeddings", "Draw the map again"),
    "index": ("build_similarity_index", "Build the index again"),
}
"""The operator that makes something anew, and what its button says."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing for a panel to show anything.

    Attributes:
        title: what is missing.
        advice: what to do about it.
        operator: name of the operator of this plugin that does it; empty where none can.
        button: what the button that opens that operator's form says.
    """

    title: str
    advice: str
    operator: str = ""
    button: str = ""


class DatasetPanel(foo.Panel):  # type: ignore[misc]  # FiftyOne is untyped
    """A panel about the dataset that is open.

    A subclass names itself, says in :meth:`gap` what is missing, and draws in :meth:`content`.
    Its events are methods; it is drawn again after each, unless :meth:`draws` says no.
    """

    panel_name: ClassVar[str]
    heading: ClassVar[str]
    summary: ClassVar[str]
    icon: ClassVar[str]

    @property
    def config(self) -> Any:
        return foo.PanelConfig(
            name=self.panel_name,
            label=self.heading,
            help_markdown=self.summary,
            icon=self.icon,
            category=foo.Categories.ANALYZE,
        )

    def execute(self, ctx: Any) -> Any:
        """Handles an event; what it is told of the App is what the App shows."""
        see(ctx)
        event = getattr(self, ctx.params.get("__method__") or "on_startup")
        ctx.event_args = ctx.params.get("event_args", {})  # as FiftyOne's own does
        with acting_as(user_name(ctx)):
            result = event(ctx)
            if event != self.on_startup and self.draws(ctx):
                ctx.ops.show_panel_output(self.render(ctx))
        return result

    def draws(self, ctx: Any) -> bool:
        """Whether the panel is drawn again after an event."""
        return True

    def gap(self, ctx: Any) -> Gap | None:
        """What is missing; None where the panel has something to show."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it needs")

    def content(self, ctx: Any, panel: Any) -> None:
        """Adds what the panel shows to a FiftyOne ``types.Object``."""
        raise NotImplementedError(f"{type(self).__name__} shows nothing")

    def render(self, ctx: Any) -> Any:
        panel = types.Object()
        gap = self.gap(ctx)
        if gap is None:
            self.content(ctx, panel)
        else:
            self.show_gap(panel, gap)
        frame = types.GridView(orientation="vertical", gap=2, componentsProps=_EDGES)
        return types.Property(panel, view=frame)

    def show_gap(self, panel: Any, gap: Gap) -> None:
        """Says what is missing, with a button that opens the form of what would make it."""
        notice = types.Notice(label=literal(gap.title), description=literal(gap.advice))
        panel.view("gap", notice)
        if gap.operator:
            panel.btn(
                "fill_gap",
                label=gap.button,
                variant="contained",
                on_click=self.open_form,
                params={"operator": gap.operator},
            )

    def show_outdated(self, panel: Any, found: Iterable[Outdated]) -> None:
        """Says what was made from labels or names that changed since, with a way to it anew."""
        for one in found:
            basis = one.basis
            name, of = f"{basis.kind}_{basis.of}", f"of {basis.of}"
            title = f"{basis.kind} {of if basis.kind == 'suspects' else basis.of}"
            words = f"Since then {one.why}. What is shown is as it was before."
            warning = types.Warning(label=f"Out of date: {title}", description=words)
            panel.view(f"outdated_{name}", warning)
            operator, button = _AGAIN[basis.kind]
            values = dict(basis.parameters)
            panel.btn(
                f"again_{name}",
                label=button,
                variant="outlined",
                on_click=self.open_form,
                params={"operator": operator, "values": values},
            )

    def open_form(self, ctx: Any) -> None:
        """Opens the form of an operator of this plugin; the panel looks again when it has run."""
        operator, values = ctx.params["operator"], ctx.params.get("values")
        ctx.prompt(f"{PLUGIN_NAME}/{operator}", params=values, on_success=self.on_load)

    def review_view(self, ctx: Any) -> None:
        """Opens the labels of a saved view in the review panel, or of what the App shows."""
        self.review(ctx, ctx.params.get("view") or ctx.params.get("title") or "")

    def review(self, ctx: Any, title: str) -> None:
        """Does what :meth:`review_view` does, under a title."""
        field, name = ctx.params["field"], ctx.params.get("view")
        try:
            if name and not ctx.dataset.has_saved_view(name):
                raise DatasetError(f"the view {name} is there no longer")
            target = None if name else boxes_meant(ctx, field, scope="shown")
            samples = ctx.dataset.load_saved_view(name) if name else ctx.dataset
            boxes = target.boxes if target else box_ids(samples, labels_path(ctx.dataset, field))
            open_set(
                ctx, boxes, field, title, self.heading, as_grid=bool(ctx.params.get("as_grid"))
            )
        except FathomNetError as error:
            ctx.ops.notify(str(error), variant="error")


def show_view(ctx: Any, **view: Any) -> None:
    """Shows a view, given as ``view=`` or by its ``name=``, with all that the panel says of it."""
    if ctx.request_params.get("filters"):
        # They would hide some of what the panel has counted.
        ctx.ops.clear_sidebar_filters()
    ctx.ops.set_view(**view)


def escaped(text: str) -> str:
    """A text that plotly, which reads HTML's tags but no quotes' names, shows as it is."""
    return html.escape(text, quote=False)


Record = dict[str, Any]

RIGHT: Final = "#2a9dc4"
WRONG: Final = "#ff7f50"

_CLEAR: Final = "rgba(0, 0, 0, 0)"

_LONGEST: Final = 28
"""Characters of a name on an axis; the hover has all of it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Traces and layout of one picture."""

    data: list[Record]
    layout: Record


def ticks(texts: Sequence[str]) -> Record:
    """An axis that says these, one at each whole number from 0."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(texts))),
        "ticktext": list(texts),
        "automargin": True,
    }


def layout_of(title: str, height: int) -> Record:
    """The layout of a picture so many pixels high, its title on top."""
    return {
        "title": {
            "text": title,
            "x": 0,
            "xref": "container",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 6},
            "font": {"size": 14},
        },
        "height": height,
        "margin": {"l": 45, "r": 5, "t": 55, "b": 30},
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "hoverlabel": {"align": "left"},
        # In a bar that is too narrow a number would be drawn too small to be read.
        "uniformtext": {"minsize": 9, "mode": "hide"},
    }


def legend(above: float) -> Record:
    """A legend in one line.

    Args:
        above: where it begins, as a share of the picture's height.
    """
    place = {"orientation": "h", "x": 0, "y": above, "yanchor": "bottom", "traceorder": "normal"}
    # A click on the legend would hide a trace, and with it boxes that are there.
    return {"showlegend": True, "legend": place | {"itemclick": False, "itemdoubleclick": False}}


def of_level(level: str) -> str:
    """What a title says of a rank."""
    return "of concepts" if level == CONCEPT else f"at {level}"


def short(name: str) -> str:
    """A name beside an axis."""
    return escaped(shortened(name, _LONGEST))
