"""Collects the signals about labels: predictions for the same boxes, and boxes that look alike."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset.columns import boxes_in, image_columns, read_images
from ..dataset.schema import labels_path, pictured
from ..dataset.vectors import read_vectors, vector_path
from ..errors import DatasetError, Fault, InputError
from ..evaluation.boxes import EvaluatedBoxes, read_evaluated_boxes
from ..evaluation.scoring.columns import Boxes
from ..evaluation.scoring.judging import LEAST_IOU
from ..evaluation.scoring.matching import NO_PARTNER, match_boxes
from ..labels.verdicts import RIGHT, VERDICT_KEYS, state_of
from ..names import (
    DEFAULT_MODEL,
    MODEL_PREDICTIONS,
    PROBABILITIES,
    REVIEW_STATE,
    similarity_key,
)
from ..predictions.importing import read_import_records
from ..similarity.index import indexes_of, open_index
from ..taxonomy import Taxonomy
from .evidence import NO_NAME, Known, Names
from .information import Information, Opinions, measure_information
from .weighing import Looks

Positions = npt.NDArray[np.intp]

_ADVICE: Final = (
    "Run import_predictions for the split that has labels, or compute_embeddings and then "
    "build_similarity_index on these boxes, or both."
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the signals come from; empty for a signal that is missing.

    Attributes:
        gt_field: the labelled boxes.
        pred_field: the predicted boxes.
        index_key: key of a similarity index of the labelled boxes.
    """

    gt_field: str
    pred_field: str
    index_key: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """The boxes that have a label.

    Attributes:
        all_boxes: all boxes, labelled or not, with their images.
        rows: (N,) which of ``all_boxes.truth.boxes`` they are.
        given: (N,) position of the label of each.
        names: all names that may be true.
        opinions: what was predicted for them; None without predictions.
    """

    all_boxes: EvaluatedBoxes
    rows: Positions
    given: Positions
    names: Names
    opinions: Opinions | None

    @property
    def boxes(self) -> Boxes:
        """All boxes of the field."""
        return self.all_boxes.truth.boxes

    @property
    def kind(self) -> str:
        """How detailed the opinions are; empty without any."""
        if self.opinions is None:
            return ""
        shares = self.opinions.probabilities
        if shares is not None and not np.isnan(shares).all():
            return "probabilities"
        return "predictions" if np.isnan(self.opinions.confidences).all() else "confidence"

    def information(self) -> Information | None:
        """What the predicted names say of the labels; None without predictions."""
        if self.opinions is None:
            return None
        has = np.flatnonzero(self.opinions.predicted != NO_NAME)
        images = self.boxes.owners[self.rows[has]]
        return measure_information(
            self.opinions.predicted[has], self.given[has], images, self.names
        )


def find_sources(dataset: Any, pred_field: str, gt_field: str, index_key: str) -> Sources:
    """Finds the signals; those that are named must exist, others are looked for.

    Raises:
        InputError: there is no signal at all, no such index, or several to choose from.
        DatasetError: a field holds no boxes, or no labels.
    """
    path = labels_path(dataset, gt_field)
    if dataset.count(f"{path}.label") == 0:
        raise _no_labels(dataset, gt_field)
    if pred_field == gt_field:
        raise DatasetError(f"the labels in {gt_field!r} cannot be judged by themselves")
    if pred_field == MODEL_PREDICTIONS and dataset.get_field(pred_field) is None:
        pred_field = ""
    if pred_field:
        labels_path(dataset, pred_field)
    keys = indexes_of(dataset, gt_field)
    known = ", ".join(keys) or "none"
    boxes = pictured(dataset, gt_field)
    default = similarity_key(DEFAULT_MODEL, boxes)
    if index_key and index_key not in keys:
        shown = "boxes" if boxes else "crops"
        problem = (
            f"{index_key!r} is no similarity index of the {shown} in {gt_field!r} (there are: "
            f"{known}); run build_similarity_index with patches_field {gt_field!r} first"
        )
        raise InputError("find_label_errors", [Fault("index_key", problem)])
    if not index_key and len(keys) > 1 and default not in keys:
        raise InputError("find_label_errors", [Fault("index_key", f"name one of {known}")])
    if not index_key and keys:
        index_key = keys[0]
    if not pred_field and not index_key:
        raise _no_signal("there are no predictions", "there is no similarity index")
    return Sources(gt_field, pred_field, index_key)


