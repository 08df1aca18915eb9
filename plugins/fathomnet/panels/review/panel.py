"""The panel in which an annotator works through labels, one by one or many at once.

It is drawn in the browser, by what ``javascript/`` is built to: a component that asks the methods
of this panel for what it shows, and changes labels by the operators alone.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types

from ...dataset.schema import fields_holding, labels_path
from ...errors import DatasetError, Fault, InputError
from ...labels.verdicts import STATES
from ...names import GROUND_TRUTH, LOOK_ALIKE_PAIRS, PLUGIN_NAME, SUSPECTS, view_of
from ...relabelling.box_states import box_ids
from ...relabelling.journal import acting_user
from ...review import sets
from ...review.progress import Tally, progress_of
from ...review.rounds import rounds_of
from ...seen import LASSOED, boxes_meant
from ...text import as_plain, counted
from ..base import DatasetPanel, Gap
from . import cards

_LABELS: Final = (fo.Detections, fo.Classification)
COMPONENT: Final = "FathomNetReview"
"""The name under which the bundle registers what draws the panel."""
_PEOPLE: Final = 20
_CONCEPTS: Final = 12
"""Of these so many are listed."""
MOST_CARDS: Final = 400
"""That are read at once: more than fit on a screen."""


class ReviewPanel(DatasetPanel):
    panel_name = sets.PANEL
    heading = "FathomNet: review"
    summary = (
        "Work through labels with the keyboard: confirm, rename, reject. Whatever you do can be "
        "undone."
    )
    icon = "/plugins/fathomnet/assets/review_panel.svg"

    def gap(self, ctx: Any) -> Gap | None:
        if ctx.dataset is None:
            return Gap("No dataset is open", "Open one, then come back to this panel.")
        if not fields_holding(ctx.dataset, *_LABELS):
            return Gap(
                "There are no labels to review",
                "This dataset has no field of labels. Annotated boxes come with ingest_dataset, "
                "crops with ingest_crops.",
                "ingest_dataset",
                "Ingest a dataset",
            )
        return None

    def content(self, ctx: Any, panel: Any) -> None:
        panel.obj(
            "review",
            view=types.View(
                component=COMPONENT,
                composite_view=True,
                panel=f"{PLUGIN_NAME}/{sets.PANEL}",
                dataset=ctx.dataset.name,
            ),
        )

    def on_change_dataset(self, ctx: Any) -> None:
        """The panel is drawn again, for the dataset that is open now."""

    def on_change_view(self, ctx: Any) -> None:
        """Says what was lassoed in a map: the component opens it, or offers to."""
        if not ctx.request_params.get("extended") or self.gap(ctx) is not None:
            return
        with suppress(DatasetError):
            target = boxes_meant(ctx, _first_field(ctx.dataset))
            if target is not None and target.how.startswith(LASSOED):
                words = f"{counted(len(target.boxes), 'label', 'labels')}, {target.how}"
                ctx.trigger(f"{PLUGIN_NAME}/show_review_set", {"offer": words})

    def open_seen(self, ctx: Any) -> dict[str, Any]:
        """Opens what is selected or lassoed in the App, or else all that it shows."""
        field = str(ctx.params.get("field") or _first_field(ctx.dataset))
        target = boxes_meant(ctx, field)
        if target is None:
            boxes = box_ids(ctx.dataset, labels_path(ctx.dataset, field))
            how = "all of the dataset"
        else:
            boxes, how = list(target.boxes), target.how
        title = f"{counted(len(boxes), 'label', 'labels')}, {how}"
        # What was lassoed looks alike.
        is_grid = how.startswith(LASSOED)
        kept = sets.keep_set(ctx.dataset, boxes, field, title, as_grid=is_grid)
        return {"key": kept.key}

    def open_view(self, ctx: Any) -> dict[str, Any]:
        """Opens the labels of a saved view, in its order."""
        name = str(ctx.params["view"])
        if not ctx.dataset.has_saved_view(name):
            raise DatasetError(f"the view {name!r} is there no longer")
        view = ctx.dataset.load_saved_view(name)
        fields = fields_holding(view, *_LABELS, fo.Detection)
        own = getattr(view, "_label_fields", fields) if view._is_patches else fields
        asked = str(ctx.params.get("field") or _first_field(ctx.dataset))
        field = asked if asked in own else own[0]
        boxes = box_ids(view, labels_path(ctx.dataset, field))
        kept = sets.keep_set(ctx.dataset, boxes, field, name, "a saved view")
        return {"key": kept.key}

    def load_set(self, ctx: Any) -> dict[str, Any]:
        """The set of a key, or the last one of this user; without any, what there is to open."""
        pinned = sets.read_set(ctx.dataset, str(ctx.params.get("key") or ""))
        if pinned is None:
            return {"set": None, "choices": _choices(ctx.dataset), "user": acting_user()}
        return {
            "set": {
                "key": pinned.key,
                "title": pinned.title,
                "origin": pinned.origin,
                "field": pinned.field,
                "as_grid": pinned.as_grid,
                "labels": len(pinned.boxes),
            },
            "states": cards.states_in(ctx.dataset, pinned.field, pinned.boxes),
            "names": cards.known_names(ctx.dataset, pinned.field),
            "user": acting_user(),
        }

    def load_choices(self, ctx: Any) -> dict[str, Any]:
        """What there is to open instead of the present set."""
        return {"choices": _choices(ctx.dataset)}

    def load_cards(self, ctx: Any) -> dict[str, Any]:
        """What is shown of the labels at some places of a set, by their places."""
        pinned = _pinned(ctx)
        places = [int(place) for place in ctx.params["places"]]
        if len(places) > MOST_CARDS or any(not 0 <= one < len(pinned.boxes) for one in places):
            problem = f"{MOST_CARDS} places of {len(pinned.boxes):,} labels are the most"
            raise InputError(sets.PANEL, [Fault("places", problem)])
        boxes = [pinned.boxes[place] for place in places]
        read = cards.read_cards(ctx.dataset, pinned.field, boxes)
        found = {(one["sample"], one["id"]): one for one in read}
        return {"cards": as_plain([found.get(box) for box in boxes])}

    def load_progress(self, ctx: Any) -> dict[str, Any]:
        """How far the review of all labels of a set's field is, in words."""
        told = progress_of(ctx.dataset, _pinned(ctx).field)
        parts = {
            f"All labels of {told.field}": [(told.field, _tally_in_words(told.all))],
            "Who has judged how many": _rows(told.by_person),
            "Who has to look at how many": _rows(told.by_assignee),
            "Concepts with the most left to look at": _rows(told.by_concept, _CONCEPTS),
            "Do people agree?": [("", words) for words in told.agreement_in_words()],
        }
        return {"parts": [{"title": title, "rows": rows} for title, rows in parts.items() if rows]}

    def load_alikes(self, ctx: Any) -> dict[str, Any]:
        """What looks like a label of a set, of its name and of the suggested one."""
        pinned = _pinned(ctx)
        box = pinned.boxes[int(ctx.params["place"])]
        wanted = [str(name) for name in ctx.params["names"]][:2]
        try:
            found = cards.look_alikes(ctx.dataset, pinned.field, box, wanted)
        except DatasetError as error:
            return {"alikes": {}, "missing": str(error)}
        return {"alikes": as_plain(found), "missing": ""}


