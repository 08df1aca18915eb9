"""How well probabilities predict labels of which a few are assumed to be wrong."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SHARE_WRONG: Final = 0.033
"""The share of wrong labels that is assumed at first: what Northcutt, Athalye and Mueller found on
average in the test sets of ten benchmarks ("Pervasive Label Errors in Test Sets", 2021)."""

LEAST: Final = float(np.finfo(np.float32).eps)
"""The lowest probability: those that models give are rounded to single precision."""


def mixed_log_likelihood(of_given: npt.NDArray[np.floating], names: int) -> float:
    """The mean log-likelihood of labels, a share of which is assumed to be random.

    One wrong label must not discredit all other answers of a model that was sure about it, as it
    would if the likelihood counted alone.

    Args:
        of_given: (N,) the probability that was predicted for the label that each box has.
        names: the number of names.

    Examples:
        To be sure and right costs almost nothing; to be sure and wrong has a limit:

        >>> round(mixed_log_likelihood(np.array([1.0]), names=79), 2)
        -0.03
        >>> round(mixed_log_likelihood(np.array([0.0]), names=79), 2)
        -7.78
    """
    mixed = (1 - SHARE_WRONG) * of_given + SHARE_WRONG / names
    return float(np.log(np.maximum(mixed, LEAST)).mean())
