"""What a stage did to a dataset, kept on the dataset as a FiftyOne custom run."""

from __future__ import annotations

from typing import Any

from ..fields import SCHEMA_RUN_KEY, SCHEMA_VERSION
from ..resources import installed_version
from .collection import make_durable


def read_record(dataset: Any, key: str) -> dict[str, Any] | None:
    """The parameters of a run; None where the dataset has no such run."""
    if not dataset.has_run(key):
        return None
    config: dict[str, Any] = dict(dataset.get_run_info(key).config.serialize())
    for word in ("cls", "type", "method"):
        config.pop(word, None)
    return config


def write_record(dataset: Any, key: str, method: str, values: dict[str, Any]) -> None:
    """Makes a run, or replaces its parameters in place, durably.

    The first one on a dataset is accompanied by the number of the form that it is written in.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        method: the stage that writes it.
        values: what to keep, JSON-able.
    """
    if key != SCHEMA_RUN_KEY and not dataset.has_run(SCHEMA_RUN_KEY):
        write_schema_number(dataset, SCHEMA_VERSION)
    version = installed_version() or "unknown"
    config = dataset.init_run(method=method, plugin_version=version, **values)
    if dataset.has_run(key):
        dataset.update_run_config(key, config)
    else:
        dataset.register_run(key, config)
    make_durable(dataset)


def write_schema_number(dataset: Any, number: int) -> None:
    """Says on the dataset which form its records have, see ``schema_version``."""
    write_record(dataset, SCHEMA_RUN_KEY, "schema_version", {"number": number})
