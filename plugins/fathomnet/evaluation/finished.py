"""The evaluations that a dataset holds, read back, and views of the boxes of their pairs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..dataset.documents import Document
from ..dataset.label_pipelines import is_list
from ..dataset.schema import labels_path
from ..errors import DatasetError
from ..names import distance_attribute
from ..taxonomy import Taxonomy
from .run import EvaluationDetails, has_details, is_of_crops
from .scoring.columns import Pairs, pairs_of_results


@dataclass(frozen=True, slots=True)
class FinishedEvaluation:
    """An evaluation that ``evaluate_predictions`` made.

    Attributes:
        eval_key: its key.
        gt_field: the annotated boxes.
        pred_field: the predicted boxes.
        details: its result, and the hash of the taxonomy.
        pairs: N true names with their predicted names.
        truth_ids: (N,) ids of the annotated boxes.
        prediction_ids: (N,) ids of the predicted boxes; None if nothing was predicted.
    """

    eval_key: str
    gt_field: str
    pred_field: str
    details: EvaluationDetails
    pairs: Pairs
    truth_ids: npt.NDArray[Any]
    prediction_ids: npt.NDArray[Any]


def finished_evaluations(dataset: Any) -> tuple[str, ...]:
    """Keys of the evaluations that ``evaluate_predictions`` made, the newest first."""
    infos = {key: dataset.get_evaluation_info(key) for key in dataset.list_evaluations()}
    ours = [key for key in infos if has_details(infos[key].config)]
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
        labels = field if is_of_crops(config) else f"{field}.detections"
        mark = distance_attribute(eval_key) if is_of_crops(config) else eval_key
        for path in (labels, f"{labels}.{mark}"):
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
        DatasetError: it was not finished, another version made it, or one of its fields was
            deleted.
    """
    check_readable(dataset, eval_key)
    results = dataset.load_evaluation_results(eval_key, cache=False)
    if results is None:
        raise DatasetError(f"evaluation {eval_key!r} was begun, but it never came to its end")
    details = EvaluationDetails.read(dataset, eval_key)
    if details is None:
        raise DatasetError(
            f"evaluation {eval_key!r} does not say what evaluate_predictions says of one; "
            "evaluate the predictions again"
        )
    pairs, rows = pairs_of_results(results, taxonomy)
    return FinishedEvaluation(
        eval_key,
        results.config.gt_field,
        results.config.pred_field,
        details,
        pairs,
        np.asarray(results.ytrue_ids, object)[rows],
        np.asarray(results.ypred_ids, object)[rows],
    )


MOST_IDS: Final = 2_000
"""The most boxes that a view lists by id; more are found by their names, in the database."""

Positions = npt.NDArray[np.intp]


def is_named_one_by_one(positions: Positions) -> bool:
    """Whether the view of these pairs lists ids, so that it can show patches at once."""
    return len(positions) <= MOST_IDS


