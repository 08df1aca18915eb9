"""From parameter definitions to the forms that the App shows.

Reads an input only once for a form that is redrawn at every keystroke.
"""

from __future__ import annotations

import types as python_types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, Final, TypeVar

from fiftyone.operators import types
from pydantic.fields import FieldInfo

from ..errors import FathomNetError, Fault, InputError, SetupError
from ..files.places import Place, place
from ..models import find_weights
from ..parameters import Parameters, Widget, nested, title, widget
from ..text import literal
from .browser import UPLOAD
from .suggestions import boxes_fields, default_for, label_fields, suggestions

T = TypeVar("T")

LARGEST_PREVIEWED = 64 * 1024 * 1024
"""Bytes; larger files would make the form wait, so they are checked only when they are used."""


def file_version(path: str | Place) -> tuple[str, int, int] | None:
    """What tells one version of a file from the next; None where it cannot be looked at."""
    try:
        state = place(path).stat()
    except OSError:
        return None
    return str(path), state.st_mtime_ns, state.st_size


def once_a_version(read: Callable[[str], T]) -> Callable[[str], T]:
    """Caches what is read from a file until the file changes.

    Args:
        read: reads the file at a path; the few newest results are kept, so it should return a
            summary rather than the content.
    """

    @lru_cache(maxsize=8)
    def cached(path: str, modified: int, size: int) -> T:
        return read(path)

    def lookup(path: str) -> T:
        version = file_version(path)
        return read(path) if version is None else cached(*version)

    return lookup


def too_large(path: str) -> bool:
    """Whether a file is too large to be read for a preview."""
    try:
        return place(path).stat().st_size > LARGEST_PREVIEWED
    except OSError:
        return False


APP_WAITS: Final = 10.0
"""Minutes; FiftyOne ends the request of a run that takes longer."""

WORTH_SCHEDULING: Final = 2.0
"""Minutes; whoever would have to wait longer at a form is proposed to schedule the run."""

HALF: Final = 6
"""Of the form's twelve columns: two short fields share a row, so that the preview is in sight."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an execution would do, worked out before anything is written.

    Attributes:
        facts: lines for a person, such as ``"Test split: 325 images, 788 boxes"``.
        warnings: what would work but may not be what was meant.
        problems: what stands in the way; the place of each is a parameter's name.
        target: what the run is about, said above the fields whatever else is the case.
        question: what must be ticked before it runs, if anything.
        minutes: about how long it would take, where it may be long.
    """

    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[Fault, ...] = ()
    target: str = ""
    question: Question | None = None
    minutes: float = 0.0


def told_minutes(minutes: float, how: str) -> tuple[str, ...]:
    """A warning of a run that takes long enough to be scheduled; none of another.

    Args:
        minutes: that it takes, about.
        how: at which pace, or on what.

    Examples:
        >>> told_minutes(3, "at 5 MB a second")
        ('About 3 minutes, at 5 MB a second: schedule it, and go on meanwhile',)
        >>> told_minutes(1, "at 5 MB a second")
        ()
    """
    if minutes <= WORTH_SCHEDULING:
        return ()
    advice = "schedule it, and go on meanwhile"
    if minutes > APP_WAITS:
        advice = (
            "the App waits ten minutes for what it executes, and does not hear of the end of what "
            "takes longer. Schedule it, or run it on the command line"
        )
    return (f"About {minutes:,.0f} minutes, {how}: {advice}",)


@dataclass(frozen=True, slots=True)
class Question:
    """Whether this is meant, which somebody at a form answers by a tick.

    Attributes:
        name: of the tick among the form's values. It is another one for everything that a tick
            could be about, so that none answers a later question.
        words: what is said yes to.
        reasons: why it is asked.
    """

    name: str
    words: str
    reasons: tuple[str, ...]

    def is_answered(self, values: Mapping[str, Any]) -> bool:
        """Whether it was ticked."""
        return values.get(self.name) is True


def problem_with(parameter: str, error: FathomNetError) -> Fault:
    """An error that a preview met, as the fault of the parameter that names the file."""
    if not isinstance(error, InputError) or len(error.faults) > 1:
        return Fault(parameter, str(error))
    only = error.faults[0]
    problem = only.problem if only.place == parameter else str(only)
    stop = "" if problem.endswith("?") else "."
    return Fault(parameter, f"{problem}{stop} {error.advice}" if error.advice else problem)


