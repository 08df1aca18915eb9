"""What a person sees in the App, what of it she has selected, and whether she may change it.

One answer for every door.

With every request the App sends, on FiftyOne 1.11 as on 1.22:

- ``view``: the stages of the view bar, also those of a saved view; ``view_name``: its name.
- ``filters``: of the sidebar of the grid. ``extended``: the stages of a lasso (``MatchLabels`` with
  ``ids`` and ``fields`` above images, ``Select`` above patches), of a sort, of a similarity search.
- ``selected``: samples, or in a view of patches the patches. ``selected_labels``: labels that were
  clicked in an image; they stay selected after it was closed.
- ``current_sample``: the image, or the patch, that is open in front of the grid.
- ``active_fields``: the fields that are drawn. ``prompt_id``: of the form; no program sends one.

The grid asks the server for ``view`` with ``filters`` and ``extended`` upon it. FiftyOne's own
``ctx.view`` is another where a saved view is open: it loads ``view_name`` and leaves both out.

What the App does not send, and nobody here can know: the filters of the sidebar beside an opened
image, labels hidden in it, and how far the grid was scrolled.
"""

import copy
import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import fiftyone as fo
from fiftyone.server import view as server_view

from .dataset.columns import dataset_of
from .dataset.schema import fields_holding, labels_path
from .errors import DatasetError
from .names import ANNOTATION_ID
from .parameters import Parameters
from .relabelling.box_states import box_ids
from .text import counted

Box = tuple[str, str]
"""Sample id and label id."""

_MAY_EDIT: Final = ("EDIT", "MANAGE")
_ADMIN: Final = "ADMIN"


def partners(dataset: Any, source: str, boxes: Sequence[Box], field: str) -> list[Box | None]:
    """The box of a field that each box of another field belongs to; None where there is none.

    Args:
        dataset: a FiftyOne dataset.
        source: the field of the boxes that are given.
        boxes: sample id and label id of each.
        field: the field of the boxes that are asked for.

    Raises:
        DatasetError: nothing says which boxes of these fields belong together, or two evaluations
            contradict each other.
    """
    paths = labels_path(dataset, source), labels_path(dataset, field)
    if (source, field) == paths:
        # Both are of crops, of which each has one label in either field.
        of_crop = dict(box_ids(dataset.select([sample for sample, _ in boxes]), field))
        return [(sample, of_crop[sample]) if sample in of_crop else None for sample, _ in boxes]
    if field in paths or source in paths:
        raise DatasetError(
            f"what is shown are labels of {source}, and nothing says which of {field} they belong "
            f"to: show {field} instead, or select some of it"
        )
    if all(dataset.get_field(f"{path}.{ANNOTATION_ID}") is not None for path in paths):
        return _by_number(dataset, *paths, boxes)
    # The evaluations that compared the two fields, and left their marks on both.
    keys = []
    for key in dataset.list_evaluations():
        config = dataset.get_evaluation_info(key).config
        compared = {getattr(config, "gt_field", None), getattr(config, "pred_field", None)}
        left = all(dataset.get_field(f"{path}.{key}_id") is not None for path in paths)
        if left and compared == {source, field}:
            keys.append(key)
    if not keys:
        raise DatasetError(
            f"what is shown are boxes of {source}, and nothing says which boxes of {field} they "
            f"belong to: show boxes of {field} instead, or select some of them"
        )
    # FiftyOne notes on both sides of a match the id of the other side, under ``<key>_id``.
    marks = [f"{paths[0]}.{key}_id" for key in keys]
    found: dict[Box, set[str]] = {}
    for sample, ids, *partners_of in _columns(dataset, boxes, [f"{paths[0]}.id", *marks]):
        for others in partners_of:
            for id_, other in zip(ids or (), others or (), strict=True):
                if other:
                    found.setdefault((sample, id_), set()).add(other)
    if any(len(found.get(box, ())) > 1 for box in boxes):
        raise DatasetError(
            f"the evaluations {', '.join(keys)} say different things of which box a box of "
            f"{source} belongs to: delete those that do not hold any more"
        )
    return [next(((box[0], one) for one in found.get(box, ())), None) for box in boxes]


