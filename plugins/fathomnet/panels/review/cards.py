"""What the panel shows of labels: read for those on the screen, however many there are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from ... import names
from ...dataset import columns
from ...dataset.documents import Document, VectorUnpacker
from ...dataset.ingest_record import read_ingest_records
from ...dataset.label_map import special_names, taxonomy_of
from ...dataset.records import read_record
from ...dataset.schema import labels_path, labels_path_if_any
from ...errors import DatasetError
from ...label_errors.record import LabelErrorsRecord
from ...labels.verdicts import STATES, VERDICT_KEYS, state_of
from ...predictions.importing import read_import_records
from ...relabelling.box_states import box_ids
from ...review.orders import Box
from ...similarity.index import indexes_of, open_index
from ...similarity.neighbours import nearest
from ...taxonomy import Taxonomy

Card = dict[str, Any]
"""What is shown of a label, as JSON can hold it."""

LETTERS: Final[Mapping[str, str]] = {"unreviewed": "-"} | dict(zip(STATES, "cnru", strict=True))
"""A letter for each state, because a set has many: confirmed, new name, rejected, unsure."""

_AS_LIKELY: Final = 0.5
"""From this on a signal says by itself that a label is wrong."""
_NEAR: Final = 200
"""How many of the boxes that look most alike are searched for two names."""
_ALIKE: Final = 4
"""How many of each name are shown."""


def read_cards(dataset: Any, field: str, boxes: Sequence[Box]) -> list[Card]:
    """What is shown of labels; those that are gone are left out.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of the labels.
        boxes: sample id and label id of each.
    """
    path, pred_field = labels_path(dataset, field), predictions_of(dataset, field)
    tree = taxonomy_of(dataset)
    media = str(dataset.app_config.modal_media_field or "filepath")
    model = names.predicted_attributes(pred_field)
    wanted: dict[str, tuple[str, ...]] = {path: (*_ATTRIBUTES, *VERDICT_KEYS, *model)}
    predictions = labels_path(dataset, pred_field) if pred_field else ""
    if pred_field and pred_field != field:
        wanted[predictions] = _PREDICTED
    records = read_import_records(dataset, pred_field) if pred_field else {}
    concepts = {split: one.concepts for split, one in records.items()}
    fields = ("filepath", media, "split", "metadata.width", "metadata.height")
    images = dataset.select(list(dict.fromkeys(sample for sample, _ in boxes)))
    asked, cards = set(boxes), {}
    for image in columns.read_images(images, fields, boxes=wanted):
        sample = str(image["_id"])
        predicted = {
            one[names.ANNOTATION_ID]: one
            for one in (columns.boxes_in(image, predictions) if pred_field else ())
            if one.get(names.ANNOTATION_ID) is not None
        }
        for box in columns.boxes_in(image, path):
            if (sample, str(box["_id"])) in asked:
                opinion = predicted.get(box.get(names.ANNOTATION_ID), {})
                ranked = _ranked(opinion, concepts.get(image.get("split") or "", ()))
                said = _said_of(box, ranked or _named(box, model), tree, opinion)
                card = _card(image, box, media) | said
                cards[sample, card["id"]] = card
    return [cards[box] for box in boxes if box in cards]


def predictions_of(dataset: Any, field: str) -> str:
    """The field of predictions that labels are compared with; empty where there is none."""
    record = read_record(dataset, names.label_errors_run_key(field), LabelErrorsRecord)
    name = record.pred_field if record is not None else names.MODEL_PREDICTIONS
    return name if labels_path_if_any(dataset, name) else ""


def states_in(dataset: Any, field: str, boxes: Sequence[Box]) -> str:
    """A letter of ``LETTERS`` for each label, in their order; a blank where it is gone."""
    path = labels_path(dataset, field)
    keys = ("label", names.REVIEW_STATE, names.REVIEWED_LABEL)
    images = dataset.select(list(dict.fromkeys(sample for sample, _ in boxes)))
    there = {
        str(box["_id"]): LETTERS[state_of(box)]
        for image in columns.read_images(images, boxes={path: keys})
        for box in columns.boxes_in(image, path)
    }
    return "".join(there.get(label, " ") for _, label in boxes)


def known_names(dataset: Any, field: str) -> list[str]:
    """Every name that a label may get without more being said of it, in order."""
    used = {name for name in dataset.distinct(f"{labels_path(dataset, field)}.label") if name}
    for record in read_ingest_records(dataset).values():
        used.update(record.concepts)
    tree = taxonomy_of(dataset)
    known = {*tree.offered, *special_names(dataset), *used} - tree.retired
    return sorted(known, key=str.casefold)


def look_alikes(dataset: Any, field: str, box: Box, wanted: Sequence[str]) -> dict[str, list[Card]]:
    """The boxes of certain names among those that look most like a box, the most alike first.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of the labels.
        box: sample id and label id.
        wanted: the names.

    Raises:
        DatasetError: there is no index of these boxes, or the box is not in it.
    """
    keys = indexes_of(dataset, field)
    if not keys:
        raise DatasetError(
            "to see what looks like it, run compute_embeddings and build_similarity_index"
        )
    index = open_index(dataset, keys[0])
    places = {member: place for place, member in enumerate(index.ids)}
    if (own := index.member(*box)) not in places:
        raise DatasetError("this box is not in the index: build_similarity_index adds it")
    matrix, place = index.rows.matrix, places[own]
    found = nearest(matrix, index.rows.inverse, matrix[place].astype(np.float64), k=_NEAR + 1)
    rows = [row for row in found.rows.tolist() if row != place]
    near = [(index.sample_ids[row], index.ids[row]) for row in rows]
    if not index.patches_field:
        # Of crops the index has the images, each of which has one label.
        samples = dataset.select([sample for sample, _ in near], ordered=True)
        near = box_ids(samples, labels_path(dataset, field))
    cards = read_cards(dataset, field, near)
    return {
        name: [card for card in cards if card["label"] == name][:_ALIKE] for name in wanted if name
    }


_ATTRIBUTES: Final = (
    "label",
    "bounding_box",
    names.ANNOTATION_ID,
    names.SUSPICION,
    names.SUSPICION_BY_MODEL,
    names.SUSPICION_BY_NEIGHBOURS,
    names.SUGGESTED_LABEL,
)
_SECOND: Final = (names.SECOND_LABEL, names.SECOND_CONFIDENCE, names.MARGIN)
_PREDICTED: Final = (names.ANNOTATION_ID, "label", "confidence", names.PROBABILITIES, *_SECOND)

_Ranked = list[tuple[str, float | None]]
"""Predicted names with their probabilities, the most probable first."""


def _card(image: Document, box: Document, media: str) -> Card:
    """A label as it is, and where its picture is."""
    size = image.get("metadata") or {}
    state, moment = state_of(box), box.get(names.REVIEWED_AT)
    judged = state != "unreviewed"
    return {
        "id": str(box["_id"]),
        "sample": str(image["_id"]),
        "label": box.get("label"),
        "state": LETTERS[state],
        "by": box.get(names.REVIEWED_BY) if judged else None,
        "at": f"{moment:%Y-%m-%d %H:%M}" if judged and moment is not None else None,
        "media": image.get(media) or image.get("filepath"),
        "width": size.get("width"),
        "height": size.get("height"),
        "box": [float(side) for side in box["bounding_box"]],
    }


def _said_of(
    box: Document, ranked: _Ranked, taxonomy: Taxonomy, opinion: Document | None = None
) -> Card:
    """What a model and the boxes that look alike say of a label.

    Args:
        box: the label.
        ranked: predicted names, the most probable first.
        taxonomy: the tree of concepts.
        opinion: its prediction. What an import has kept there of the second-best name is told;
            where it has not, that is found in ``ranked``.
    """
    label, suspect = box.get("label"), box.get(names.SUGGESTED_LABEL)
    best = ranked[0][0] if ranked else None
    suggestion = suspect or best
    if suggestion == label:
        suggestion = None
    chances = dict(ranked)
    is_placed = label in taxonomy and suggestion in taxonomy
    second, likely, margin = ((opinion or {}).get(name) for name in _SECOND)
    if second is None:
        second, likely = next(
            (one for one in ranked if one[0] not in (suggestion, label)), (None, None)
        )
        first = ranked[0][1] if len(ranked) > 1 else None
        margin = None if first is None else first - (ranked[1][1] or 0.0)
    signals = {
        "model": box.get(names.SUSPICION_BY_MODEL),
        "look-alikes": box.get(names.SUSPICION_BY_NEIGHBOURS),
    }
    said_by = [name for name, value in signals.items() if (value or 0) >= _AS_LIKELY]
    return {
        "suggestion": suggestion,
        "is_stored": bool(suspect) and suggestion == suspect,
        "probability": chances.get(suggestion or label or ""),
        "second": second,
        "second_probability": likely,
        "margin": margin,
        "distance": taxonomy.distance(label, suggestion) if is_placed else None,
        "suspicion": box.get(names.SUSPICION),
        "said_by": said_by or (["model"] if suggestion and suggestion == best else []),
    }


def _named(box: Document, attributes: tuple[str, str]) -> _Ranked:
    """The one predicted name that a label itself carries, where its prediction is not there."""
    name, confidence = (box.get(one) for one in attributes)
    return [(name, confidence)] if name else []


def _ranked(opinion: Document, concepts: Sequence[str]) -> _Ranked:
    """The predicted names of a box, the most probable first.

    The name that was decided on stands before them where the second-best one is kept beside it.
    """
    stored = opinion.get(names.PROBABILITIES)
    probabilities: list[float] = []
    if stored is not None:
        unpacker = VectorUnpacker()
        unpacker.add(stored) if isinstance(stored, bytes) else unpacker.add_array(stored)
        probabilities = unpacker.matrix()[0].tolist()
    ranked: _Ranked = []
    if len(probabilities) == len(concepts) and concepts:
        best = sorted(range(len(concepts)), key=lambda place: -probabilities[place])[:_ALIKE]
        ranked = [(concepts[place], probabilities[place]) for place in best]
    name, second = opinion.get("label"), opinion.get(names.SECOND_LABEL)
    if name and (second or not ranked):
        decided = [(name, opinion.get("confidence"))]
        if second and second != name:
            decided.append((second, opinion.get(names.SECOND_CONFIDENCE)))
        told = {one for one, _ in decided}
        return [*decided, *(one for one in ranked if one[0] not in told)]
    return ranked