def _rows(tallies: Mapping[str, Tally], most: int = _PEOPLE) -> list[tuple[str, str]]:
    """A row for each of some names: those with the most left to look at, then the most done."""
    left = sorted(tallies.items(), key=lambda one: (one[1].done - one[1].labels, -one[1].done))
    rows = [(name or "no name", _tally_in_words(tally)) for name, tally in left[:most]]
    return rows + ([("", f"and {len(left) - most:,} more")] if len(left) > most else [])


def _tally_in_words(tally: Tally) -> str:
    """``120 of 200 done, 14 today: 80 confirmed, 40 rejected``."""
    today = f", {tally.today:,} today" if tally.today else ""
    states = ", ".join(f"{tally.states[one]:,} {one}" for one in STATES if tally.states[one])
    return f"{tally.done:,} of {tally.labels:,} done{today}{': ' if states else ''}{states}"


def _pinned(ctx: Any) -> sets.ReviewSet:
    """The set that the component names.

    Raises:
        DatasetError: it is gone.
    """
    pinned = sets.read_set(ctx.dataset, str(ctx.params["key"]))
    if pinned is None:
        raise DatasetError(
            f"this set is gone: of each person the last {sets.SETS_KEPT} are kept; open it again"
        )
    return pinned


def _first_field(dataset: Any) -> str:
    """The field of boxes, or of the labels of crops, that people work on."""
    fields: Sequence[str] = fields_holding(dataset, *_LABELS)
    return GROUND_TRUTH if GROUND_TRUTH in fields else fields[0]


def _choices(dataset: Any) -> list[dict[str, str]]:
    """The saved views that are made to be reviewed: queues and suspects, the newest round first."""
    field = _first_field(dataset)
    saved = dataset.list_saved_views()
    queues = [
        name
        for one in reversed(rounds_of(dataset))
        for name in saved
        if name == f"review {one.name}" or name.startswith(f"review {one.name}, ")
    ]
    suspects = [view_of(name, field) for name in (SUSPECTS, LOOK_ALIKE_PAIRS)]
    wanted = [*queues, *(name for name in suspects if name in saved)]
    return [{"view": name} for name in dict.fromkeys(wanted)]
