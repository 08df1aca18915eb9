"""What a model's predictions say about the true names of boxes, and whether they say anything.

Names that were drawn at random, that belong to other boxes or that are all the same disagree with
nearly every label. Bayes cannot tell that from labels that are nearly all wrong, so it is measured
first, as how much nearer to the labels, on the tree of life, the predicted names are than the same
names dealt out to the boxes at random:

    closeness = 1 - (mean distance of prediction and label) / (mean distance of shuffled names)

This is Cohen's weighted kappa, with the taxonomic distance as the weight (J. Cohen, "Weighted
kappa", Psychological Bulletin 70, 1968): 1 where all names agree, 0 where they are no nearer than
by chance. A name that is constant gains nothing by being frequent; a coarser name of the right
lineage gains something. Between names that the tree does not know it is the plain kappa.

Boxes of one image are alike, in their labels and in their predictions, so the interval takes images
as drawn, not boxes: it is that of sums by image (the sandwich estimator), with Student's t for as
many degrees of freedom as there are images but one. With few boxes it is too sure of itself (with
two that agree it would be a point), and names are also shuffled in fact.

What predictions that pass say of the true names of boxes is weighed with all else (``weighing``).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..taxonomy.tree import MAX_DISTANCE
from ..text import counted
from .evidence import (
    LEAST,
    NO_NAME,
    Evidence,
    Mask,
    Names,
    Positions,
    mixed_log_likelihood,
    row_blocks,
)

LEAST_CLOSENESS: Final = 0.2
"""Agreement of no more than this is "slight" (Landis and Koch, "The measurement of observer
agreement for categorical data", 1977). Where there may be no more, a disagreement is far more
probably the model's error than the label's."""

FEW_BOXES: Final = 1_000
"""Below so many, names are also shuffled in fact."""

_SHUFFLES: Final = 999
_MOST_BY_CHANCE: Final = 0.025
"""The share of shuffles that may do as well: one tail of an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Information:
    """What predicted names say of labels.

    Attributes:
        boxes: labelled boxes for which a name was predicted.
        images: the images that these are on.
        agreement: the share of these whose name is the label.
        by_chance: the share that would be, with the same names dealt out at random.
        closeness: how much nearer on the tree the names are than by chance, 1 at most.
        at_least: lower end of its interval of 95 %.
        at_most: upper end.
        is_enough: whether labels can be judged by these names.
    """

    boxes: int
    images: int
    agreement: float
    by_chance: float
    closeness: float
    at_least: float
    at_most: float
    is_enough: bool

    def in_words(self, pred_field: str) -> str:
        """Why labels were not judged by the predictions of a field."""
        agree = counted(round(self.agreement * self.boxes), "name agrees", "names agree")
        return (
            f"{pred_field} says too little of the labels to call any of them wrong: {agree} of "
            f"{self.boxes:,}, and {self.by_chance * self.boxes:,.0f} would by chance. On the tree "
            f"they are {self.closeness:.0%} nearer than by chance ({self.at_least:.0%} to "
            f"{self.at_most:.0%}, by {counted(self.images, 'image', 'images')}; more than "
            f"{LEAST_CLOSENESS:.0%} is needed, for certain). Were they made for other boxes or "
            "another split? Labels were judged without them"
        )


def measure_information(
    predicted: Positions, given: Positions, images: Positions, names: Names
) -> Information:
    """Measures what the names predicted for N boxes say of their labels.

    Args:
        predicted: (N,) position of the predicted name of each, N at least 1.
        given: (N,) position of its label.
        images: (N,) number of the image that it is on.
        names: the K names.

    Examples:
        >>> names = Names(("Elpidia", "Peniagone"), np.array([[0, 2], [2, 0]]))
        >>> labels = np.array([0, 1] * 20)
        >>> constant = measure_information(np.zeros(40, int), labels, np.arange(40), names)
        >>> constant.agreement, constant.by_chance, constant.is_enough
        (0.5, 0.5, False)
        >>> measure_information(labels, labels, np.arange(40), names).is_enough
        True
    """
    from scipy.stats import t

    size = len(given)
    _, own = np.unique(images, return_inverse=True)
    drawn = int(own.max()) + 1
    shares = np.bincount(given, minlength=len(names)) / size
    answers = np.bincount(predicted, minlength=len(names)) / size
    agreement, luck = float((given == predicted).mean()), float(shares @ answers)
    to_labels, to_answers = names.distances @ shares, names.distances @ answers
    apart = names.distances[given, predicted].astype(np.float64)
    by_chance = float(answers @ to_labels)
    if not by_chance:
        # One name on both sides: nothing can be told from it.
        return Information(size, drawn, agreement, luck, 0.0, 0.0, 0.0, is_enough=False)
    share = float(apart.mean()) / by_chance
    # How far each box moves the closeness, by its own distance and by what it does to chance.
    moves = share * (to_labels[predicted] + to_answers[given] - 2 * by_chance) / by_chance
    moves -= (apart - apart.mean()) / by_chance
    half = np.inf
    if drawn > 1:
        spread = np.square(np.bincount(own, weights=moves)).sum() * drawn / (drawn - 1)
        half = float(t.ppf(0.975, drawn - 1) * np.sqrt(spread)) / size
    closeness = 1 - share
    at_least, at_most = max(closeness - half, -1.0), min(closeness + half, 1.0)
    is_enough = at_least > LEAST_CLOSENESS
    if is_enough and size < FEW_BOXES:
        random = np.random.default_rng(0)
        shuffled = (random.permutation(predicted) for _ in range(_SHUFFLES))
        as_near = sum(bool(names.distances[given, one].sum() <= apart.sum()) for one in shuffled)
        is_enough = (as_near + 1) / (_SHUFFLES + 1) <= _MOST_BY_CHANCE
    return Information(size, drawn, agreement, luck, closeness, at_least, at_most, is_enough)


Floats = npt.NDArray[np.float64]

_TEMPERATURES: Final = 2.0 ** np.linspace(-3, 3, 25)


@dataclass(frozen=True, slots=True)
class Opinions:
    """The predictions for N boxes, each as detailed as its file.

    Attributes:
        predicted: (N,) position of the predicted name; -1 if nothing was predicted.
        confidences: (N,) NaN if the file gives none.
        probabilities: (N, K) of all names; NaN in the rows for which the file gives none. None if
            it gives none at all.
    """

    predicted: Positions
    confidences: Floats
    probabilities: npt.NDArray[np.float32] | None


def evidence_of_predictions(
    opinions: Opinions, given: Positions, names: Names, wrong: Mask | None = None
) -> Evidence:
    """How much more likely a box's prediction makes each name, as logarithms.

    A prediction without probabilities is spread out: the predicted name gets its confidence (or,
    without one, the share of predictions that agree with the labels), and the other names share
    the rest by how often disagreements are as far away on the tree. Models are often too sure, or
    not sure enough, so confidences and probabilities are sharpened or softened until they predict
    the labels best. A model also has a prior of its own, namely what it says on average; that is
    divided out. A label that is known to be wrong measures nothing.

    Args:
        opinions: of N boxes.
        given: (N,) position of the label that each has.
        names: the K names.
        wrong: (N,) which labels are known to be wrong; None for none.

    Returns:
        The evidence; it says nothing about a box for which nothing was predicted.
    """
    evidence = Evidence.nothing(len(given), len(names))
    has = np.flatnonzero(opinions.predicted != NO_NAME)
    if not len(has):
        return evidence
    counted = np.ones(len(has), bool) if wrong is None else ~wrong[has]
    shares = _spread_out(opinions, has, given, names, counted)
    if opinions.probabilities is not None:
        own = opinions.probabilities[has].astype(np.float64)
        known = ~np.isnan(own[:, 0])
        shares[known] = _tempered(own[known], given[has][known], counted[known])
    shares = np.maximum(shares, LEAST)
    evidence.told[has] = True
    evidence.logs[has] = np.log(shares) - np.log(shares.mean(axis=0))
    return evidence


def _spread_out(
    opinions: Opinions, has: Positions, given: Positions, names: Names, counted: Mask
) -> Floats:
    """The probabilities of predictions that give a name and perhaps a confidence."""
    predicted, labels = opinions.predicted[has], given[has]
    agree = predicted == labels
    # One more at each distance, so that what was not seen here is not impossible.
    differ = ~agree & counted
    distances = names.distances[labels[differ], predicted[differ]]
    seen = np.bincount(distances, minlength=MAX_DISTANCE + 1).astype(np.float64) + 1.0
    others = names.by_distance(seen)[predicted]
    # The rule of succession: never quite 0 or 1.
    share = (agree[counted].sum() + 1) / (counted.sum() + 2)
    confidences = opinions.confidences[has]
    sure = np.clip(np.where(np.isnan(confidences), share, confidences), LEAST, 1 - LEAST)
    both = np.stack([sure, 1 - sure], axis=1)
    sure = _tempered(both, np.where(agree, 0, 1), counted)[:, 0]
    shares = others * (1 - sure)[:, None]
    shares[np.arange(len(has)), predicted] = sure
    spread: Floats = shares
    return spread


def _tempered(shares: Floats, given: Positions, counted: Mask) -> Floats:
    """Probabilities, (H, C), sharpened or softened so that they predict best the labels that count.

    Without any, they are left as they are.
    """
    if not counted.any():
        return shares
    of_given = np.empty((len(_TEMPERATURES), len(shares)))
    for rows in row_blocks(len(shares)):
        logs, own = _logs(shares[rows]), given[rows]
        for number, temperature in enumerate(_TEMPERATURES):
            of_given[number, rows] = _softmax(logs / temperature)[np.arange(len(own)), own]
    qualities = [mixed_log_likelihood(one[counted], shares.shape[1]) for one in of_given]
    best = _TEMPERATURES[int(np.argmax(qualities))]
    tempered = np.empty_like(shares)
    for rows in row_blocks(len(shares)):
        tempered[rows] = _softmax(_logs(shares[rows]) / best)
    return tempered


def _logs(shares: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(shares, LEAST))
    return logs


def _softmax(logits: Floats) -> Floats:
    shares: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares
