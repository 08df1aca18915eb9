"""Shows a result in the App: one line per value, and a table for a list of records."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import fiftyone as fo
from fiftyone.operators import types

from ..text import literal, shortened, size_text

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
    outputs = _in_lines(result)
    for number, remark in enumerate(remarks):
        outputs.md(literal(remark), name=f"_remark_{number}")
    if dataset is not None and fo.dataset_exists(dataset):
        slug = fo.load_dataset(dataset).slug
        outputs.md(f"[Open the dataset](/datasets/{slug})", name="_open")
    return types.Property(outputs, view=types.View(label=label))


def _in_lines(result: Mapping[str, Any]) -> Any:
    """An entry for each member of a result, under another name, or the App would show it as it is.

    Of the members, results are nested, records are a table, and a long list has a line an item.
    """
    outputs = types.Object()
    for name, value in result.items():
        label = key_in_words(name)
        if isinstance(value, Mapping):
            outputs.define_property(name, _in_lines(value), label=label)
        elif _is_list(value) and value and isinstance(value[0], Mapping):
            table = types.TableView()
            for column in value[0]:
                table.add_column(column, label=key_in_words(column))
            # The App would run the items of a list in a cell together.
            rows = [
                {
                    key: shortened(_joined(cell), LINE) if _is_list(cell) else _rounded(cell)
                    for key, cell in record.items()
                }
                for record in value
            ]
            outputs.list(f"_{name}", types.Object(), view=table, label=label, default=rows)
        elif _is_list(value) and sum(len(str(item)) for item in value) > LINE:
            listing = "\n".join(f"- {literal(str(item))}" for item in value)
            outputs.md(f"{label}:\n\n{listing}", name=f"_{name}")
        else:
            line = types.LabelValueView(read_only=True)
            outputs.str(f"_{name}", label=label, default=_readable(name, value), view=line)
    return outputs


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _readable(name: str, value: Any) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return size_text(value) if name == "bytes" else f"{value:,}"
    if _is_list(value):
        return _joined(value) or "none"
    return "none" if value in (None, "") else str(_rounded(value))


def _joined(values: Sequence[Any]) -> str:
    return ", ".join(str(_rounded(item)) for item in values)


def _rounded(value: Any) -> Any:
    """A fraction rounded for people to read; anything else unchanged."""
    return round(value, DIGITS) if isinstance(value, float) else value


def key_in_words(name: str) -> str:
    """A result key in words."""
    return name.replace("_", " ").capitalize()