def _by_number(dataset: Any, source: str, field: str, boxes: Sequence[Box]) -> list[Box | None]:
    paths = [f"{path}.{name}" for path in (source, field) for name in ("id", ANNOTATION_ID)]
    number_of: dict[Box, tuple[str, int]] = {}
    box_of: dict[tuple[str, int], Box] = {}
    for sample, *columns in _columns(dataset, boxes, paths):
        ids, numbers, other_ids, other_numbers = (column or () for column in columns)
        for id_, number in zip(ids, numbers, strict=True):
            number_of[sample, id_] = sample, number
        for id_, number in zip(other_ids, other_numbers, strict=True):
            if number is not None:
                box_of[sample, number] = sample, id_
    return [box_of.get(number_of[box]) if box in number_of else None for box in boxes]


def _columns(dataset: Any, boxes: Sequence[Box], paths: Sequence[str]) -> Any:
    samples = list(dict.fromkeys(sample for sample, _ in boxes))
    return zip(*dataset.select(samples).values(["id", *paths]), strict=True)


_LASSO: Final = "fiftyone.core.stages.MatchLabels"
_LASSO_OF_IMAGES: Final = "fiftyone.core.stages.Select"
_OF_SCREEN: Final = (
    "view",
    "view_name",
    "view_target",
    "filters",
    "extended",
    "selected",
    "selected_samples",
    "selected_labels",
    "current_sample",
    "group_slice",
    "active_fields",
    "prompt_id",
)
_REMEMBERED: Final = 4


@dataclass(frozen=True, slots=True)
class Target:
    """The boxes that a run is about, found from what is on the screen.

    Attributes:
        dataset: the FiftyOne dataset.
        field: the field of the boxes.
        boxes: sample id and label id of each, each once.
        shown: how many boxes the App shows, of ``shown_field``.
        shown_field: the field of what is shown.
        how: why these boxes, for a person: "selected", "in the opened image".
        reasons: why somebody should be asked whether these are the boxes that are meant.
        prompt: id of the App's form; empty where a program asks, which nobody can answer for.
        labels: the label that each box had when the form was sent, by its id; None where the boxes
            were looked up this moment.
        excepted: how many boxes that are shown are selected, and so are not meant.
    """

    dataset: Any
    field: str
    boxes: tuple[Box, ...]
    shown: int
    shown_field: str
    how: str
    reasons: tuple[str, ...] = ()
    prompt: str = ""
    labels: dict[str, str | None] | None = None
    excepted: int = 0

    def __str__(self) -> str:
        """``12 boxes in 5 images, of 20 shown: selected``."""
        owners = len({sample for sample, _ in self.boxes})
        boxes, images = counted(len(self.boxes), "box", "boxes"), counted(owners, "image", "images")
        other = "" if self.shown_field == self.field else f" boxes of {self.shown_field}"
        return f"{boxes} in {images}, of {self.shown:,}{other} shown: {self.how}"

    def number(self, *about: str) -> str:
        """Another one for every other target, form, or anything else that it is about."""
        told = [self.field, self.prompt, *about, *(label for _, label in sorted(self.boxes))]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


_found: Final[dict[str, Target | None]] = {}
_lock: Final = threading.Lock()


def see(ctx: Any) -> Any:
    """The view that the App's grid shows; from here on it is the context's own, too.

    Args:
        ctx: FiftyOne's execution context, in which a dataset is open.

    Returns:
        A FiftyOne view; the whole dataset's where nothing is chosen from it.
    """
    dataset, sent = ctx.dataset, ctx.request_params
    if dataset is None:
        return None
    # FiftyOne changes what it is given: a value to an id, a sort taken out.
    filters, extended = (copy.deepcopy(_decoded(sent.get(one))) for one in ("filters", "extended"))
    stages, name = sent.get("view"), sent.get("view_name")
    if name and not stages:
        base = dataset.load_saved_view(name)
    else:
        base = server_view.get_view(dataset, stages=stages)
    if filters or extended:
        base = server_view.get_extended_view(base, filters or None, extended_stages=extended)
    # target_view() and the form's choice of a target are made from it.
    ctx._view = base
    return base


def user_name(ctx: Any) -> str:
    """The name of the user who runs an operator; empty if FiftyOne has no users."""
    user = getattr(ctx, "user", None)
    names = (getattr(user, attribute, None) for attribute in ("name", "email", "id"))
    return next((str(name) for name in names if name), "")


