"""Declares the fields of a dataset before anything is written, so that the App knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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


def sample_schema() -> dict[str, Any]:
    """The fields that ``ingest_dataset`` sets on every sample and every box."""
    import fiftyone as fo

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
        GROUND_TRUTH: _embedded(GROUND_TRUTH, fo.Detections),
        **numbered_schema(GROUND_TRUTH),
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


def further_schema(catalog: Catalog) -> dict[str, Any]:
    """The fields for what a catalog's images and boxes have beside COCO's own members."""
    import fiftyone as fo

    kinds: dict[type, Any] = {
        bool: fo.BooleanField,
        int: fo.IntField,
        float: fo.FloatField,
        str: fo.StringField,
    }
    words = "From the annotations file"
    schema = {name: kinds[kind](description=words) for name, kind in catalog.image_fields.items()}
    path = f"{GROUND_TRUTH}.detections"
    for name, kind in catalog.box_fields.items():
        schema[f"{path}.{name}"] = kinds[kind](description=words)
    return schema


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
    field: str, has_ranks: bool, has_probabilities: bool, has_second: bool = False
) -> dict[str, Any]:
    """A field of predictions, with the attributes that the file has."""
    import fiftyone as fo

    box = f"{field}.detections"
    schema = {
        field: _embedded(field, fo.Detections),
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


def predicted_schema(field: str, pred_field: str) -> dict[str, Any]:
    """What a field of boxes holds of the predictions in another field."""
    import fiftyone as fo

    name, confidence = (f"{field}.detections.{one}" for one in predicted_attributes(pred_field))
    return {
        name: fo.StringField(description=f"What {pred_field} says of this box"),
        confidence: fo.FloatField(description="How sure it is"),
    }


def _embedded(name: str, document_type: type) -> Any:
    import fiftyone as fo
    from fiftyone.core.odm import create_field

    return create_field(name, fo.EmbeddedDocumentField, embedded_doc_type=document_type)
