"""The pipelines by which MongoDB itself labels the samples of a dataset.

Each does what a function of ``labels`` says. As an update of the collection, MongoDB leaves a
document alone that comes out of a pipeline as it went in, so what is right already keeps its
``last_modified_at``. As an aggregation, whose outcome FiftyOne saves, a pipeline gives only the
samples that change: it has no moment, because FiftyOne sets that itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..names import SPLITS
from .documents import Document, id_prefix

Expression = dict[str, Any]

_BEFORE: Final = "_fathomnet_before"
_LABELLED: Final = "_fathomnet_labelled"
_BY_AREA: Final = "_fathomnet_by_area"
_BEST: Final = "_fathomnet_best"


def is_list(path: str) -> bool:
    """Whether the labels at a path are boxes; else each image has one, in the field itself.

    Examples:
        >>> is_list("ground_truth.detections"), is_list("ground_truth")
        (True, False)
    """
    return "." in path


def has_labels(path: str) -> Document:
    """The query for the samples that have a label at a path."""
    return {f"{path}.0" if is_list(path) else f"{path}._cls": {"$exists": True}}


def each_label(path: str, made: Expression) -> Expression:
    """What becomes of the labels at a path, of each of which, ``$$this``, another is made."""
    if is_list(path):
        return {"$map": {"input": f"${path}", "in": made}}
    return {"$let": {"vars": {"this": f"${path}"}, "in": made}}


def primary_label_update(
    boxes: str, field: str, moment: datetime | None = None, but: Sequence[str] = ()
) -> list[Document]:
    """Gives every sample the label that ``labels.primary_concept`` finds.

    Args:
        boxes: path of the boxes.
        field: the field that takes the label; unset where no box has one.
        moment: the ``last_modified_at`` of the samples that change; None for an aggregation.
        but: labels that do not count.
    """
    counts = {"$not": [{"$in": ["$$this.label", {"$literal": list(but)}]}]}
    is_labelled = {"$and": [{"$gt": ["$$this.label", None]}, counts]}
    labelled = {"$filter": {"input": {"$ifNull": [f"${boxes}", []]}, "cond": is_labelled}}
    areas = {"$map": {"input": f"${_LABELLED}", "in": {"$isNumber": "$$this.area"}}}
    order = {"count": -1, "covers": -1, "label": 1}
    # Every concept of an image with the number of its boxes and the area they cover.
    own = {"$filter": {"input": f"${_LABELLED}", "cond": {"$eq": ["$$this.label", "$$name"]}}}
    sides = [{"$arrayElemAt": ["$$this.bounding_box", side]} for side in (2, 3)]
    covers = {"$cond": [f"${_BY_AREA}", "$$this.area", {"$multiply": sides}]}
    candidate = {
        "label": "$$name",
        "count": {"$size": "$$own"},
        "covers": {"$sum": {"$map": {"input": "$$own", "in": covers}}},
    }
    candidates = {
        "$map": {
            "input": {"$setUnion": [f"${_LABELLED}.label"]},
            "as": "name",
            "in": {"$let": {"vars": {"own": own}, "in": candidate}},
        }
    }
    first = {"$first": {"$sortArray": {"input": candidates, "sortBy": order}}}
    # Most images have one box, and need no counting: it takes a third of the time.
    only = {"$first": f"${_LABELLED}"}
    best = {"$cond": [{"$eq": [{"$size": f"${_LABELLED}"}, 1]}, only, first]}
    # The label to store: none, the one that is there, or a new one as FiftyOne writes it.
    label = f"${_BEST}.label"
    kept = [
        # ``DatasetView.save`` leaves a field as it is that a sample does not have: so None for it.
        {"case": {"$lte": [label, None]}, "then": "$$REMOVE" if moment else None},
        {"case": {"$eq": [label, f"${field}.label"]}, "then": f"${field}"},
    ]
    # Its id: a prefix for field and split, then the last eight bytes of the sample's own id.
    prefixes = [
        {
            "case": {"$eq": ["$split", split]},
            "then": id_prefix("primary label", field, split).hex(),
        }
        for split in SPLITS
    ]
    other = id_prefix("primary label", field).hex()
    prefix = {"$switch": {"branches": prefixes, "default": other}}
    number = {"$substrBytes": [{"$toString": "$_id"}, 8, 16]}
    new = {
        "_id": {"$toObjectId": {"$concat": [prefix, number]}},
        "_cls": "Classification",
        "tags": {"$literal": []},
        "label": label,
    }
    return [
        {"$set": {_BEFORE: f"${field}", _LABELLED: labelled}},
        {"$set": {_BY_AREA: {"$allElementsTrue": [areas]}}},
        {"$set": {_BEST: best}},
        {"$set": {field: {"$switch": {"branches": kept, "default": new}}}},
        _where_changed(field, moment),
        {"$unset": [_BEFORE, _LABELLED, _BY_AREA, _BEST]},
    ]


def rank_update(
    path: str,
    ranks: Mapping[str, Mapping[str, str | None]],
    moment: datetime | None = None,
) -> list[Document]:
    """Writes rank attributes on every label of a field.

    Args:
        path: of the labels: of boxes, or of one an image.
        ranks: the attributes of every known label, and under ``""`` those of all others.
        moment: the ``last_modified_at`` of the samples that change; None for an aggregation.
    """
    names = [name for name in ranks if name]
    # $indexOfArray gives -1 for a name that it does not find, and -1 is the last element.
    attributes = {"$literal": [dict(ranks[name]) for name in names] + [dict(ranks[""])]}
    position = {"$indexOfArray": [{"$literal": names}, "$$this.label"]}
    ranked = {"$mergeObjects": ["$$this", {"$arrayElemAt": [attributes, position]}]}
    field = path.partition(".")[0]
    return [
        {"$set": {_BEFORE: f"${field}"}},
        {"$set": {path: each_label(path, ranked)}},
        _where_changed(field, moment),
        {"$unset": [_BEFORE]},
    ]


def predicted_update(
    path: str, pred_path: str, attributes: Sequence[str], moment: datetime | None = None
) -> list[Document]:
    """Writes on every label of a field what is predicted for the one of its number.

    A box that has a prediction no more has None; one that never had any is left as it is.

    Args:
        path: of the labels.
        pred_path: of the predictions, which are boxes where the labels are.
        attributes: those that take the name and its confidence.
        moment: the ``last_modified_at`` of the samples that change; None for an aggregation.
    """
    same = {"$eq": ["$$one.annotation_id", "$$this.annotation_id"]}
    boxes = {"$ifNull": [f"${pred_path}", []]} if is_list(pred_path) else [f"${pred_path}"]
    found = {"$first": {"$filter": {"input": boxes, "as": "one", "cond": same}}}
    told = {
        name: {"$ifNull": [f"$$partner.{value}", None]}
        for name, value in zip(attributes, ("label", "confidence"), strict=True)
    }
    had = {"$gt": [f"$$this.{attributes[0]}", None]}
    numbered = {"$isNumber": "$$this.annotation_id"}
    concerned = {"$and": [numbered, {"$or": [{"$gt": ["$$partner", None]}, had]}]}
    box = {"$cond": [concerned, {"$mergeObjects": ["$$this", told]}, "$$this"]}
    each = {"$let": {"vars": {"partner": found}, "in": box}}
    field = path.partition(".")[0]
    return [
        {"$set": {_BEFORE: f"${field}"}},
        {"$set": {path: each_label(path, each)}},
        _where_changed(field, moment),
        {"$unset": [_BEFORE]},
    ]


def _where_changed(field: str, moment: datetime | None) -> Document:
    """Notes the moment on samples that change; without one, gives these alone."""
    before, after = ({"$ifNull": [f"${name}", None]} for name in (_BEFORE, field))
    changed = {"$ne": [before, after]}
    if moment is None:
        return {"$match": {"$expr": changed}}
    return {"$set": {"last_modified_at": {"$cond": [changed, moment, "$last_modified_at"]}}}
