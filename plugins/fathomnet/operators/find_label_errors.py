"""The door to :func:`label_errors.find_label_errors`."""

from collections.abc import Mapping
from typing import Any

from ..dataset.records import why_outdated
from ..dataset.schema import labels_path
from ..errors import FathomNetError, InputError
from ..label_errors import check_label_errors
from ..names import GROUND_TRUTH, PLUGIN_NAME
from ..parameters import evaluation as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with
from .suggestions import label_fields


class FindLabelErrors(StageOperator[parameters.FindLabelErrors]):
    model = parameters.FindLabelErrors
    icon = "/plugins/fathomnet/assets/suspect.svg"

    def preview(self, params: parameters.FindLabelErrors, dataset: Any) -> Preview:
        try:
            sources = check_label_errors(dataset, **params.model_dump())
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            is_of_labels = params.gt_field not in label_fields(dataset)
            place = "gt_field" if is_of_labels else "pred_field"
            return Preview(problems=(problem_with(place, error),))
        labels = dataset.count(f"{labels_path(dataset, sources.gt_field)}.label")
        by = [f"the predictions in {sources.pred_field}"] if sources.pred_field else []
        by += [f"the index {sources.index_key}"] if sources.index_key else []
        warnings = []
        if not sources.index_key:
            warnings.append(
                "Without an index of these boxes few errors are found for sure: run "
                "compute_embeddings and build_similarity_index first"
            )
        if why := why_outdated(dataset, "index", sources.index_key):
            warnings.append(
                f"The index {sources.index_key} is out of date: since it was built {why}. Run "
                "compute_embeddings and build_similarity_index again first"
            )
        fact = f"{counted(labels, 'label is', 'labels are')} compared with {' and '.join(by)}"
        return Preview(facts=(fact,), warnings=tuple(warnings))

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        super().show(ctx, result)
        # Tiles say what is suggested, and how surely, from now on.
        field = ctx.params.get("gt_field") or GROUND_TRUTH
        ctx.trigger(f"{PLUGIN_NAME}/write_suggestions", {"field": field})

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result:
            return ()
        views = [result.get(name) for name in ("view", "pairs_view") if result.get(name)]
        where = "No score reaches the threshold; the highest are in the attribute suspicion."
        if views:
            where = f"The suspects are in the saved views {' and '.join(map(str, views))}."
        return (*(f"{note}." for note in result.get("notes") or ()), where)
