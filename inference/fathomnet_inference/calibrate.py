"""Calibrates the model's confidence: fits one temperature to boxes whose concept is known.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017): dividing all logits by one
number leaves every argmax unchanged and makes the probabilities mean what they say.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from fathomnet_voxel51.errors import Fault, InputError
from fathomnet_voxel51.files import decode, read_source, write_whole
from fathomnet_voxel51.names import ANNOTATION_ID
from fathomnet_voxel51.prediction_files import IMAGE_ID
from fathomnet_voxel51.taxonomy import folded

from .annotations import Annotations, read_annotations
from .decide import Floats, probabilities
from .results import read_results

COLDEST: Final = 0.05
HOTTEST: Final = 20.0
STEPS: Final = 60
"""Of golden section search: each leaves 0.618 of the interval, so the last is below rounding."""
SMALLEST: Final = float(np.finfo(np.float32).smallest_subnormal)
"""Replaces a probability that single precision rounded to 0."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fitted temperature and where it comes from.

    Attributes:
        temperature: for ``run --temperature``; it replaces the temperature of the predictions.
        boxes: the number of boxes with a known concept, to which it was fitted.
        unknown_labels: boxes that were left out, because the model does not know their label.
        nll_before: mean negative log-likelihood of the labels, as predicted.
        nll_after: the same at the new temperature.
        accuracy: share of boxes whose likeliest concept is the label; no temperature changes it.
        checkpoint_sha256: of the model; the temperature does not apply to any other.
        annotations_sha256: of the labelled file.
    """

    temperature: float
    boxes: int
    unknown_labels: int
    nll_before: float
    nll_after: float
    accuracy: float
    checkpoint_sha256: str
    annotations_sha256: str


def calibrate(annotations: str | Path, predictions: str | Path, output: str | Path) -> Calibration:
    """Fits a temperature and writes it to a JSON file.

    Args:
        annotations: COCO file with the concepts of at least some boxes.
        predictions: folder of a run on the same boxes. The model is too sure about boxes that it
            was trained on, so use boxes that it has not seen.
        output: the JSON file; replaced if it exists.

    Raises:
        InputError: the two do not belong together, or no box has a label that the model knows.
    """
    labelled = read_annotations(annotations)
    results, manifest = read_results(Path(predictions))
    ids = results.rows[ANNOTATION_ID].to_pylist()
    _check_same_boxes(labelled, dict(zip(ids, results.rows[IMAGE_ID].to_pylist(), strict=True)))
    labels = [labelled.labels.get(box) for box in ids]
    place = {folded(name): at for at, name in enumerate(manifest["concepts"])}
    places = np.array(
        [-1 if one is None else place.get(folded(one), -1) for one in labels], np.intp
    )
    known = places >= 0
    if not known.any():
        problem = "no predicted box has a label that the model knows"
        raise InputError(str(annotations), [Fault("annotations", problem)])
    shares, truth = results.probabilities[known].astype(np.float64), places[known]
    factor = fit_temperature(shares, truth)
    calibration = Calibration(
        temperature=round(float(manifest["settings"]["temperature"]) * factor, 6),
        boxes=len(truth),
        unknown_labels=sum(label is not None for label in labels) - len(truth),
        nll_before=negative_log_likelihood(shares, truth, 1.0),
        nll_after=negative_log_likelihood(shares, truth, factor),
        accuracy=float((shares.argmax(axis=1) == truth).mean()),
        checkpoint_sha256=manifest["checkpoint"]["sha256"],
        annotations_sha256=labelled.sha256,
    )
    write_whole(Path(output), (json.dumps(asdict(calibration), indent=2) + "\n").encode())
    return calibration


def fit_temperature(shares: Floats, truth: npt.NDArray[np.intp]) -> float:
    """The temperature at which the truth is likeliest, by golden section over its logarithm.

    The mean negative log-likelihood is convex in the inverse of the temperature, so it has one
    minimum.

    Args:
        shares: probabilities, (boxes, concepts).
        truth: index of each box's concept.

    Returns:
        The number by which to divide the logarithms of the probabilities, between COLDEST and
        HOTTEST.

    Examples:
        A model is 90 % sure but right in three of four cases, so odds of 9 should be odds of 3:

        >>> round(fit_temperature(np.array([[0.9, 0.1]] * 4), np.array([0, 0, 0, 1])), 3)
        2.0
    """
    golden = (math.sqrt(5) - 1) / 2
    low, high = math.log(COLDEST), math.log(HOTTEST)

    def cost(at: float) -> float:
        return negative_log_likelihood(shares, truth, math.exp(at))

    left, right = high - golden * (high - low), low + golden * (high - low)
    cost_left, cost_right = cost(left), cost(right)
    for _ in range(STEPS):
        if cost_left <= cost_right:
            high, right, cost_right = right, left, cost_left
            left = high - golden * (high - low)
            cost_left = cost(left)
        else:
            low, left, cost_left = left, right, cost_right
            right = low + golden * (high - low)
            cost_right = cost(right)
    return math.exp((low + high) / 2)


def negative_log_likelihood(
    shares: Floats, truth: npt.NDArray[np.intp], temperature: float
) -> float:
    """Mean negative log-likelihood of the truth at a temperature relative to the present one.

    Examples:
        >>> even_odds, truth = np.array([[0.5, 0.5]]), np.array([0])
        >>> math.isclose(negative_log_likelihood(even_odds, truth, temperature=1.0), math.log(2))
        True
    """
    logits = np.log(np.maximum(shares, SMALLEST))
    likely = probabilities(logits, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(likely, SMALLEST)).mean())


def read_temperature(given: str, checkpoint_sha256: str) -> float:
    """The temperature that a user gave, as a number or as the file of a calibration.

    Args:
        given: a number or a path.
        checkpoint_sha256: of the model to which it applies.

    Raises:
        InputError: it is neither, or the calibration is for another checkpoint.
    """
    try:
        return _checked(float(given), given, "temperature")
    except ValueError:
        pass
    source = read_source(given)
    try:
        content = json.loads(decode(source))
        temperature = float(content["temperature"])
        made_for = str(content["checkpoint_sha256"])
    except (ValueError, TypeError, KeyError, RecursionError):
        problem = "was not written by fathomnet-infer calibrate"
        raise InputError(source.subject, [Fault("file", problem)]) from None
    if made_for != checkpoint_sha256:
        problem = f"was fitted to checkpoint {made_for[:12]}..., not {checkpoint_sha256[:12]}..."
        raise InputError(source.subject, [Fault("checkpoint_sha256", problem)])
    return _checked(temperature, source.subject, "temperature")


def _checked(temperature: float, subject: str, place: str) -> float:
    if not 0.01 <= temperature <= 100:
        raise InputError(subject, [Fault(place, f"{temperature:g} is not within 0.01 and 100")])
    return temperature


def _check_same_boxes(labelled: Annotations, predicted: Mapping[int, int]) -> None:
    """Refuses predictions of another split, whose boxes have the same ids but are on other images.

    Raises:
        InputError: with every box that is on another image, or on none.
    """
    images = {box.annotation_id: image.image_id for image in labelled.images for box in image.boxes}
    faults = [
        Fault(f"annotation {box}", f"is on image {images.get(box)}, its prediction is for {image}")
        for box, image in predicted.items()
        if images.get(box) != image
    ]
    if faults:
        raise InputError(
            labelled.source, faults, "The predictions are about another file, or another split."
        )