def missing_weights(model: str) -> tuple[str, ...]:
    """What a form says beforehand where a model's weights are not on this machine."""
    try:
        if model:
            find_weights(model)
    except SetupError as error:
        return (f"{error} A worker may have them.",)
    except InputError:  # the model is wrong, which is said elsewhere
        pass
    return ()


def build(
    model: type[Parameters], values: Mapping[str, Any], dataset: Any, preview: Preview
) -> Any:
    """The form of an operator.

    Args:
        model: its parameters.
        values: what the form holds now.
        dataset: the dataset that is open, or None.
        preview: what is shown beneath the fields.

    Returns:
        a FiftyOne ``types.Object``; a field with a problem is marked and blocks execution.
    """
    inputs = types.Object()
    if preview.target:
        inputs.view("_target", types.Notice(label=preview.target))
    left = _add_fields(inputs, model, values, dataset, preview.problems)
    _add_preview(inputs, model, preview, is_typed(model, values, dataset))
    for number, problem in enumerate(dict.fromkeys(left)):
        _say(inputs, f"_left_{number}", types.Notice, f"{problem[:1].upper()}{problem[1:]}")
    if preview.question is not None and not preview.problems:
        question = preview.question
        for number, reason in enumerate(question.reasons):
            inputs.view(f"_reason_{number}", types.Warning(label=reason))
        tick = inputs.bool(
            question.name, label=question.words, default=False, view=types.CheckboxView()
        )
        if not question.is_answered(values):
            tick.invalid = True
            tick.error_message = "Tick it if this is meant"
    return inputs


def _add_fields(
    inputs: Any,
    model: type[Parameters],
    values: Mapping[str, Any],
    dataset: Any,
    problems: Iterable[Fault],
) -> list[str]:
    """Adds a field for each parameter, marked where what somebody gave for it is wrong.

    Returns:
        What is wrong with fields that nobody has filled in yet. It is no mistake of anybody's.
    """
    left = []
    for name, info in model.model_fields.items():
        if stage := nested(info):
            if name in (values.get("stages") or model.model_fields["stages"].default):
                left += _add_stage(inputs, name, stage, values.get(name) or {}, dataset, problems)
            continue
        prop = _add_field(inputs, name, info, values.get(name), dataset)
        own = [fault.problem for fault in problems if fault.place.split(".")[0] == name]
        messages = list(dict.fromkeys(message.splitlines()[0] for message in own))
        if not (is_given(info, values.get(name), dataset) or values.get(f"{UPLOAD}{name}")):
            left += messages
        elif messages:
            prop.invalid = True
            prop.error_message = "; ".join(messages)
    return left


def _add_stage(
    inputs: Any,
    name: str,
    model: type[Parameters],
    values: Mapping[str, Any],
    dataset: Any,
    problems: Iterable[Fault],
) -> list[str]:
    stage = types.Object()
    prefix = f"{name}."
    inner = [
        Fault(fault.place.removeprefix(prefix), fault.problem)
        for fault in problems
        if fault.place.startswith(prefix)
    ]
    left = _add_fields(stage, model, values, dataset, inner)
    heading = model.heading.removeprefix("FathomNet: ").capitalize()
    inputs.define_property(name, stage, label=heading, description=model.summary)
    return [f"{heading}: {one}" for one in left]


def _add_field(inputs: Any, name: str, info: FieldInfo, value: Any, dataset: Any) -> Any:
    annotation = _without_none(info.annotation)
    words = {"label": title(info, name), "description": info.description}
    # A program gives a path as text, which FiftyOne would not accept for a file property.
    if widget(info) in (Widget.FILE, Widget.PLACE) and not isinstance(value, str):
        # No default: the App would send it again after somebody chose another file.
        view = types.FileExplorerView(
            choose_dir=widget(info) is Widget.PLACE, choose_button_label="Choose", **words
        )
        return inputs.file(name, view=view, **words)
    default = None if info.is_required() else info.default
    words["default"] = default_for(widget(info), dataset, default)
    if typing.get_origin(annotation) is tuple:
        return _add_list(inputs, name, info, value, dataset, words)
    choices = list(typing.get_args(annotation))
    if widget(info) is Widget.BOXES_FIELD:
        choices = boxes_fields(dataset) if dataset is not None else []
    if widget(info) is Widget.LABELS_FIELD:
        choices = label_fields(dataset) if dataset is not None else []
    if choices:
        return inputs.enum(name, choices, view=types.DropdownView(), **words)
    if annotation is bool:
        return inputs.bool(name, view=types.CheckboxView(space=HALF), **words)
    if annotation in (int, float):
        add = inputs.int if annotation is int else inputs.float
        # The smallest number that it takes is 1, unless it says otherwise: by itself or, of one
        # that may be left out, within its annotation.
        parts = typing.get_args(info.annotation)
        within = chain.from_iterable(getattr(part, "__metadata__", ()) for part in parts)
        told = chain(info.metadata, *(getattr(one, "metadata", ()) for one in within))
        bounds = (getattr(bound, "ge", getattr(bound, "gt", None)) for bound in told)
        least = next((float(bound) for bound in bounds if bound is not None), 1)
        return add(name, min=least, view=types.View(space=HALF), **words)
    view = suggestions(widget(info), dataset)
    return inputs.str(name, allow_empty=True, **({"view": view} if view else {}), **words)