def require_permission(ctx: Any, model: type[Parameters]) -> None:
    """Refuses a user who may only view or tag the open dataset.

    Args:
        ctx: FiftyOne's execution context.
        model: the parameters of the operator, which say whether it changes a dataset.

    Raises:
        DatasetError: the user may not edit the dataset.
    """
    user = getattr(ctx, "user", None)
    if user is None or ctx.dataset is None or not model.changes_dataset:
        return
    if _word(getattr(user, "role", None)) == _ADMIN:
        return
    permission = _word(getattr(user, "dataset_permission", None))
    if permission not in _MAY_EDIT:
        raise DatasetError(
            f"you may not edit {ctx.dataset.name} (your permission: {permission or 'none'}); ask "
            "whoever manages it for the permission Can edit, or clone it"
        )


def require_open(ctx: Any, name: str) -> None:
    """Refuses an existing dataset that is not the open one.

    FiftyOne says what the user may do with the open dataset, but nothing about others.

    Args:
        ctx: FiftyOne's execution context.
        name: the dataset to which a run would write.

    Raises:
        DatasetError: it is another dataset, and the user is not an admin.
    """
    user = getattr(ctx, "user", None)
    if user is None or _word(getattr(user, "role", None)) == _ADMIN or not fo.dataset_exists(name):
        return
    if ctx.dataset is None or ctx.dataset.name != name:
        raise DatasetError(
            f"there is a dataset {name} already: open it and run this from there, so that FiftyOne "
            "says whether you may edit it, or choose another name"
        )


def _word(value: Any) -> str:
    """The name of a role or permission, which may be a string or a member of an enumeration."""
    return "" if value is None else str(getattr(value, "name", value)).upper()


def boxes_meant(  # noqa: PLR0915 one story, told in one place
    ctx: Any, field: str, saved_view: str = "", scope: str = ""
) -> Target | None:
    """The boxes that a person means: those that are selected, else those that are seen.

    Labels that were clicked come first, then the opened image, the selected images or patches, the
    lassoed boxes, and last everything that is shown.

    Args:
        ctx: FiftyOne's execution context, in which a dataset is open.
        field: the field of the boxes that are meant.
        saved_view: the name of a view whose boxes are meant instead; it must exist.
        scope: ``selected`` for these alone, ``shown`` for all that is shown whatever is selected,
            ``all_except_selected``; empty for what is selected, or else what is shown.

    Returns:
        None where the whole dataset is open and nothing in it was chosen.

    Raises:
        DatasetError: it cannot be known which boxes are meant.
    """
    if scope == "all_except_selected":
        return _all_but_selected(ctx, field, saved_view)
    dataset = ctx.dataset
    labels_path(dataset, field)
    view = see(ctx)
    _refuse_groups(view)
    choice = ctx.params.get("view_target") or ctx.request_params.get("view_target")
    narrowed, how, reasons = _chosen(ctx, view, saved_view, choice, scope)
    if narrowed is None:
        return None
    if scope == "selected" and how.words == _ALL_SHOWN:
        raise DatasetError(
            f"nothing is selected: select boxes of {field}, or choose the scope that is all that "
            "is shown"
        )
    _refuse_groups(narrowed)
    source = how.field or _shown_field(narrowed, field)
    shown_field = _shown_field(view, field)
    found = list(dict.fromkeys(_boxes(narrowed, source)))
    if how.ids is not None:
        wanted = set(how.ids)
        found = [box for box in found if box[1] in wanted]
    boxes = found
    if source != field:
        belonging = partners(dataset, source, found, field)
        boxes = list(dict.fromkeys(box for box in belonging if box is not None))
        if alone := belonging.count(None):
            what = f"{counted(alone, 'box', 'boxes')} of {source}"
            belongs = "belongs" if alone == 1 else "belong"
            reasons = (*reasons, f"{what} {belongs} to no box of {field}.")
        how = replace(how, words=f"{how.words}, by the boxes of {source}")
    if not boxes:
        raise DatasetError(f"there is no box of {field} to change ({how.words}): choose others")
    path = labels_path(dataset_of(view), shown_field)
    # A patch is one box.
    shown = int(view.count(shown_field if view.get_field(path) is None else path))
    if source != field:
        reasons = (f"Boxes of {source} are shown, and boxes of {field} change.", *reasons)
    # A scope that was chosen says so itself.
    if len(boxes) != shown and not scope:
        reasons = (f"{shown:,} are shown, and {len(boxes):,} change.", *reasons)
    active = ctx.request_params.get("active_fields")
    if active and source not in active:
        reasons = (*reasons, f"Boxes of {source} are not drawn: they are not ticked on the left.")
    prompt = str(ctx.request_params.get("prompt_id") or "")
    return Target(
        dataset, field, tuple(boxes), shown, shown_field, how.words, tuple(reasons), prompt
    )


