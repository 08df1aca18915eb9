"""The door to :func:`near_duplicates.find_duplicates`."""

from collections.abc import Mapping
from typing import Any

from ..dataset.columns import dataset_of
from ..errors import FathomNetError, Fault
from ..models import model_spec
from ..names import embedding_field
from ..parameters import similarity as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class FindDuplicates(StageOperator[parameters.FindDuplicates]):
    model = parameters.FindDuplicates
    icon = "/plugins/fathomnet/assets/duplicates.svg"
    on_view = True

    def preview(self, params: parameters.FindDuplicates, dataset: Any) -> Preview:
        try:
            field = embedding_field(model_spec(params.model).name)
        except FathomNetError as error:
            return Preview(problems=(problem_with("model", error),))
        if dataset_of(dataset).get_field(field) is None:
            problem = "no whole image has vectors of this model; run compute_embeddings for images"
            return Preview(problems=(Fault("model", problem),))
        if not dataset.count(field):
            problem = "no image here has a vector of this model; run compute_embeddings for images"
            return Preview(problems=(Fault("model", problem),))
        compared = counted(dataset.count(field), "image with vectors is", "images with vectors are")
        return Preview(facts=(f"{compared} compared",))

    def remarks(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        views = result.get("views") or ()
        shown = (f"The groups are in the saved views {', '.join(views)}.",) if views else ()
        apart = int(result.get("told_apart") or 0)
        said = (
            f"{counted(apart, 'pair is', 'pairs are')} as alike to the model, and plainly differ."
        )
        return (
            *shown,
            *((said,) if apart else ()),
            *(f"{note}." for note in result.get("notes") or ()),
        )
