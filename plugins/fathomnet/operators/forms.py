"""From parameter definitions to the forms that the App shows."""

from __future__ import annotations

import re
import types as python_types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types
from pydantic.fields import FieldInfo

from ..dataset.label_fields import fields_holding
from ..errors import FathomNetError, Fault, InputError
from ..models import model_names, model_spec
from ..needle_packs import pack_names
from ..needles import prompt_indexes
from ..parameters import Parameters, Widget, title, widget
from ..search.backends import backend_names

HALF: Final = 6
"""Of the form's twelve columns: two short fields share a row, so that the preview is in sight."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an execution would do, worked out before anything is written.

    Attributes:
        facts: lines for a person, such as ``"Test split: 325 images, 788 boxes"``.
        warnings: what would work but may not be what was meant.
        problems: what stands in the way; the place of each is a parameter's name.
    """

    facts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[Fault, ...] = ()


def problem_with(parameter: str, error: FathomNetError) -> Fault:
    """An error that a preview met, as the fault of the parameter that names the file."""
    if isinstance(error, InputError) and len(error.faults) == 1:
        return Fault(parameter, f"{error.faults[0]}. {error.advice}".removesuffix(". "))
    return Fault(parameter, str(error))


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
    _add_fields(inputs, model, values, dataset, preview.problems)
    _add_preview(inputs, model, preview)
    return inputs


def _add_fields(
    inputs: Any,
    model: type[Parameters],
    values: Mapping[str, Any],
    dataset: Any,
    problems: Iterable[Fault],
) -> None:
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Parameters):
            if name in (values.get("stages") or model.model_fields["stages"].default):
                _add_stage(inputs, name, info.annotation, values.get(name) or {}, dataset, problems)
            continue
        prop = _add_field(inputs, name, info, values.get(name), dataset)
        messages = [fault.problem for fault in problems if fault.place.split(".")[0] == name]
        if messages:
            prop.invalid = True
            prop.error_message = "; ".join(message.splitlines()[0] for message in messages)


def _add_stage(
    inputs: Any,
    name: str,
    model: type[Parameters],
    values: Mapping[str, Any],
    dataset: Any,
    problems: Iterable[Fault],
) -> None:
    stage = types.Object()
    prefix = f"{name}."
    inner = [
        Fault(fault.place.removeprefix(prefix), fault.problem)
        for fault in problems
        if fault.place.startswith(prefix)
    ]
    _add_fields(stage, model, values, dataset, inner)
    heading = model.label.removeprefix("FathomNet: ").capitalize()
    inputs.define_property(name, stage, label=heading, description=model.summary)


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
    words["default"] = None if info.is_required() else info.default
    if typing.get_origin(annotation) is tuple:
        return _add_list(inputs, name, info, dataset, words)
    if choices := _choices(annotation, info, dataset):
        return inputs.enum(name, choices, view=types.DropdownView(), **words)
    if annotation is bool:
        return inputs.bool(name, view=types.CheckboxView(space=HALF), **words)
    if annotation is int:
        return inputs.int(name, min=1, view=types.View(space=HALF), **words)
    view = _typed_with_suggestions(widget(info), dataset)
    return inputs.str(name, allow_empty=True, **view, **words)


def _typed_with_suggestions(kind: Widget | None, dataset: Any) -> dict[str, Any]:
    """The view of a field that takes any text and offers some."""
    if kind is Widget.MODEL:
        return {"view": _models()}
    if kind is Widget.BACKEND:
        return {"view": _suggestions(backend_names())}
    if kind is Widget.PACK:
        return {"view": _suggestions(pack_names())}
    if kind is Widget.PATCHES_FIELD and dataset is not None:
        return {"view": _suggestions(boxes_fields(dataset))}
    if kind is Widget.TEXT_INDEX and dataset is not None:
        return {"view": _suggestions(prompt_indexes(dataset))}
    return {}


def _choices(annotation: Any, info: FieldInfo, dataset: Any) -> list[str]:
    """What can be chosen from; empty where any text may be typed."""
    if widget(info) is Widget.BOXES_FIELD:
        return boxes_fields(dataset) if dataset is not None else []
    return list(typing.get_args(annotation))


def _suggestions(names: Iterable[str]) -> Any:
    """Names to choose from in a field that may be left empty."""
    view = types.AutocompleteView()
    for name in names:
        view.add_choice(name, label=name)
    return view


def _models() -> Any:
    """The known models to choose from; a folder's path may be typed instead."""
    view = types.AutocompleteView()
    for model in model_names():
        view.add_choice(model, label=model, description=model_spec(model).title)
    return view


def _add_list(
    inputs: Any, name: str, info: FieldInfo, dataset: Any, words: Mapping[str, Any]
) -> Any:
    """A choice of several: the literals of the type, or the label fields of the dataset.

    Texts that can be anything are typed into one field instead.
    """
    if widget(info) is Widget.TEXTS:
        return inputs.str(name, allow_empty=True, **{**words, "default": "; ".join(info.default)})
    element = typing.get_args(info.annotation)[0]
    known = typing.get_args(element) or (
        tuple(label_fields(dataset)) if dataset is not None else tuple(info.default)
    )
    view = types.DropdownView(multiple=True)
    for choice in known:
        view.add_choice(choice, label=choice.replace("_", " "))
    return inputs.list(name, types.String(), view=view, **{**words, "default": list(info.default)})


def _without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) not in (typing.Union, python_types.UnionType):
        return annotation
    inner = next(item for item in typing.get_args(annotation) if item is not type(None))
    return typing.get_args(inner)[0] if hasattr(inner, "__metadata__") else inner


def _add_preview(inputs: Any, model: type[Parameters], preview: Preview) -> None:
    detailed = [fault for fault in preview.problems if "\n" in fault.problem]
    for number, fault in enumerate(detailed):
        listing = "\n".join(f"    {line.strip()}" for line in fault.problem.splitlines())
        inputs.md(f"**{fault.place}**\n\n{listing}", name=f"_problem_{number}")
    known = set(model.model_fields)
    for number, fault in enumerate(preview.problems):
        if fault.place.split(".")[0] not in known:
            notice = inputs.view(f"_error_{number}", types.Error(label=str(fault)))
            notice.invalid = True
            notice.error_message = str(fault)
    if preview.problems:
        return
    for number, text in enumerate(preview.warnings):
        inputs.view(f"_warning_{number}", types.Warning(label=text))
    if preview.facts:
        listing = "\n".join(f"- {literal(fact)}" for fact in preview.facts)
        inputs.md(f"**What will happen**\n\n{listing}", name="_preview")


def literal(text: str) -> str:
    """Markdown that shows a text as it is: paths and names are full of its signs."""
    return re.sub(r"([\\`*_{}\[\]<>#~|])", r"\\\1", text)


def boxes_fields(dataset: Any) -> list[str]:
    """The dataset's fields of boxes (``Detections``)."""
    return fields_holding(dataset, fo.Detections)


def label_fields(dataset: Any) -> list[str]:
    """The dataset's fields that hold concepts: boxes and classifications."""
    return fields_holding(dataset, fo.Detections, fo.Classification)
