"""The door to :func:`review.start_review`."""

from collections.abc import Mapping
from typing import Any

from ..errors import FathomNetError, InputError
from ..parameters import review as parameters
from ..review import check_round
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class StartReview(StageOperator[parameters.StartReview]):
    model = parameters.StartReview
    icon = "/plugins/fathomnet/assets/round.svg"

    def preview(self, params: parameters.StartReview, dataset: Any) -> Preview:
        try:
            told = check_round(dataset, **params.model_dump())
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            return Preview(problems=(problem_with("order", error),))
        labels = counted(told.labels, "label", "labels")
        people = counted(len(told.assignees), "person", "people") if told.assignees else "one queue"
        return Preview(facts=(f"{told.name}: {labels} for {people}",))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result:
            return ()
        views = ", ".join(result["views"])
        return (f'The queues are saved views: {views}. "FathomNet: review labels" works on them.',)
