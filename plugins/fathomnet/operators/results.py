"""How a result is shown in the App: a line a value, a table for a list of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo
from fiftyone.operators import types


def build(label: str, result: Mapping[str, Any], dataset: str | None = None) -> Any:
    """The output form of an operator.

    Args:
        label: heading of the form.
        result: what the operator returned.
        dataset: a dataset that was made, which gets a link.
    """
    outputs = types.Object()
    _add(outputs, result)
    if dataset is not None and fo.dataset_exists(dataset):
        slug = fo.load_dataset(dataset).slug
        outputs.md(f"[Open the dataset](/datasets/{slug})", name="_open")
    return types.Property(outputs, view=types.View(label=label))


def _add(outputs: Any, result: Mapping[str, Any]) -> None:
    for name, value in result.items():
        if isinstance(value, Mapping):
            outputs.define_property(name, _nested(value), label=words(name))
        elif _is_records(value):
            outputs.list(name, types.Object(), view=_table(value), label=words(name))
        else:
            outputs.str(name, label=words(name), view=types.LabelValueView(read_only=True))


def _nested(value: Mapping[str, Any]) -> Any:
    inner = types.Object()
    _add(inner, value)
    return inner


def _is_records(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and isinstance(value[0], Mapping)


def _table(records: Sequence[Mapping[str, Any]]) -> Any:
    table = types.TableView()
    for column in records[0]:
        table.add_column(column, label=words(column))
    return table


def words(name: str) -> str:
    """A result key as a person reads it."""
    return name.replace("_", " ").capitalize()
