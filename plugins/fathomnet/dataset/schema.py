"""The fields of a dataset: which of them hold labels of what kind, and those that stages declare.

They are declared before anything is written, so that the App knows them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import DatasetError, Fault, InputError
from ..names import (
    ANNOTATION_ID,
    GROUND_TRUTH,
    MARGIN,
    OWN_RANK,
    PROBABILITIES,
    RANKS,
    SECOND_CONFIDENCE,
    SECOND_LABEL,
    predicted_attributes,
)
from .collection import make_durable

if TYPE_CHECKING:
    from ..catalog import Catalog

_FROM_FILE: Final = "From the annotations file"
"""The description of the fields for what only some catalogs have."""
_WORDS_OF_MONGOENGINE: Final = ("objects", "pk")
_FIELD_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def boxes_path(dataset: Any, field: str) -> str:
    """The path of the boxes in a Detections field, for stages that have no use for crops yet.

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

    path = labels_path_if_any(dataset, field)
    if path:
        return path
    known = _described(dataset, fo.Detections, fo.Classification)
    there = dataset.get_field(field) is not None
    problem = "holds no labels in the samples" if there else "is no field"
    raise DatasetError(f"{field!r} {problem} of dataset {dataset._root_dataset.name!r}; {known}")


def labels_path_if_any(dataset: Any, field: str) -> str:
    """The path of the labels in a Detections or a Classification field; empty of any other."""
    import fiftyone as fo

    kind = label_type(dataset, field)
    if kind is fo.Detections:
        return f"{field}.detections"
    return field if kind is fo.Classification else ""


def pictured(dataset: Any, field: str) -> str:
    """The boxes that are cut out of images to show the labels of a field.

    Args:
        dataset: a FiftyOne dataset.
        field: of labels, or ``""``.

    Returns:
        The field itself; ``""``, which means whole images, where each of these is a crop.

    Raises:
        DatasetError: the field holds no labels.
    """
    return "" if not field or labels_path(dataset, field) == field else field


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
    problem = field_problem(field)
    if problem:
        raise InputError("name of the new field", [Fault("field", problem)])
    if dataset.get_field(field) is not None and label_type(dataset, field) is not kind:
        raise DatasetError(
            f"field {field!r} of dataset {dataset.name!r} is there already and does not hold "
            f"{kind.__name__}; choose another name"
        )


def field_problem(field: str) -> str:
    """What is wrong with the name of a field of labels; empty if FiftyOne accepts it."""
    import fiftyone as fo

    if not _FIELD_NAME.fullmatch(field):
        return f"{field!r} is no field name: a letter, then letters, digits and _"
    if hasattr(fo.Sample, field) or field in _WORDS_OF_MONGOENGINE:
        return f"{field!r} means something else on a FiftyOne sample"
    return ""


def declare(dataset: Any, schema: Mapping[str, Any]) -> None:
    """Adds the fields that a dataset does not have yet, in one durable write.

    Args:
        dataset: a FiftyOne dataset.
        schema: paths and FiftyOne fields, parents before their attributes.
    """
    known = dataset.get_field_schema(flat=True)
    missing = {path: field for path, field in schema.items() if path not in known}
    if missing:
        dataset.add_dynamic_sample_fields(missing)
        make_durable(dataset)


def sample_schema(crops_field: str = "") -> dict[str, Any]:
    """The fields that an ingest sets on every sample and every label.

    Args:
        crops_field: takes the one label of each sample; empty where samples have boxes.
    """
    import fiftyone as fo

    if crops_field:
        number = fo.IntField(description="Unique within its split only")
        labels = {**classification_schema(crops_field), f"{crops_field}.{ANNOTATION_ID}": number}
    else:
        labels = {**boxes_schema(GROUND_TRUTH), **numbered_schema(GROUND_TRUTH)}
    return {
        "metadata": _embedded("metadata", fo.ImageMetadata),
        "split": fo.StringField(),
        "image_id": fo.IntField(description="COCO id, unique within its split only"),
        "file_name": fo.StringField(),
        "source_url": fo.StringField(description="Where the image was published"),
        "media_uri": fo.StringField(description="Where the image is stored"),
        "media_status": fo.StringField(description="ok, missing, rejected or unknown"),
        "date_captured": fo.DateTimeField(description="UTC"),
        "vehicle": fo.StringField(description="The underwater vehicle, from the source URL"),
        "dive": fo.StringField(description="The vehicle's dive, from the source URL"),
        **labels,
    }


