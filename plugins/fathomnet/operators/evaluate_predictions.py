"""The door to :func:`evaluation.evaluate_predictions`."""

from collections.abc import Mapping
from typing import Any, Final

from ..errors import FathomNetError, Fault, InputError
from ..evaluation import check_evaluation
from ..evaluation.evaluate import check_names
from ..parameters import evaluation as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with
from .suggestions import label_fields

LARGEST_PREVIEWED: Final = 20_000
"""Images; with more, the form would wait for seconds at every keystroke."""


class EvaluatePredictions(StageOperator[parameters.EvaluatePredictions]):
    model = parameters.EvaluatePredictions
    icon = "/plugins/fathomnet/assets/evaluate.svg"

    on_view = True

    def preview(self, params: parameters.EvaluatePredictions, dataset: Any) -> Preview:
        known = label_fields(dataset)
        none = "this dataset has none: ingest annotations first"
        where = f"there are in {', '.join(known)}" if known else none
        absent = [
            Fault(name, f"there are no boxes in {field!r}; {where}")
            for name, field in (("pred_field", params.pred_field), ("gt_field", params.gt_field))
            if field not in known
        ]
        if absent:
            return Preview(problems=tuple(absent))
        if len(dataset) > LARGEST_PREVIEWED:
            try:
                check_names(
                    dataset,
                    params.pred_field,
                    params.gt_field,
                    params.eval_key,
                    view=params.view,
                    tag=params.tag,
                )
            except FathomNetError as error:
                return _refused(error)
            return Preview(
                facts=("The boxes are counted when it runs: there are too many to wait",)
            )
        try:
            found = check_evaluation(dataset, **params.model_dump(), with_precision=False)
        except FathomNetError as error:
            return _refused(error)
        facts = [
            f"{counted(found.boxes, 'box is', 'boxes are')} scored, as evaluation {found.eval_key}"
        ]
        if found.unlabelled_boxes:
            unlabelled = ("box without a true label is", "boxes without a true label are")
            facts.append(f"{counted(found.unlabelled_boxes, *unlabelled)} left out")
        if found.repeated_boxes:
            repeats = ("box that repeats", "boxes that repeat")
            left_out = counted(found.repeated_boxes, *repeats)
            facts.append(f"left out: {left_out} a predicted one exactly")
        warnings = []
        if found.boxes_without_prediction:
            missing = counted(found.boxes_without_prediction, "box has", "boxes have")
            warnings.append(f"{missing} no prediction: wrong")
        if dataset.has_evaluation(found.eval_key):
            warnings.append(f"The evaluation {found.eval_key} is there already and is replaced")
        return Preview(facts=tuple(facts), warnings=tuple(warnings))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result:
            return ()
        where = f"The panel Model Evaluation shows it under {result['eval_key']}."
        said = [where]
        if result.get("map") is not None:
            precision = f"{result['map']:.3f}, at 0.5 {result['map_50']:.3f}"
            said.append(f"Mean average precision {precision}, at 0.75 {result['map_75']:.3f}.")
        if result.get("views"):
            said.append(f"Boxes in which the two differ: views {', '.join(result['views'])}.")
        repeated = result.get("repeated_boxes", 0)
        if repeated:
            boxes = counted(repeated, "box that repeats", "boxes that repeat")
            said.append(f"Left out: {boxes} a predicted one exactly.")
        off_tree = result.get("boxes_without_distance", 0)
        if off_tree == result["boxes"]:
            said.append("Distances are not applicable: no true name is in the taxonomy.")
        elif off_tree:
            boxes = counted(off_tree, "box", "boxes")
            said.append(f"Distances are without {boxes} whose true names are not in the taxonomy.")
        return tuple(said)


def _refused(error: FathomNetError) -> Preview:
    """What a form says of an error: at the parameters that it names, else at the predictions."""
    if isinstance(error, InputError):
        return Preview(problems=error.faults)
    return Preview(problems=(problem_with("pred_field", error),))