def view_of_pairs(
    dataset: Any, evaluation: FinishedEvaluation, positions: Positions, as_patches: bool
) -> Any:
    """The annotated boxes of some pairs and their predictions, without any others.

    Args:
        dataset: the dataset that was evaluated.
        evaluation: the evaluation.
        positions: positions of the pairs, including all pairs of the same two names: beyond
            ``MOST_IDS`` the view selects by names, not by boxes.
        as_patches: one patch per box, up to so many; otherwise the images.

    Returns:
        A view that FiftyOne can send to the App; of crops, the images themselves.

    Raises:
        DatasetError: all the boxes have been removed since.
    """
    from bson import ObjectId

    gt_field, pred_field = evaluation.gt_field, evaluation.pred_field
    path = labels_path(dataset, gt_field)
    of_crops = not is_list(path)
    if not is_named_one_by_one(positions):
        pairs = evaluation.pairs
        taken_for: dict[str, set[str]] = {}
        for place in positions.tolist():
            true, predicted = pairs.true[place], pairs.predicted[place]
            taken_for.setdefault(true or "", set()).add(predicted or "")
        if of_crops:
            scored = {"$gt": [f"${gt_field}.{distance_attribute(evaluation.eval_key)}", None]}
            named = _Names(taken_for).hold(f"${gt_field}.label", f"${pred_field}.label")
            return dataset.match({"$expr": {"$and": [scored, named]}})
        of_truth, of_predictions = _filters(evaluation, _Names(taken_for))
        view = dataset.filter_labels(gt_field, of_truth)
        return view.filter_labels(pred_field, of_predictions, only_matches=False)
    sides = [
        (field, [ObjectId(id_) for id_ in ids[positions].tolist() if id_])
        for field, ids in (
            (gt_field, evaluation.truth_ids),
            (pred_field, evaluation.prediction_ids),
        )
    ]
    wanted = sides[0][1]
    # The images first and by their own ids: the App then reads these and not the whole dataset.
    found = dataset.match({f"{path}._id": {"$in": wanted}}).values("id")
    if not found:
        raise DatasetError(f"the {len(wanted):,} boxes were removed since they were evaluated")
    images = dataset.select(found)
    if of_crops:
        return images
    for field, ids in sides:
        images = images.filter_labels(field, {"$in": ["$$this._id", ids]}, only_matches=False)
    if not as_patches:
        return images
    # One patch per box, each with the predictions for this box only.
    patches = images.to_patches(gt_field, other_fields=[pred_field])
    of_this = {"$eq": [f"$$this.{evaluation.eval_key}_id", {"$toString": f"${gt_field}._id"}]}
    return patches.filter_labels(pred_field, of_this, only_matches=False)


class _Names:
    """True names, each with the predicted names to select; "" stands for no prediction."""

    def __init__(self, taken_for: Mapping[str, Iterable[str]]) -> None:
        # Literals, or a name that begins with a dollar would be read as a path.
        self._true = {"$literal": list(taken_for)}
        names = {name: None for predicted in taken_for.values() for name in predicted}
        self._predicted = {"$literal": list(names)}
        # By number, because the App is sent all of it; the last is for names that are not listed.
        number = {name: place for place, name in enumerate(names)}
        wanted = [sorted(map(number.__getitem__, predicted)) for predicted in taken_for.values()]
        self._wanted = {"$literal": [*wanted, []]}

    def hold(self, true: str, predicted: str) -> Document:
        """The MongoDB expression for whether a pair is selected, from two paths."""
        of_this_name = {"$arrayElemAt": [self._wanted, {"$indexOfArray": [self._true, true]}]}
        number = {"$indexOfArray": [self._predicted, {"$ifNull": [predicted, ""]}]}
        return {"$in": [number, of_this_name]}


def _filters(evaluation: FinishedEvaluation, names: _Names) -> tuple[Document, Document]:
    """Expressions for the boxes, ``$$this``, of selected pairs: annotated and predicted ones."""
    verdict, partner = evaluation.eval_key, f"{evaluation.eval_key}_id"
    about_this = {"$eq": [f"$$one.{partner}", {"$toString": "$$this._id"}]}
    of_this = {"$eq": [{"$toString": "$$one._id"}, f"$$this.{partner}"]}
    predicted_so = _any(
        evaluation.pred_field, about_this, names.hold("$$this.label", "$$one.label")
    )
    truly_so = _any(evaluation.gt_field, of_this, names.hold("$$one.label", "$$this.label"))
    alone = {"$eq": [f"$$this.{partner}", ""]}
    not_predicted = names.hold("$$this.label", "")
    scored = {"$in": [f"$$this.{verdict}", ["tp", "fn"]]}
    return {"$and": [scored, {"$cond": [alone, not_predicted, predicted_so]}]}, truly_so


def _any(field: str, chosen: Document, holds: Document) -> Document:
    """The expression for whether anything holds for any chosen box, ``$$one``, of a field."""
    boxes = {"$ifNull": [f"${field}.detections", []]}
    found = {"$filter": {"input": boxes, "as": "one", "cond": chosen}}
    return {"$anyElementTrue": [{"$map": {"input": found, "as": "one", "in": holds}}]}