def _all_but_selected(ctx: Any, field: str, saved_view: str) -> Target | None:
    """All boxes that are shown but those that are selected.

    Raises:
        DatasetError: nothing of what is shown is selected, or all of it.
    """
    if not (ctx.selected or ctx.selected_labels):
        raise DatasetError(
            "nothing is selected that could be left out: select it, or choose the scope that is "
            "all that is shown"
        )
    shown = boxes_meant(ctx, field, saved_view, "shown")
    selected = boxes_meant(ctx, field, "", "selected")
    if shown is None or selected is None:
        return None
    left_out = set(selected.boxes)
    boxes = tuple(box for box in shown.boxes if box not in left_out)
    excepted = len(shown.boxes) - len(boxes)
    if not boxes or not excepted:
        which = "all boxes that are shown are" if excepted else "no box that is shown is"
        raise DatasetError(f"{which} selected: nothing is as the scope says; select others")
    return replace(shown, boxes=boxes, how=f"all but the {excepted:,} selected", excepted=excepted)


def boxes_of_form(ctx: Any, field: str, scope: str = "") -> Target | None:
    """The same for a form that is drawn at every keystroke: found once while nothing changes.

    What is written without FiftyOne's note of the time is missed, so a run must not use it.
    """
    newest = ctx.dataset.sort_by("last_modified_at", reverse=True).limit(1)
    state = [str(ctx.dataset._doc.id), len(ctx.dataset), str(newest.values("last_modified_at"))]
    of_screen = {name: ctx.request_params.get(name) for name in _OF_SCREEN}
    key = json.dumps([state, field, scope, of_screen, ctx.params.get("view_target")], default=str)
    with _lock:
        if key in _found:
            return _found[key]
    found = boxes_meant(ctx, field, scope=scope)
    with _lock:
        _found[key] = found
        while len(_found) > _REMEMBERED:
            del _found[next(iter(_found))]
    return found


def boxes_wherever(ctx: Any, field: str, boxes: Sequence[Box], how: str) -> Target:
    """Boxes that are meant whether they are seen or not, beside what is seen.

    Args:
        ctx: FiftyOne's execution context, in which a dataset is open.
        field: their field.
        boxes: sample id and label id of each.
        how: which they are, for a person.
    """
    view, seen, reasons = see(ctx), set[str](), tuple[str, ...]()
    if ctx.current_sample:
        view = view.select(ctx.current_sample)
    # Of each group one is shown, and patches of another field show none.
    if not view._is_dynamic_groups and _holds(view, field):
        seen = {label for _, label in _boxes(view, field)}
    if hidden := sum(label not in seen for _, label in boxes):
        reasons = (f"{counted(hidden, 'box is', 'boxes are')} not shown, and changed too.",)
    prompt = str(ctx.request_params.get("prompt_id") or "")
    return Target(ctx.dataset, field, tuple(boxes), len(seen), field, how, reasons, prompt)


@dataclass(frozen=True, slots=True)
class _How:
    """Why some boxes are meant.

    Attributes:
        words: for a person.
        field: the field that was chosen in; empty for the one that the view shows.
        ids: the only labels that are meant; None for all of the view.
    """

    words: str
    field: str = ""
    ids: tuple[str, ...] | None = None


_Chosen = tuple[Any, _How, tuple[str, ...]]
_ALL_SHOWN: Final = "all that is shown"
LASSOED: Final = "lassoed"
"""How boxes are meant that were chosen in a map."""


