"""The door to the review panel, from whatever the App shows."""

from collections.abc import Mapping
from typing import Any, Final

from ..dataset.columns import dataset_of
from ..dataset.schema import labels_path
from ..errors import FathomNetError, InputError
from ..parameters import review as parameters
from ..progress import Progress
from ..relabelling.box_states import box_ids
from ..review import OpenedSet, open_review
from ..review.sets import keep_set, opened, require_labels, show_set
from ..seen import LASSOED, Target, boxes_meant
from ..text import counted
from .base import StageOperator
from .chosen_boxes import saved_view
from .forms import Preview, problem_with

_ALL: Final = "all labels"


class OpenReview(StageOperator[parameters.OpenReview]):
    model = parameters.OpenReview
    icon = "/plugins/fathomnet/assets/open_review.svg"
    risk = "LOW"
    place = "SAMPLES_GRID_SECONDARY_ACTIONS"  # labels are selected below it
    prompts = False

    def _target(self, ctx: Any, params: parameters.OpenReview) -> Any:
        if ctx.dataset is None or params.view:
            return ctx.dataset
        return boxes_meant(ctx, params.field) or ctx.dataset

    def run(self, params: parameters.OpenReview, dataset: Any, progress: Progress) -> OpenedSet:
        if isinstance(dataset, Target):
            # What was lassoed in a map looks alike.
            as_grid = params.as_grid or dataset.how.startswith(LASSOED)
            title = f"{counted(len(dataset.boxes), 'label', 'labels')}, {dataset.how}"
            boxes, origin = dataset.boxes, "what the App shows"
            return opened(keep_set(dataset.dataset, boxes, params.field, title, origin, as_grid))
        samples = saved_view(dataset_of(dataset), params.view) if params.view else dataset
        return open_review(samples, params.field, params.as_grid, params.view or _ALL)

    def preview(self, params: parameters.OpenReview, dataset: Any) -> Preview:
        if isinstance(dataset, Target):
            return Preview(target=str(dataset))
        try:
            samples = saved_view(dataset_of(dataset), params.view) if params.view else dataset
            boxes = box_ids(samples, labels_path(dataset_of(dataset), params.field))
            require_labels(boxes, params.field)
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            return Preview(problems=(problem_with("field", error),))
        labels = counted(len(boxes), "label", "labels")
        return Preview(facts=(f"The panel begins with {labels}: {params.view or _ALL}",))

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Opens the panel."""
        if ctx.dataset is not None:
            show_set(ctx, result["set"])
