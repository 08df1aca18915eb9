"""In which order labels are looked at, and what each order needs."""

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import numpy as np

from ..dataset import columns
from ..dataset.schema import labels_path, labels_path_if_any
from ..dataset.vectors import read_vectors
from ..errors import DatasetError
from ..names import (
    ANNOTATION_ID,
    MARGIN,
    MODEL_PREDICTIONS,
    PROBABILITIES,
    SUSPICION,
)
from ..similarity.index import indexes_of, open_index

Order = Literal["suspicion", "margin", "cluster", "concept", "random"]
Box = tuple[str, str]
"""Sample id and label id."""

_MOST_CLUSTERS: Final = 100


def dice_of(name: str) -> random.Random:
    """Dice that fall the same way whenever they are thrown for a name."""
    return random.Random(hashlib.sha256(name.encode()).hexdigest())  # noqa: S311 no secret


def require_order(dataset: Any, field: str, path: str, order: Order) -> None:
    """Refuses an order for which something is missing.

    Raises:
        DatasetError: scores, probabilities or vectors are not there.
    """
    if order == "suspicion" and dataset.get_field(f"{path}.{SUSPICION}") is None:
        raise DatasetError(
            f"the labels of {field} have no suspicion: run find_label_errors first, or choose "
            "another order"
        )
    predicted = labels_path_if_any(dataset, MODEL_PREDICTIONS)
    numbers = (f"{predicted}.{ANNOTATION_ID}", f"{path}.{ANNOTATION_ID}")
    surety = (f"{predicted}.{MARGIN}", f"{predicted}.{PROBABILITIES}")
    are_paired = all(dataset.get_field(one) is not None for one in numbers)
    if order == "margin" and not (
        are_paired and any(dataset.get_field(one) is not None for one in surety)
    ):
        raise DatasetError(
            f"there are no probabilities in {MODEL_PREDICTIONS} for the boxes of {field}: run "
            "import_predictions with a file that has them, or choose another order"
        )
    if order == "cluster" and not indexes_of(dataset, field):
        raise DatasetError(
            f"there is no similarity index of the boxes of {field}: run compute_embeddings and "
            "build_similarity_index first, or choose another order"
        )


def in_order(dataset: Any, field: str, order: Order, name: str, boxes: list[Box]) -> list[Box]:
    """Boxes in an order; those of which nothing is known come last.

    Args:
        dataset: a FiftyOne dataset.
        field: the field of the boxes.
        order: which.
        name: of the round, by which they are mixed.
        boxes: sample id and label id of each.
    """
    path = labels_path(dataset, field)
    if order == "random":
        mixed = boxes.copy()
        dice_of(name).shuffle(mixed)
        return mixed
    places: dict[str, Callable[[], Mapping[str, Any]]] = {
        "suspicion": lambda: {
            label: -value for _, label, value in _attribute(dataset, path, SUSPICION)
        },
        "margin": lambda: _by_margin(dataset, path),
        "cluster": lambda: _by_cluster(dataset, field, boxes),
        "concept": lambda: {label: name for _, label, name in _attribute(dataset, path, "label")},
    }
    place = places[order]()
    known = sorted((box for box in boxes if box[1] in place), key=lambda box: place[box[1]])
    return known + [box for box in boxes if box[1] not in place]


def _attribute(dataset: Any, path: str, name: str) -> Iterator[tuple[str, str, Any]]:
    """Of each box that has an attribute: sample id, label id and value."""
    for image in columns.read_images(dataset, boxes={path: (name,)}):
        for box in columns.boxes_in(image, path):
            if box.get(name) is not None:
                yield str(image["_id"]), str(box["_id"]), box[name]


def _by_margin(dataset: Any, path: str) -> dict[str, float]:
    """By each box, how far apart the predicted name and the second-best one are.

    An import keeps that on each predicted box as its margin, which is negative where another name
    is more probable than the predicted one. Boxes of an import before it did so have probabilities
    alone, of which the two greatest are compared.
    """
    predicted = labels_path(dataset, MODEL_PREDICTIONS)
    of_number: dict[tuple[str, int], float] = {}
    without: dict[str, tuple[str, int]] = {}
    for image in columns.read_images(dataset, boxes={predicted: (ANNOTATION_ID, MARGIN)}):
        for box in columns.boxes_in(image, predicted):
            if (number := box.get(ANNOTATION_ID)) is None:
                continue
            key = (str(image["_id"]), number)
            if (margin := box.get(MARGIN)) is not None:
                of_number[key] = abs(margin)
            else:
                without[str(box["_id"])] = key
    if without and dataset.get_field(f"{predicted}.{PROBABILITIES}") is not None:
        vectors = read_vectors(dataset, MODEL_PREDICTIONS, PROBABILITIES)
        rows = [row for row, label in enumerate(vectors.ids) if label in without]
        if rows and vectors.matrix.shape[1] > 1:
            best = np.sort(vectors.matrix[rows], axis=1)[:, -2:]
            keys = (without[vectors.ids[row]] for row in rows)
            of_number.update(zip(keys, (best[:, 1] - best[:, 0]).tolist(), strict=True))
    return {
        label: of_number[sample, number]
        for sample, label, number in _attribute(dataset, path, ANNOTATION_ID)
        if (sample, number) in of_number
    }


def _by_cluster(dataset: Any, field: str, boxes: list[Box]) -> dict[str, tuple[int, int, float]]:
    """By each box, its cluster, the largest first, and how far it is from the middle of it."""
    from sklearn.cluster import MiniBatchKMeans

    index = open_index(dataset, indexes_of(dataset, field)[0])
    label_of = {index.member(*box): box[1] for box in boxes}
    rows = [row for row, one in enumerate(index.ids) if one in label_of]
    if not rows:
        return {}
    matrix = index.rows.matrix[rows] * index.rows.inverse[rows, None]
    number = max(1, min(_MOST_CLUSTERS, round((len(rows) / 2) ** 0.5)))
    clusters = MiniBatchKMeans(number, random_state=0, n_init=3).fit(matrix)
    of_row = clusters.labels_.tolist()
    far = np.linalg.norm(matrix - clusters.cluster_centers_[clusters.labels_], axis=1).tolist()
    sizes = Counter(of_row)
    return {
        label_of[index.ids[row]]: (-sizes[cluster], cluster, distance)
        for row, cluster, distance in zip(rows, of_row, far, strict=True)
    }
