"""What a stage did to a dataset, kept on the dataset as a FiftyOne custom run.

Each kind of record is a frozen dataclass, which ``write_record`` keeps under a key and
``read_record`` gives back. A member named ``key`` is the run's own. A member that an older version
did not write yet needs a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from ..errors import DatasetError
from ..fields import SCHEMA_RUN_KEY, SCHEMA_VERSION
from ..plain import plain
from ..resources import installed_version
from .collection import make_durable

Values = dict[str, Any]
"""The members of a record as FiftyOne stores them."""


class Record(Protocol):
    """A frozen dataclass whose members JSON can hold, or which are such dataclasses."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    METHOD: ClassVar[str]
    """The stage that writes it."""


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class SchemaNumber:
    """Which form the records of a dataset have, see ``schema_version``.

    Attributes:
        number: of the form.
        plugin_version: of the project that wrote it.
    """

    METHOD: ClassVar[str] = "schema_version"

    number: int
    plugin_version: str = "unknown"


def read_record(dataset: Any, key: str, kind: type[R]) -> R | None:
    """Reads a record.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        kind: its dataclass.

    Returns:
        The record; None where the dataset has no such run.

    Raises:
        DatasetError: somebody has changed the run into something else.
    """
    values = read_values(dataset, key)
    if values is None:
        return None
    try:
        record: R = _adapter(kind).validate_python({**values, "key": key})
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise DatasetError(
            f"the run {key!r} of dataset {dataset.name!r} is not what {kind.METHOD} writes "
            f"({place}: {fault['msg']}): delete it, then run {kind.METHOD} again"
        ) from None
    return record


def write_record(dataset: Any, key: str, record: Record) -> None:
    """Makes a run, or replaces its parameters in place, durably.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        record: what to keep.
    """
    values: Values = plain(record)
    values.pop("key", None)
    write_values(dataset, key, record.METHOD, values)


def read_values(dataset: Any, key: str) -> Values | None:
    """The parameters of any run, as they are stored; None where the dataset has no such run."""
    if not dataset.has_run(key):
        return None
    values: Values = dict(dataset.get_run_info(key).config.serialize())
    for word in ("cls", "type", "method"):
        values.pop(word, None)
    return values


def write_values(dataset: Any, key: str, method: str, values: Values) -> None:
    """Writes the parameters of a run as they are to be stored.

    The first run on a dataset is accompanied by the number of the form that it is written in.

    Args:
        dataset: a FiftyOne dataset.
        key: the run's key.
        method: the stage that writes it.
        values: what to keep, JSON-able.
    """
    if key != SCHEMA_RUN_KEY and not dataset.has_run(SCHEMA_RUN_KEY):
        write_schema_number(dataset, SCHEMA_VERSION)
    version = installed_version() or "unknown"
    config = dataset.init_run(method=method, **{**values, "plugin_version": version})
    if dataset.has_run(key):
        dataset.update_run_config(key, config)
    else:
        dataset.register_run(key, config)
    make_durable(dataset)


def write_schema_number(dataset: Any, number: int) -> None:
    """Says on the dataset which form its records have, see ``schema_version``."""
    write_record(dataset, SCHEMA_RUN_KEY, SchemaNumber(number))


@cache
def _adapter(kind: type[R]) -> TypeAdapter[R]:
    return TypeAdapter(kind)