def numbered_schema(field: str) -> dict[str, Any]:
    """The attributes of annotated boxes beside label and rectangle."""
    import fiftyone as fo

    box = f"{field}.detections"
    return {
        f"{box}.{ANNOTATION_ID}": fo.IntField(description="COCO id, unique within its split only"),
        f"{box}.area": fo.FloatField(description="Square pixels"),
        f"{box}.iscrowd": fo.IntField(),
    }


def further_schema(catalog: Catalog, crops_field: str = "") -> dict[str, Any]:
    """The fields for what a catalog's images and labels have beside those of ``sample_schema``."""
    import fiftyone as fo

    kinds: dict[type, Any] = {
        bool: fo.BooleanField,
        int: fo.IntField,
        float: fo.FloatField,
        str: fo.StringField,
    }
    of_images = catalog.image_fields.items()
    schema = {name: kinds[kind](description=_FROM_FILE) for name, kind in of_images}
    path = crops_field or f"{GROUND_TRUTH}.detections"
    for name, kind in catalog.box_fields.items():
        schema[f"{path}.{name}"] = kinds[kind](description=_FROM_FILE)
    return schema


def further_fields(dataset: Any) -> list[str]:
    """The fields of the images that a catalog has beside those of every dataset."""
    fields = dataset.get_field_schema()
    return [name for name, field in fields.items() if field.description == _FROM_FILE]


def classification_schema(field: str) -> dict[str, Any]:
    """A field with one label per sample."""
    import fiftyone as fo

    return {field: _embedded(field, fo.Classification)}


def boxes_schema(field: str) -> dict[str, Any]:
    """A field of boxes."""
    import fiftyone as fo

    return {field: _embedded(field, fo.Detections)}


def rank_schema(labels_path: str) -> dict[str, Any]:
    """The rank attributes of the labels at a path."""
    import fiftyone as fo

    return {f"{labels_path}.{name}": fo.StringField() for name in (OWN_RANK, *RANKS)}


def prediction_schema(
    field: str,
    has_ranks: bool,
    has_probabilities: bool,
    has_second: bool = False,
    of_crops: bool = False,
) -> dict[str, Any]:
    """A field of predictions, with the attributes that the file has."""
    import fiftyone as fo

    box = field if of_crops else f"{field}.detections"
    schema = {
        **(classification_schema(field) if of_crops else boxes_schema(field)),
        f"{box}.{ANNOTATION_ID}": fo.IntField(description="The box that this is a prediction for"),
    }
    if has_ranks:
        schema[f"{box}.{OWN_RANK}"] = fo.StringField()
    if has_probabilities:
        schema[f"{box}.{PROBABILITIES}"] = fo.VectorField()
    if has_second:
        schema[f"{box}.{SECOND_LABEL}"] = fo.StringField(description="The second-best name")
        schema[f"{box}.{SECOND_CONFIDENCE}"] = fo.FloatField(description="How probable that is")
        schema[f"{box}.{MARGIN}"] = fo.FloatField(
            description="How much more probable the label is than the second-best name"
        )
    return schema


def predicted_schema(labels_path: str, pred_field: str) -> dict[str, Any]:
    """What the labels at a path hold of the predictions in another field."""
    import fiftyone as fo

    name, confidence = (f"{labels_path}.{one}" for one in predicted_attributes(pred_field))
    return {
        name: fo.StringField(description=f"What {pred_field} says of this box"),
        confidence: fo.FloatField(description="How sure it is"),
    }


def _embedded(name: str, document_type: type) -> Any:
    import fiftyone as fo
    from fiftyone.core.odm import create_field

    return create_field(name, fo.EmbeddedDocumentField, embedded_doc_type=document_type)