def _add_list(
    inputs: Any, name: str, info: FieldInfo, value: Any, dataset: Any, words: Mapping[str, Any]
) -> Any:
    """A choice of several: the literals of the type, or the label fields of the dataset.

    Texts that can be anything are typed into one field instead. A program may give a text or a
    list for either, and FiftyOne accepts for a property what has its type only.
    """
    typed = widget(info) is Widget.TEXTS
    if (value and isinstance(value, str)) or (typed and not isinstance(value, list | tuple)):
        joined = ("; " if typed else ", ").join(words["default"])
        return inputs.str(name, allow_empty=True, **{**words, "default": joined})
    words = {**words, "default": list(words["default"])}
    if typed:
        return inputs.list(name, types.String(), **words)
    element = typing.get_args(info.annotation)[0]
    known = typing.get_args(element) or (
        tuple(label_fields(dataset)) if dataset is not None else tuple(info.default)
    )
    view = types.DropdownView(multiple=True)
    for choice in known:
        view.add_choice(choice, label=choice.replace("_", " "))
    return inputs.list(name, types.String(), view=view, **words)


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) not in (typing.Union, python_types.UnionType):
        return annotation
    inner = next(item for item in typing.get_args(annotation) if item is not type(None))
    return typing.get_args(inner)[0] if hasattr(inner, "__metadata__") else inner


def is_given(info: FieldInfo, value: Any, dataset: Any) -> bool:
    """Whether somebody has given a value, other than the one that the form begins with."""
    if isinstance(value, Mapping):
        value = value.get("absolute_path")
    if value is None or value in ("", [], ()):
        return False
    default = None if info.is_required() else info.default
    begins_with = (default, default_for(widget(info), dataset, default))
    return all(
        value not in (one, list(one) if isinstance(one, tuple) else one) for one in begins_with
    )


def is_typed(model: type[Parameters], values: Mapping[str, Any], dataset: Any) -> bool:
    """Whether anything in a form is other than it was when it was opened."""
    return any(
        any(values.get(name) or ()) if nested(info) else is_given(info, values.get(name), dataset)
        for name, info in model.model_fields.items()
    )


def defaults_of(model: type[Parameters], dataset: Any) -> dict[str, Any]:
    """What the fields of a form begin with that suit the dataset, where it is not the usual."""
    found = {}
    for name, info in model.model_fields.items():
        usual = None if info.is_required() else info.default
        suits = default_for(widget(info), dataset, usual)
        if suits != usual:
            found[name] = suits
    return found


def _say(inputs: Any, name: str, view: Callable[..., Any], text: str) -> None:
    """Says in a form what keeps it from being executed."""
    notice = inputs.view(name, view(label=text))
    notice.invalid = True
    notice.error_message = text


def _add_preview(inputs: Any, model: type[Parameters], preview: Preview, is_typed: bool) -> None:
    detailed = [fault for fault in preview.problems if "\n" in fault.problem]
    for number, fault in enumerate(detailed):
        listing = "\n".join(f"    {line.strip()}" for line in fault.problem.splitlines())
        inputs.md(f"**{fault.place}**\n\n{listing}", name=f"_problem_{number}")
    known = set(model.model_fields)
    for number, fault in enumerate(preview.problems):
        if fault.place.split(".")[0] not in known:
            # Where nothing was typed, what stands in the way is nobody's mistake.
            view = types.Error if is_typed else types.Notice
            _say(inputs, f"_error_{number}", view, str(fault))
    if preview.problems:
        return
    for number, text in enumerate(preview.warnings):
        inputs.view(f"_warning_{number}", types.Warning(label=text))
    if preview.facts:
        listing = "\n".join(f"- {literal(fact)}" for fact in preview.facts)
        inputs.md(f"**What will happen**\n\n{listing}", name="_preview")
