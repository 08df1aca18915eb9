"""What the keys of every operator's result mean, from the dataclasses that the stages return."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fathomnet_voxel51.parameters import OPERATORS

_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.*(?:\n {6,}.*)*)", re.MULTILINE)
_CONSTANT: Final = re.compile(r"``([A-Z][A-Z_]+)``")
_WORDS: Final = {bool: "yes or no", int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True, slots=True)
class ResultKey:
    """A key of a result.

    Attributes:
        name: the key.
        kind: of its value.
        meaning: what it says; empty where the code says it of all keys together.
    """

    name: str
    kind: str
    meaning: str


def result_keys(operator: str) -> tuple[ResultKey, ...]:
    """The keys of an operator's result, in order.

    Args:
        operator: any but ``run_workflow``, whose result holds those of its stages.
    """
    result = typing.get_type_hints(OPERATORS[operator].stage_function())["return"]
    return tuple(_keys(result))


def _keys(result: type) -> Iterator[ResultKey]:
    hints, meanings = typing.get_type_hints(result), _meanings(result)
    for field in dataclasses.fields(result):
        yield ResultKey(field.name, _kind(hints[field.name]), meanings.get(field.name, ""))


def _meanings(result: type) -> dict[str, str]:
    _, _, listed = (inspect.getdoc(result) or "").partition("Attributes:\n")
    constants = vars(sys.modules[result.__module__])
    return {
        name: _CONSTANT.sub(lambda found: str(constants[found[1]]), " ".join(text.split()))
        for name, text in _ATTRIBUTE.findall(listed)
    }


def _kind(hint: Any) -> str:
    """A type in words, as JSON holds its values."""
    if hint in _WORDS:
        return _WORDS[hint]
    if dataclasses.is_dataclass(hint):
        return "{" + ", ".join(f"`{field.name}`" for field in dataclasses.fields(hint)) + "}"
    inside = [one for one in typing.get_args(hint) if one is not Ellipsis]
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        kinds = [_kind(one) for one in inside if one is not type(None)]
        return f"{' or '.join(kinds)}, or nothing"
    if origin is typing.Literal:
        return " or ".join(f"`{one}`" for one in inside)
    if origin in (tuple, list):
        kind = _kind(inside[0])
        several = kind if dataclasses.is_dataclass(inside[0]) else f"{kind}s"
        return f"two {several}" if len(inside) == 2 else f"list of {several}"
    if origin is dict:
        return f"{_kind(inside[1])} by name"
    raise TypeError(f"no words for {hint}: add them to scripts/result_keys.py")
