"""The result of an evaluation: how good the predictions are, and how certain that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..taxonomy import Taxonomy
from ..taxonomy.tree import MAX_DISTANCE
from .boxes import EvaluatedBoxes
from .scoring.columns import Pairs
from .scoring.judging import Judgement
from .scoring.matching import NO_PARTNER
from .scoring.scores import (
    Agreement,
    HierarchicalScore,
    Interval,
    RankScore,
    agreement,
    bootstrap_intervals,
    hierarchical_score,
    rank_table,
)

NAMES_KEPT: Final = 50
"""The most unknown names that a result lists."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """How good predictions are.

    Boxes are annotated ones with a true label. A box without a prediction counts as wrong, at the
    greatest distance, as an empty name would. Distances are those of the boxes whose true name is
    in the taxonomy: the others are at no place from which one could be measured. The two
    ``..._of_predicted`` leave boxes without a prediction out, like the competition, which scored
    submitted rows.

    Attributes:
        eval_key: key of the evaluation.
        boxes: how many boxes were scored.
        accuracy: the share of boxes whose prediction is the true name.
        accuracy_interval: 95 % of the bootstrap's draws; None if there are too few groups.
        mean_taxonomic_distance: 0 is best, 12 worst; None where it is not applicable, because no
            true name is in the taxonomy.
        mean_taxonomic_distance_interval: as for accuracy.
        interval_by: the groups that the bootstrap draws: ``dive`` or ``image``.
        ranks: accuracy and macro F1 at the seven ranks.
        agreement: right, too coarse, too fine, elsewhere, missing.
        hierarchical: hierarchical precision, recall and F1.
        boxes_without_prediction: scored boxes without a prediction.
        accuracy_of_predicted: accuracy over the boxes with a prediction.
        mean_taxonomic_distance_of_predicted: mean distance over the boxes with a prediction.
        unlabelled_boxes: boxes without a true label; they and their predictions are left out.
        boxes_not_predicted: boxes in splits without any prediction; they are left out.
        predictions_without_box: predictions that match no box. They lower FiftyOne's precision,
            but no score here.
        matched_by_annotation_id: predictions that were matched by annotation id, not by overlap.
        unknown_names: true or predicted names that state no taxon of the tree, the first
            ``NAMES_KEPT``. A box with such a true name has no distance; such a prediction for
            another box scores 12.
        repeated_boxes: boxes without a prediction that repeat exactly one which has a prediction;
            they are left out.
        boxes_without_distance: scored boxes whose true name states no taxon of the tree.
    """

    eval_key: str
    boxes: int
    accuracy: float
    accuracy_interval: Interval | None
    mean_taxonomic_distance: float | None
    mean_taxonomic_distance_interval: Interval | None
    interval_by: str
    ranks: tuple[RankScore, ...]
    agreement: Agreement
    hierarchical: HierarchicalScore
    boxes_without_prediction: int
    accuracy_of_predicted: float | None
    mean_taxonomic_distance_of_predicted: float | None
    unlabelled_boxes: int
    boxes_not_predicted: int
    predictions_without_box: int
    matched_by_annotation_id: int
    unknown_names: tuple[str, ...]
    repeated_boxes: int = 0
    boxes_without_distance: int = 0


@dataclass(frozen=True, slots=True)
class Scored:
    """The boxes that were read, and how they were scored.

    Attributes:
        boxes: the annotated and the predicted boxes.
        judgement: which prediction matches which box, and what counts.
        pairs: the boxes that count, with their predictions.
        rows: (P,) the judgement's row of each pair.
        images_kept: (I,) the images whose split has a prediction.
    """

    boxes: EvaluatedBoxes
    judgement: Judgement
    pairs: Pairs
    rows: npt.NDArray[np.intp]
    images_kept: npt.NDArray[np.bool_]

    @property
    def distances(self) -> npt.NDArray[np.int64]:
        """(R,) the distance of every row that is a pair; 12 for the others."""
        found = np.full(len(self.judgement.row_truth), MAX_DISTANCE, np.int64)
        found[self.rows] = self.pairs.distances
        return found


def result_of(scored: Scored, eval_key: str, taxonomy: Taxonomy) -> EvaluationResult:
    """The result of an evaluation with this key."""
    pairs, judgement = scored.pairs, scored.judgement
    truth = scored.boxes.truth.boxes
    right, distances = pairs.right, pairs.distances
    alone = judgement.row_prediction[scored.rows] == NO_PARTNER
    # The group of each pair, numbered from 0: its dive if dives are known, otherwise its image.
    dives = scored.boxes.dives
    by = "dive" if any(dive is not None for dive in dives) else "image"
    numbers: dict[Any, int] = {}
    of_image = [
        numbers.setdefault(image if dive is None else dive, len(numbers))
        for image, dive in enumerate(dives)
    ]
    owners = truth.owners[judgement.row_truth[scored.rows]]
    groups = np.unique(np.array(of_image, np.intp)[owners], return_inverse=True)[1]
    values = np.stack([right, distances], axis=1).astype(np.float64)
    bounds: tuple[Interval | None, ...] = (None, None)
    bounds = bootstrap_intervals(values, groups.astype(np.intp)) or bounds
    on_tree = pairs.on_tree
    if not on_tree.all():
        some = np.unique(groups[on_tree], return_inverse=True)[1].astype(np.intp)
        of_some = bootstrap_intervals(values[on_tree, 1:], some) if on_tree.any() else None
        bounds = (bounds[0], of_some[0] if of_some else None)
    predicted = ~alone
    labelled = np.array([label is not None for label in truth.labels], bool)
    kept = scored.images_kept[truth.owners]
    unknown = {
        name
        for names in (set(pairs.true), set(pairs.predicted))
        for name in names
        if name is not None and not taxonomy.stated(name)
    }
    return EvaluationResult(
        eval_key=eval_key,
        boxes=len(pairs),
        accuracy=float(right.mean()),
        accuracy_interval=bounds[0],
        mean_taxonomic_distance=_mean(distances[on_tree]),
        mean_taxonomic_distance_interval=bounds[1],
        interval_by=by,
        ranks=rank_table(pairs, taxonomy),
        agreement=agreement(pairs, taxonomy),
        hierarchical=hierarchical_score(pairs, taxonomy),
        boxes_without_prediction=int(alone.sum()),
        accuracy_of_predicted=_mean(right[predicted]),
        mean_taxonomic_distance_of_predicted=_mean(distances[predicted & on_tree]),
        unlabelled_boxes=int((~labelled & kept).sum()),
        boxes_not_predicted=int((labelled & ~kept).sum()),
        predictions_without_box=int((judgement.row_truth == NO_PARTNER).sum()),
        matched_by_annotation_id=judgement.matches.by_annotation_id,
        unknown_names=tuple(sorted(unknown)[:NAMES_KEPT]),
        repeated_boxes=int((labelled & kept & ~judgement.truth_kept).sum()),
        boxes_without_distance=int((~on_tree).sum()),
    )


def _mean(values: Sequence[Any] | npt.NDArray[Any]) -> float | None:
    return float(np.mean(values)) if len(values) else None
