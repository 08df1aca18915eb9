"""Tells what kind of labels a field of a dataset holds."""

import re
from typing import Any, Final

from ..errors import DatasetError, Fault, InputError

_WORDS_OF_MONGOENGINE: Final = ("objects", "pk")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def boxes_path(dataset: Any, field: str) -> str:
    """The path of the boxes in a Detections field.

    Raises:
        DatasetError: the dataset has no such field, or it holds something else.
    """
    import fiftyone as fo

    path = labels_path(dataset, field)
    if path == field:
        known = _described(dataset, fo.Detections)
        raise DatasetError(f"field {field!r} holds one label an image, not boxes; {known}")
    return path


def labels_path(dataset: Any, field: str) -> str:
    """The path of the labels in a Detections or a Classification field.

    Raises:
        DatasetError: the dataset has no such field, or it holds something else.
    """
    import fiftyone as fo

    kind = label_type(dataset, field)
    if kind is fo.Detections:
        return f"{field}.detections"
    if kind is fo.Classification:
        return field
    known = _described(dataset, fo.Detections, fo.Classification)
    problem = "is no field" if dataset.get_field(field) is None else "holds no labels of this kind"
    raise DatasetError(f"{field!r} {problem} of dataset {dataset.name!r}; {known}")


def label_type(dataset: Any, field: str) -> type | None:
    """The label class that a top-level field holds; None if it holds none or does not exist."""
    kind: type | None = label_types(dataset).get(field)
    return kind


def fields_holding(dataset: Any, *kinds: type) -> list[str]:
    """The top-level fields that hold labels of one of these classes."""
    return [name for name, kind in label_types(dataset).items() if kind in kinds]


def label_types(dataset: Any) -> dict[str, type]:
    """The top-level fields of a dataset or view that hold labels, with the class of the labels."""
    import fiftyone as fo

    schema = dataset.get_field_schema(ftype=fo.EmbeddedDocumentField, embedded_doc_type=fo.Label)
    return {name: field.document_type for name, field in schema.items()}


def _described(dataset: Any, *kinds: type) -> str:
    fitting = fields_holding(dataset, *kinds)
    wanted = " or ".join(kind.__name__ for kind in kinds)
    if not fitting:
        return f"it has no field of {wanted}: ingest annotations, or make it first"
    return f"its fields of {wanted} are: {', '.join(fitting)}"


def require_writable(dataset: Any, field: str, kind: type) -> None:
    """Refuses a field that a stage may not make or overwrite.

    Args:
        dataset: a FiftyOne dataset.
        field: name of the field.
        kind: the label class for which it is meant.

    Raises:
        InputError: the name is not valid for a field.
        DatasetError: the field exists and holds something else.
    """
    import fiftyone as fo

    problem = None
    if not _FIELD_NAME.fullmatch(field):
        problem = f"{field!r} is no field name: a letter, then letters, digits and _"
    elif hasattr(fo.Sample, field) or field in _WORDS_OF_MONGOENGINE:
        problem = f"{field!r} means something else on a FiftyOne sample"
    if problem:
        raise InputError("name of the new field", [Fault("field", problem)])
    if dataset.get_field(field) is not None and label_type(dataset, field) is not kind:
        raise DatasetError(
            f"field {field!r} of dataset {dataset.name!r} is there already and does not hold "
            f"{kind.__name__}; choose another name"
        )
