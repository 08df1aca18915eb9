"""Lists and reads back the evaluations of a dataset, with the scores of each box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DatasetError
from ..scoring.pairs import Pairs, pairs_of_results
from ..taxonomy import Taxonomy
from .evaluation_run import read_details


@dataclass(frozen=True, slots=True)
class FinishedEvaluation:
    """An evaluation that ``evaluate_predictions`` made.

    Attributes:
        eval_key: its key.
        gt_field: the annotated boxes.
        pred_field: the predicted boxes.
        details: its result, with the names of ``EvaluationResult``, and the hash of the taxonomy.
        pairs: N true names with their predicted names.
        truth_ids: (N,) ids of the annotated boxes.
        prediction_ids: (N,) ids of the predicted boxes; None if nothing was predicted.
    """

    eval_key: str
    gt_field: str
    pred_field: str
    details: Mapping[str, Any]
    pairs: Pairs
    truth_ids: npt.NDArray[Any]
    prediction_ids: npt.NDArray[Any]


def finished_evaluations(dataset: Any) -> tuple[str, ...]:
    """Keys of the evaluations that ``evaluate_predictions`` made, the newest first."""
    infos = {key: dataset.get_evaluation_info(key) for key in dataset.list_evaluations()}
    ours = [key for key in infos if read_details(dataset, key) is not None]
    return tuple(sorted(ours, key=lambda key: infos[key].timestamp, reverse=True))


def evaluation_version(dataset: Any, eval_key: str) -> str:
    """A text that changes when an evaluation is made again, and only then."""
    return str(dataset.get_evaluation_info(eval_key).timestamp)


def check_readable(dataset: Any, eval_key: str) -> None:
    """Checks that the boxes and the verdicts of an evaluation still exist.

    Raises:
        DatasetError: a field was deleted.
    """
    config = dataset.get_evaluation_info(eval_key).config
    for field in (config.gt_field, config.pred_field):
        for path in (f"{field}.detections", f"{field}.detections.{eval_key}"):
            if dataset.get_field(path) is None:
                raise DatasetError(
                    f"evaluation {eval_key!r} is of {config.pred_field!r} against "
                    f"{config.gt_field!r}, and {path!r} was deleted since"
                )


def read_evaluation(dataset: Any, eval_key: str, taxonomy: Taxonomy) -> FinishedEvaluation:
    """Reads an evaluation back.

    Args:
        dataset: a FiftyOne dataset.
        eval_key: one of ``finished_evaluations``.
        taxonomy: the tree of concepts.

    Raises:
        DatasetError: it was not finished, or one of its fields was deleted.
    """
    check_readable(dataset, eval_key)
    results = dataset.load_evaluation_results(eval_key, cache=False)
    if results is None:
        raise DatasetError(f"evaluation {eval_key!r} was begun, but it never came to its end")
    pairs, rows = pairs_of_results(results, taxonomy)
    return FinishedEvaluation(
        eval_key,
        results.config.gt_field,
        results.config.pred_field,
        read_details(dataset, eval_key) or {},
        pairs,
        np.asarray(results.ytrue_ids, object)[rows],
        np.asarray(results.ypred_ids, object)[rows],
    )