def _chosen(ctx: Any, view: Any, saved_view: str, choice: str | None, scope: str) -> _Chosen:
    """The view that holds what is meant, why, and what speaks against it."""
    opened, by_hand = ctx.current_sample, choice in (None, "SELECTED_SAMPLES")
    counts = scope != "shown"  # what is selected
    # Above images the App shows all boxes of those in which some were lassoed in a map. It says the
    # ids of the lassoed ones, and their field, in the stage by which it finds the images.
    extended = _decoded(ctx.request_params.get("extended")) or {}
    stage = extended.get(_LASSO) or {}
    lassoed = tuple(map(str, stage.get("ids") or ())) or None
    fields = stage.get("fields") or []
    lasso_field = str(fields[0] if isinstance(fields, list) else fields) if fields else ""
    found: _Chosen
    if saved_view:
        found = ctx.dataset.load_saved_view(saved_view), _How("in the saved view"), ()
    elif counts and ctx.selected_labels:
        found = _clicked(ctx, view, opened)
    elif choice == "DATASET_VIEW":
        found = ctx.dataset.view(), _How("in the dataset"), ()
    elif by_hand and opened:
        found = _opened(ctx, view, opened)
    elif counts and by_hand and ctx.selected:
        narrowed = view.select(ctx.selected)
        hidden = len(set(ctx.selected)) - len(narrowed)
        missing = f"{hidden:,} of {len(ctx.selected):,} that are selected are not shown."
        how = _How("selected", lasso_field, lassoed)
        found = narrowed, how, (missing,) if hidden else ()
    elif lassoed is not None or (_LASSO_OF_IMAGES in extended and not view._is_patches):
        found = view, _How(LASSOED, lasso_field, lassoed), ()
    elif choice == "DATASET" or not ctx.has_custom_view:
        found = None, _How(""), ()
    else:
        found = view, _How(_ALL_SHOWN), ()
    return found


def _opened(ctx: Any, view: Any, opened: str) -> _Chosen:
    """The image or patch that is open in front of the grid."""
    if ctx.selected and set(ctx.selected) != {opened}:
        raise DatasetError(
            "one image is open and others are selected behind it: close the image, or clear the "
            "selection"
        )
    narrowed = view.select(opened)
    if not len(narrowed):
        raise DatasetError("what is open is not among what is shown behind it: close it")
    unknown = (
        "It is open: boxes that are hidden only there change too, FiftyOne does not tell them."
    )
    return narrowed, _How("in what is open"), (unknown,)


def _clicked(ctx: Any, view: Any, opened: str | None) -> _Chosen:
    """Labels that were clicked in an image, which may have been closed since."""
    fields = sorted({str(one["field"]) for one in ctx.selected_labels})
    if len(fields) > 1:
        raise DatasetError(
            f"boxes of {' and of '.join(fields)} are selected: select boxes of one field"
        )
    field, ids = fields[0], tuple(str(one["label_id"]) for one in ctx.selected_labels)
    how = _How("selected", field, ids)
    if not opened:
        seen = view
        there = {label for _, label in _boxes(seen, field)} if _holds(view, field) else set()
        if hidden := len(set(ids) - there):
            raise DatasetError(
                f"{counted(hidden, 'box', 'boxes')} selected in an image that is closed now "
                f"{'is' if hidden == 1 else 'are'} not shown: clear the selection, or show them"
            )
        return seen, how, ("They were selected in an image that is closed now.",)
    one_open = "One image is open." if not view._is_patches else "One box is open."
    # Clicked in what is open, they are seen whatever the grid behind it filters.
    return ctx.dataset.select_labels(ids=list(ids), fields=field), how, (one_open,)


def _decoded(sent: Any) -> Any:
    return json.loads(sent) if isinstance(sent, str) else sent


def _refuse_groups(view: Any) -> None:
    if view._is_dynamic_groups:
        raise DatasetError(
            "images are grouped, and of each group the App shows one: take the grouping away, so "
            "that all that changes is seen"
        )


def _shown_field(view: Any, field: str) -> str:
    """The field whose boxes a person looks at, when she means boxes of a field.

    Patches are what they are patches of. Of images it is the field itself, unless only another
    one's boxes were filtered, such as those of one predicted taxon.

    Raises:
        DatasetError: the boxes of several other fields were filtered.
    """
    if view._is_patches:
        own = list(view._label_fields)
        return field if field in own else str(own[0])
    boxes = fields_holding(dataset_of(view), fo.Detections)
    filtered = {path.split(".")[0] for path in view._get_filtered_fields() or ()}
    others = [name for name in boxes if name in filtered]
    if field in others or not others:
        return field
    if len(others) > 1:
        raise DatasetError(
            f"boxes of {' and of '.join(others)} are filtered, those of {field} are not: filter "
            f"those of {field}, or those of one other field"
        )
    return others[0]


def _holds(view: Any, field: str) -> bool:
    return field in view.get_field_schema()


def _boxes(view: Any, field: str) -> list[Box]:
    if not _holds(view, field):
        raise DatasetError(f"what is shown holds no boxes of {field}: show them, or their images")
    return box_ids(view, labels_path(dataset_of(view), field))
