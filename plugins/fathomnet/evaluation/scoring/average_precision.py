"""COCO's average precision of a detector's boxes, as pycocotools computes it."""

import contextlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...errors import SetupError
from .columns import Boxes

INSTALL: Final = "pip install pycocotools"
_DIGITS: Final = 6
"""Decimals of a pixel: relative rectangles times sizes are the file's numbers again, without which
boxes that overlap by exactly 0.5 would fall on either side."""

_ALL, _MOST = 0, 2
"""Where ``Params`` has all areas, and 100 detections an image."""

_Mask = npt.NDArray[np.bool_]
_Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ConceptPrecision:
    """The average precision of one concept.

    Attributes:
        concept: its name.
        boxes: annotated boxes, crowds apart.
        predictions: predicted boxes.
        map: over the overlaps 0.50, 0.55 ... 0.95; None without an annotated box.
        map_50: where an overlap of 0.5 is enough.
        map_75: where an overlap of 0.75 is enough.
    """

    concept: str
    boxes: int
    predictions: int
    map: float | None
    map_50: float | None
    map_75: float | None


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """COCO's twelve numbers, and those of each concept; None where there is nothing to average.

    Small boxes are of less than 32 x 32 pixels, large ones of more than 96 x 96. The recalls are
    those with the 1, 10 and 100 most confident boxes of an image and concept.
    """

    map: float | None
    map_50: float | None
    map_75: float | None
    map_small: float | None
    map_medium: float | None
    map_large: float | None
    recall_1: float | None
    recall_10: float | None
    recall_100: float | None
    recall_small: float | None
    recall_medium: float | None
    recall_large: float | None
    by_concept: tuple[ConceptPrecision, ...]


def require_pycocotools() -> None:
    """Checks that the library is there.

    Raises:
        SetupError: it is not; the message says how to install it.
    """
    try:
        import pycocotools.cocoeval  # noqa: F401  # whether it can be imported
    except ImportError:
        raise SetupError(
            "the average precision of a detector's boxes is computed by pycocotools, which is not "
            f"installed: {INSTALL}"
        ) from None


def average_precision(
    truth: Boxes,
    predictions: Boxes,
    areas: Sequence[float | None],
    sizes: npt.NDArray[np.float64],
    order: Sequence[int],
    truth_kept: _Mask,
    predictions_kept: _Mask,
) -> DetectionScores:
    """Scores boxes by ``COCOeval``, concept by concept, on the images that have any of it.

    A concept's curve depends on no image without it, so that this ends as one run over all would.

    Args:
        truth: the annotated boxes; those without a label are left out.
        predictions: the predicted boxes; without a confidence they come last.
        areas: (T,) square pixels that the catalog gives of an annotated box; None for its
            rectangle's.
        sizes: (I, 2) width and height of each image; 0 where they are unknown, which leaves the
            numbers by size out.
        order: (I,) the rank of each image: boxes of equal confidence count in this order.
        truth_kept: (T,) which annotated boxes count.
        predictions_kept: (P,) which predictions count.

    Raises:
        SetupError: pycocotools is not installed.
    """
    require_pycocotools()
    from pycocotools.cocoeval import COCOeval

    own = _rows(truth, sizes, order, truth_kept)
    theirs = _rows(predictions, sizes, order, predictions_kept)
    for one, row in own.items():
        given = areas[one]
        row["iscrowd"] = int(truth.crowds[one])
        row["area"] = row["area"] if given is None else given
    for one, row in theirs.items():
        confidence = predictions.confidences[one]
        row["score"] = -1.0 if confidence is None else confidence
    by_concept: dict[str, tuple[_Rows, _Rows]] = {}
    for boxes, rows, side in ((truth, own, 0), (predictions, theirs, 1)):
        for one, row in rows.items():
            by_concept.setdefault(boxes.labels[one] or "", ([], []))[side].append(row)
    names = sorted(by_concept)
    # pycocotools prints what it does, and has no switch for it.
    with contextlib.redirect_stdout(io.StringIO()):
        whole = COCOeval(iouType="bbox")
        curves = [_curves(*by_concept[name], whole.params) for name in names]
        precision = np.concatenate([one for one, _ in curves], axis=2)
        recall = np.concatenate([one for _, one in curves], axis=1)
        whole.eval = {"precision": precision, "recall": recall}
        whole.summarize()
    stats = [_or_none([float(value)]) for value in whole.stats]
    used = {
        boxes.owners[one] for boxes, rows in ((truth, own), (predictions, theirs)) for one in rows
    }
    if not (sizes[sorted(used)] > 0).all():
        stats[3:6] = stats[9:12] = [None] * 3
    half, three_quarters = (int(np.argmin(abs(whole.params.iouThrs - t))) for t in (0.5, 0.75))
    of_concepts = tuple(
        ConceptPrecision(
            name,
            sum(not row["iscrowd"] for row in by_concept[name][0]),
            len(by_concept[name][1]),
            *(_or_none(one) for one in (curve, curve[half], curve[three_quarters])),
        )
        for name, curve in zip(names, np.moveaxis(precision[..., _ALL, _MOST], 2, 0), strict=True)
    )
    names_of_stats = [one.name for one in fields(DetectionScores)][: len(stats)]
    found: dict[str, Any] = dict(zip(names_of_stats, stats, strict=True))
    return DetectionScores(**found, by_concept=of_concepts)


