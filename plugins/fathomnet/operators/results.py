"""Shows a result in the App: one line per value, and a table for a list of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types

from ..media.moving.tally import size_text
from ..text import literal, shortened

LINE: Final = 80
"""Characters; a longer list is shown with one line per item, and cut off in a table."""

DIGITS: Final = 3
"""Digits of a fraction after the decimal point."""


def build(
    label: str, result: Mapping[str, Any], remarks: Sequence[str] = (), dataset: str | None = None
) -> Any:
    """The output form of an operator.

    Args:
        label: heading of the form.
        result: what the operator returned.
        remarks: sentences to go beneath it.
        dataset: a dataset that was made, which gets a link.
    """
    outputs = types.Object()
    _add(outputs, result)
    for number, remark in enumerate(remarks):
        outputs.md(literal(remark), name=f"_remark_{number}")
    if dataset is not None and fo.dataset_exists(dataset):
        slug = fo.load_dataset(dataset).slug
        outputs.md(f"[Open the dataset](/datasets/{slug})", name="_open")
    return types.Property(outputs, view=types.View(label=label))


def _add(outputs: Any, result: Mapping[str, Any]) -> None:
    for name, value in result.items():
        if isinstance(value, Mapping):
            outputs.define_property(name, _nested(value), label=key_in_words(name))
        elif _is_records(value):
            # Under another name than the value's, or the App would show that as it is.
            rows = [{key: _cell(cell) for key, cell in record.items()} for record in value]
            shown = {"view": _table(value), "label": key_in_words(name), "default": rows}
            outputs.list(f"_{name}", types.Object(), **shown)
        elif _is_long(value):
            listing = "\n".join(f"- {literal(str(item))}" for item in value)
            outputs.md(f"{key_in_words(name)}:\n\n{listing}", name=f"_{name}")
        else:
            line = types.LabelValueView(read_only=True)
            outputs.str(
                f"_{name}", label=key_in_words(name), default=_readable(name, value), view=line
            )


def _nested(value: Mapping[str, Any]) -> Any:
    inner = types.Object()
    _add(inner, value)
    return inner


def _is_records(value: Any) -> bool:
    return _is_list(value) and bool(value) and isinstance(value[0], Mapping)


def _is_long(value: Any) -> bool:
    return _is_list(value) and sum(len(str(item)) for item in value) > LINE


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _table(records: Sequence[Mapping[str, Any]]) -> Any:
    table = types.TableView()
    for column in records[0]:
        table.add_column(column, label=key_in_words(column))
    return table


def _readable(name: str, value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return size_text(value) if name == "bytes" else f"{value:,}"
    if _is_list(value):
        return _joined(value) or "none"
    return "none" if value in (None, "") else str(_rounded(value))


def _cell(value: Any) -> Any:
    """A value for a table, where the App would run the items of a list together."""
    return shortened(_joined(value), LINE) if _is_list(value) else _rounded(value)


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(str(_rounded(item)) for item in values)


def _rounded(value: Any) -> Any:
    """A fraction rounded for people to read; anything else unchanged."""
    return round(value, DIGITS) if isinstance(value, float) else value


def key_in_words(name: str) -> str:
    """A result key in words."""
    return name.replace("_", " ").capitalize()