def read_labelled(dataset: Any, sources: Sources, taxonomy: Taxonomy) -> Labelled:
    """Reads the labelled boxes and what was predicted for them."""
    # Without predictions the labels are read on both sides, and the second is not looked at.
    pred_field = sources.pred_field or sources.gt_field
    boxes = read_evaluated_boxes(dataset, sources.gt_field, pred_field)
    truth, predicted = boxes.truth.boxes, boxes.predictions.boxes
    rows = np.flatnonzero([label is not None for label in truth.labels])
    if not len(rows):
        raise _no_labels(dataset, sources.gt_field)
    labels = [truth.labels[row] for row in rows.tolist()]
    if not sources.pred_field:
        names = Names.of([label for label in labels if label], taxonomy)
        return Labelled(boxes, rows, names.positions(labels), names, None)
    nobody = np.zeros(len(predicted), bool)
    partners = match_boxes(truth, predicted, LEAST_IOU, barred=nobody).of_truth[rows]
    concepts, table = _probabilities(dataset, sources.pred_field)
    used = (*labels, *predicted.labels, *concepts)
    names = Names.of([name for name in used if name], taxonomy)
    given = names.positions(labels)
    answers = names.positions(
        [None if one == NO_PARTNER else predicted.labels[one] for one in partners.tolist()]
    )
    has = np.flatnonzero(answers != NO_NAME).tolist()
    if not has:
        return Labelled(boxes, rows, given, names, None)
    confidences = np.full(len(rows), np.nan)
    shares = np.full((len(rows), len(names)), np.nan, np.float32) if table else None
    columns = names.positions(concepts)
    for box in has:
        confidence = predicted.confidences[partners[box]]
        if confidence is not None and 0 <= confidence <= 1:
            confidences[box] = confidence
        of_all = table.get(predicted.ids[partners[box]])
        if shares is not None and of_all is not None:
            shares[box] = 0.0
            shares[box, columns] = of_all
    return Labelled(boxes, rows, given, names, Opinions(answers, confidences, shares))


def read_known(dataset: Any, labelled: Labelled, gt_field: str) -> Known:
    """What people have said of the labels of ``labelled.rows``."""
    path = labels_path(dataset, gt_field)
    if dataset.get_field(f"{path}.{REVIEW_STATE}") is None:
        return Known.nothing(len(labelled.rows))
    states = {
        str(box["_id"]): state_of(box)
        for image in read_images(dataset, boxes={path: ("label", *VERDICT_KEYS)})
        for box in boxes_in(image, path)
    }
    said = [states.get(labelled.boxes.ids[row]) for row in labelled.rows.tolist()]
    right, wrong = ([one in some for one in said] for some in (RIGHT, ("rejected",)))
    return Known(np.array(right, bool), np.array(wrong, bool))


def read_looks(dataset: Any, sources: Sources, labelled: Labelled) -> Looks | None:
    """The vectors of labelled boxes in an index; None without boxes to compare."""
    if not sources.index_key:
        return None
    index = open_index(dataset, sources.index_key)
    if not len(index.ids):
        return None
    place = {one: number for number, one in enumerate(index.ids)}
    owners, samples = labelled.boxes.owners, labelled.all_boxes.sample_ids
    members = [
        index.member(samples[owners[row]], labelled.boxes.ids[row])
        for row in labelled.rows.tolist()
    ]
    places = np.array([place.get(one, -1) for one in members], np.intp)
    # A vector of zeros is like nothing.
    has = np.flatnonzero((places >= 0) & (index.rows.inverse[places] > 0))
    kept = places[has]
    images = owners[labelled.rows[has]]
    if not index.patches_field:
        # Crops out of one image know it by its address.
        urls = image_columns(dataset, ("source_url",))["source_url"]
        first: dict[str, int] = {}
        frames = [
            first.setdefault(url or sample, place)
            for place, (url, sample) in enumerate(zip(urls, samples, strict=True))
        ]
        images = np.array(frames, np.intp)[images]
    if len(np.unique(images)) < 2:
        return None
    return Looks(has, index.rows.matrix[kept] * index.rows.inverse[kept, None], images)


def no_signal_found(sources: Sources) -> InputError:
    """The error for signals that concern none of the labelled boxes."""
    field, key = sources.pred_field, sources.index_key
    return _no_signal(
        f"no labelled box has a prediction in {field!r}" if field else "there are no predictions",
        f"the index {key!r} has no labelled box" if key else "there is no similarity index",
    )


def _no_labels(dataset: Any, gt_field: str) -> DatasetError:
    return DatasetError(
        f"no box in {gt_field!r} of dataset {dataset.name!r} has a label that could be wrong"
    )


def _no_signal(predictions: str, index: str) -> InputError:
    faults = [Fault("pred_field", predictions), Fault("index_key", index)]
    return InputError("find_label_errors", faults, _ADVICE)


def concepts_of_probabilities(dataset: Any, field: str) -> tuple[str, ...]:
    """The concepts of a field's probabilities; empty if unknown, or if its files differ in them."""
    records = read_import_records(dataset, field).values() if field else ()
    concepts = {record.concepts for record in records if record.concepts}
    return concepts.pop() if len(concepts) == 1 else ()


def _probabilities(
    dataset: Any, field: str
) -> tuple[tuple[str, ...], dict[str, npt.NDArray[np.float32]]]:
    """The concepts of a field's probabilities, and the probabilities of each predicted box.

    Empty if the concepts are unknown, or differ between the files that were imported.
    """
    names = concepts_of_probabilities(dataset, field)
    if not names or dataset.get_field(vector_path(dataset, field, PROBABILITIES)) is None:
        return (), {}
    vectors = read_vectors(dataset, field, PROBABILITIES)
    if vectors.matrix.shape[1] != len(names):
        return (), {}
    sound = np.isfinite(vectors.matrix).all(axis=1) & (vectors.matrix >= 0).all(axis=1)
    sound &= vectors.matrix.sum(axis=1) > 0
    return names, {vectors.ids[row]: vectors.matrix[row] for row in np.flatnonzero(sound).tolist()}
