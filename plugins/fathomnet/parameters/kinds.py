"""The kinds of parameters that several operators share, and how a form shows them."""

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic.fields import FieldInfo

from .. import names


class Widget(Enum):
    """How a form shows a parameter, if its type alone does not tell."""

    FILE = "file"
    PLACE = "a folder or a gs:// address"
    BOXES_FIELD = "boxes field"
    LABELS_FIELD = "field of boxes, or of one label an image"
    PATCHES_FIELD = "boxes field, or nothing for whole images"
    INTO_BOXES = "boxes field, or the name of a new one"
    MODEL = "an embedding model's name, or a folder"
    TEXT_MODEL = "the name of an embedding model that knows text"
    BACKEND = "a similarity backend's name"
    BOXES_INDEX = "brain key of an index of boxes"
    TEXT_INDEX = "brain key of an index that text can be looked for in"
    PACK = "a needle pack's name, or a file"
    TEXTS = "several texts"
    CONCEPT = "a name of the taxonomy"
    SPECIAL_NAME = "a name that is no taxon"
    SAVED_VIEW = "name of a saved view"
    JOURNAL = "key of a relabelling"


def _path_text(value: Any) -> Any:
    """The path that a file browser sent (perhaps after it was cleared) or that was typed."""
    if isinstance(value, Mapping):
        value = value.get("absolute_path")
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return str(Path(text).expanduser()) if text.startswith("~") else text


def none_if_empty(value: Any) -> Any:
    """None for the empty text that a form sends for a cleared number."""
    return None if value == "" else value


def list_items(value: Any) -> Any:
    """A list from a form or a program, or from the command line's comma-separated text.

    Examples:
        >>> list_items("ground_truth, model_predictions")
        ['ground_truth', 'model_predictions']
    """
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _texts(value: Any) -> Any:
    """Several texts, each of which may hold commas, from a form or the command line."""
    if isinstance(value, str):
        return tuple(item.strip() for item in re.split(r"[;\n]", value) if item.strip())
    return () if value is None else value


def _column_names(value: Any) -> Any:
    """Columns by their meanings, from a program's mapping, a form or the command line."""
    if isinstance(value, Mapping):
        return tuple(f"{meaning}={header}" for meaning, header in value.items() if header)
    return _texts(value.replace(",", ";") if isinstance(value, str) else value)


def _several_paths(value: Any) -> Any:
    """One path or several, from a form, a program or the command line, each on a line."""
    if isinstance(value, list | tuple):
        return "\n".join(str(_path_text(one)) for one in value)
    text = _path_text(value)
    if not isinstance(text, str) or not set(";\n") & set(text) or Path(text).exists():
        return text
    return "\n".join(str(_path_text(one)) for one in _texts(text))


def paths_in(text: str) -> tuple[str, ...]:
    r"""The paths that a parameter of kind ``PathTexts`` names.

    Examples:
        >>> paths_in("reef/2024.json\nreef/2025.json")
        ('reef/2024.json', 'reef/2025.json')
    """
    return tuple(path for path in text.split("\n") if path)


PathTexts = Annotated[str, BeforeValidator(_several_paths)]
PathText = Annotated[str, BeforeValidator(_path_text)]
Limit = Annotated[
    Annotated[int, Field(ge=1)] | None,
    BeforeValidator(none_if_empty),
    Field(
        title="Limit",
        description="Take only this many of each split; empty for all",
    ),
]
Names = Annotated[tuple[str, ...], BeforeValidator(list_items)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts), Widget.TEXTS]
ColumnNames = Annotated[tuple[str, ...], BeforeValidator(_column_names), Widget.TEXTS]
Split = Annotated[
    names.Split,
    Field(title="Split", description="Boxes are numbered within their split, so it must be named"),
]
LabelsField = Annotated[str, Widget.LABELS_FIELD, Field(min_length=1)]
BoxesField = Annotated[str, Widget.BOXES_FIELD, Field(min_length=1)]
OptionalText = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
"""A text for which a form sends None once it was cleared, where it has suggestions."""
PatchesField = Annotated[
    OptionalText,
    Widget.PATCHES_FIELD,
    Field(title="Boxes", description="The boxes that are cut out; empty for whole images"),
]
Model = Annotated[
    PathText,
    Widget.MODEL,
    Field(
        min_length=1,
        title="Model",
        description="Makes the embeddings: one of the list, a folder that holds a model, "
        "or an architecture and its weights, ViT-B-32:/path/weights.safetensors",
    ),
]


def widget(info: FieldInfo) -> Widget | None:
    """The widget that a parameter names, if any."""
    return next((item for item in info.metadata if isinstance(item, Widget)), None)
