"""Makes the options of a command from parameter definitions."""

import types as python_types
import typing
from collections.abc import Iterator
from typing import Any

import click

from ..parameters import Parameters, nested, title


def parameter_options(
    model: type[Parameters], prefix: tuple[str, ...] = ()
) -> Iterator[click.Option]:
    """The options of an operator's command, one for each of its parameters."""
    for name, info in model.model_fields.items():
        if inner := nested(info):
            yield from parameter_options(inner, (*prefix, name))
        else:
            flag = ".".join((*prefix, name)).replace("_", "-")
            declared = f"--{flag}/--no-{flag}" if info.annotation is bool else f"--{flag}"
            text = f"{title(info, name)}. {info.description}."
            if not info.is_required() and info.default not in ("", None, False, ()):
                default = info.default
                shown = ",".join(default) if isinstance(default, tuple) else default
                text += f"  [default: {shown}]"
            choices = _choices(info.annotation)
            kind = click.Choice(choices) if choices else None
            joined = "__".join((*prefix, name))
            yield click.Option([declared, joined], default=None, help=text, type=kind)


def _choices(annotation: Any) -> list[str]:
    """The choices of a literal type, which may also allow None; none for other types."""
    is_union = typing.get_origin(annotation) in (typing.Union, python_types.UnionType)
    kinds = typing.get_args(annotation) if is_union else (annotation,)
    literals = (kind for kind in kinds if typing.get_origin(kind) is typing.Literal)
    return [choice for literal in literals for choice in typing.get_args(literal)]


def given_values(values: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, nested again where their names were joined.

    Examples:
        >>> given_values({"stages": "ingest_dataset", "limit": None, "ingest_dataset__limit": 5})
        {'stages': 'ingest_dataset', 'ingest_dataset': {'limit': 5}}
    """
    given: dict[str, Any] = {}
    for joined, value in values.items():
        if value is None:
            continue
        *outer, name = joined.split("__")
        inner = given
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[name] = value
    return given
