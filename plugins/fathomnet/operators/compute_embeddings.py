"""The door to :func:`embeddings.compute_embeddings`."""

from collections.abc import Mapping
from typing import Any, Final

from ..embeddings import check_embeddings
from ..embeddings.compute import NO_MAP
from ..errors import FathomNetError, InputError, SetupError
from ..hardware import choose_device
from ..parameters import embeddings as parameters
from .base import StageOperator
from .forms import WORTH_SCHEDULING, Preview, missing_weights, problem_with, told_minutes

PER_MINUTE: Final = 860
"""Boxes by CLIP ViT-B/32 on full-HD images and two cores: benchmarks/README.md."""
PACE: Final = "without a GPU, on two cores"
DIVIDE: Final = (
    f"With the method {NO_MAP} several executors can divide it among themselves; a second run then "
    "draws the map of the vectors that are there"
)


class ComputeEmbeddings(StageOperator[parameters.ComputeEmbeddings]):
    model = parameters.ComputeEmbeddings
    icon = "/plugins/fathomnet/assets/embeddings.svg"
    on_view = True
    may_be_long = True
    divisible = True

    def is_divisible(self, params: parameters.ComputeEmbeddings) -> bool:
        return params.method == NO_MAP  # a map is of all vectors

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return int(result["skipped"])

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        if not result.get("skipped"):
            return ()
        return ("The record of the run, among the dataset's runs, lists why items were skipped.",)

    def preview(self, params: parameters.ComputeEmbeddings, dataset: Any) -> Preview:
        warnings: tuple[str, ...] = ()
        try:
            if params.device not in ("auto", "cpu"):
                choose_device(params.device)
        except InputError as error:
            return Preview(problems=error.faults)
        except SetupError as error:
            warnings = (f"{error}; a worker may have one",)
        try:
            plan = check_embeddings(dataset, **params.model_dump(exclude={"device", "precision"}))
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            return Preview(problems=(problem_with("patches_field", error),))
        noun = "boxes" if plan.patches_field else "images"
        facts = [
            f"{plan.items:,} {noun} are embedded by {plan.spec.title}, unless they are already"
        ]
        if plan.with_vector:
            facts.append(f"{plan.with_vector:,} of them have a vector in {plan.field}")
        if plan.brain_key:
            again = ", in place of the one that is there" if plan.replaces else ""
            facts.append(f"their map is {plan.brain_key}{again}")
        if plan.items > plan.with_vector:
            warnings += missing_weights(params.model)
        minutes = max(plan.items - plan.with_vector, 0) / PER_MINUTE
        warnings += told_minutes(minutes, PACE)
        is_offered = self.config.allow_distributed_execution and not self.is_divisible(params)
        if is_offered and minutes > WORTH_SCHEDULING:
            warnings += (DIVIDE,)
        return Preview(tuple(facts), warnings, minutes=minutes)