def _rows(
    boxes: Boxes, sizes: npt.NDArray[np.float64], order: Sequence[int], kept: _Mask
) -> dict[int, dict[str, Any]]:
    """COCO's rows of the labelled boxes that count, by their positions."""
    labelled = np.array([label is not None for label in boxes.labels], bool)
    chosen = np.flatnonzero(kept & labelled)
    sides = np.tile(sizes[boxes.owners[chosen]], 2)
    known = (sides > 0).all(axis=1)
    pixels = boxes.rectangles[chosen].copy()
    pixels[known] = np.round(pixels[known] * sides[known], _DIGITS)
    areas = pixels[:, 2] * pixels[:, 3]
    columns = (chosen.tolist(), boxes.owners[chosen].tolist(), pixels.tolist(), areas.tolist())
    return {
        # COCOeval takes an id of 0 for no match.
        one: {"id": one + 1, "image_id": order[owner], "category_id": 1, "bbox": box, "area": area}
        for one, owner, box, area in zip(*columns, strict=True)
    }


def _curves(
    annotated: _Rows, predicted: _Rows, params: Any
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Precision (T, R, 1, A, M) and recall (T, 1, A, M) of one concept; -1 where there is none.

    Args:
        annotated: COCO's rows of its annotated boxes.
        predicted: and of its predicted boxes.
        params: COCOeval's own.
    """
    from pycocotools.cocoeval import COCOeval

    areas, most = params.areaRng, params.maxDets
    shape = (len(params.iouThrs), 1, len(areas), len(most))
    precision, recall = -np.ones((shape[0], len(params.recThrs), *shape[1:])), -np.ones(shape)
    if not annotated:
        return precision, recall
    # As COCOeval goes through them: image by image, the surest first, equals in their order.
    own = sorted(annotated, key=lambda row: row["image_id"])
    theirs = sorted(predicted, key=lambda row: (row["image_id"], -row["score"]))
    images = np.array([row["image_id"] for row in theirs], np.int64)
    places = np.arange(len(theirs)) - np.searchsorted(images, images)
    theirs = [row for row, place in zip(theirs, places.tolist(), strict=True) if place < most[-1]]
    places = places[places < most[-1]]
    outcomes = _match(own, theirs, params)
    for at, number in enumerate(most):
        evaluation = COCOeval(iouType="bbox")
        # Of fewer detections than most only the recall over all sizes is asked for.
        evaluation.params.areaRng = areas if at == _MOST else areas[:1]
        evaluation.params.maxDets = [max(len(theirs), 1)]
        evaluation.params.imgIds = evaluation.params.catIds = [1]
        evaluation._paramsEval = evaluation.params
        kept = places < number
        evaluation.evalImgs = [
            {
                "dtScores": scores[kept],
                "dtMatches": matched[:, kept],
                "dtIgnore": ignored[:, kept],
                "gtIgnore": own_ignored,
            }
            for scores, matched, ignored, own_ignored in outcomes[: len(evaluation.params.areaRng)]
        ]
        evaluation.accumulate()
        found, sizes = evaluation.eval, len(evaluation.params.areaRng)
        precision[..., :sizes, at] = found["precision"][..., 0]
        recall[..., :sizes, at] = found["recall"][..., 0]
    return precision, recall


_Outcome = tuple[npt.NDArray[np.float64], _Mask, _Mask, _Mask]
"""Scores (D,), and whether a prediction is matched (T, D) or ignored (T, D), a box ignored (G,)."""


def _match(own: _Rows, theirs: _Rows, params: Any) -> list[_Outcome]:
    """Matches one concept's boxes at each overlap, for each range of sizes.

    Where a prediction overlaps one annotated box enough, and that box no other prediction, there
    is nothing to decide; images on which there is are matched by COCOeval.

    Args:
        own: the annotated boxes, image by image.
        theirs: the predictions, image by image, the surest first.
        params: COCOeval's own.
    """
    images, of_image = (
        np.array([row["image_id"] for row in rows], np.int64) for rows in (own, theirs)
    )
    starts, ends = (np.searchsorted(images, of_image, side) for side in ("left", "right"))
    counts = ends - starts
    ones = np.repeat(np.arange(len(theirs)), counts)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    boxes = np.repeat(starts, counts) + within
    crowds = np.array([row["iscrowd"] for row in own], bool)
    ours, found = (
        np.array([row["bbox"] for row in rows], np.float64).reshape(-1, 4) for rows in (own, theirs)
    )
    overlaps = _overlaps(ours[boxes], found[ones], crowds[boxes])
    # COCOeval's own thresholds.
    least = np.minimum(params.iouThrs, 1 - 1e-10)
    enough = overlaps >= least[0]
    ones, boxes, overlaps = ones[enough], boxes[enough], overlaps[enough]
    disputed = (np.bincount(ones, minlength=len(theirs))[ones] > 1) | (
        np.bincount(boxes, minlength=len(own))[boxes] > 1
    )
    open_images = set(of_image[ones[disputed]].tolist())

    matched = np.zeros((len(least), len(theirs)), bool)
    matched[:, ones] = overlaps >= least[:, None]
    partner = np.zeros(len(theirs), np.intp)
    partner[ones] = boxes
    scores = np.array([row["score"] for row in theirs], np.float64)
    outcomes: list[_Outcome] = []
    areas, own_areas = (np.array([row["area"] for row in rows]) for rows in (theirs, own))
    for smallest, greatest in params.areaRng:
        own_ignored = crowds | (own_areas < smallest) | (own_areas > greatest)
        outside = (areas < smallest) | (areas > greatest)
        ignored = np.where(matched, own_ignored[partner], outside)
        of_range = matched.copy()
        for one in _decide(own, theirs, open_images, [smallest, greatest]):
            at = [id_ - 1 for id_ in one["dtIds"]]
            of_range[:, at] = one["dtMatches"] > 0
            ignored[:, at] = one["dtIgnore"]
        outcomes.append((scores, of_range, ignored, own_ignored))
    return outcomes


def _decide(own: _Rows, theirs: _Rows, images: set[int], area: list[float]) -> list[dict[str, Any]]:
    """What COCOeval makes of the boxes on some images; a prediction's id is its place, from 1."""
    if not images:
        return []
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    sides = []
    for rows in (own, theirs):
        side = COCO()
        side.dataset = {
            "images": [{"id": id_} for id_ in sorted(images)],
            "categories": [{"id": 1}],
            "annotations": [
                row | {"id": number}
                for number, row in enumerate(rows, start=1)
                if row["image_id"] in images
            ],
        }
        side.createIndex()
        sides.append(side)
    evaluation = COCOeval(*sides, iouType="bbox")
    evaluation.params.areaRng = [area]
    evaluation.evaluate()
    return [one for one in evaluation.evalImgs if one is not None]


def _overlaps(
    own: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], crowds: _Mask
) -> npt.NDArray[np.float64]:
    """Intersection over union of pairs of boxes, in the steps of pycocotools' ``bbIou``."""
    corner = np.maximum(own[:, :2], theirs[:, :2])
    sides = np.minimum(own[:, :2] + own[:, 2:], theirs[:, :2] + theirs[:, 2:]) - corner
    shared = np.where((sides > 0).all(axis=1), sides[:, 0] * sides[:, 1], 0.0)
    areas, own_areas = (rows[:, 2] * rows[:, 3] for rows in (theirs, own))
    union = np.where(crowds, areas, areas + own_areas - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def _or_none(values: Iterable[float]) -> float | None:
    """The mean of what COCOeval gives, where -1 stands for nothing to average."""
    there = np.asarray(values)
    there = there[there > -1]
    return float(there.mean()) if there.size else None
