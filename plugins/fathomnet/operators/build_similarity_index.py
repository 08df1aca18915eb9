"""The door to :func:`similarity.build_similarity_index`."""

from typing import Any

from ..dataset.columns import dataset_of
from ..dataset.schema import pictured
from ..dataset.vectors import vector_path
from ..errors import FathomNetError, Fault, InputError
from ..models import model_spec
from ..names import embedding_field
from ..parameters import similarity as parameters
from ..similarity.index import checked_key, spec_of_vectors
from .base import StageOperator
from .forms import Preview, problem_with


class BuildSimilarityIndex(StageOperator[parameters.BuildSimilarityIndex]):
    model = parameters.BuildSimilarityIndex
    icon = "/plugins/fathomnet/assets/similarity.svg"
    on_view = True

    def preview(self, params: parameters.BuildSimilarityIndex, dataset: Any) -> Preview:
        whole = dataset_of(dataset)
        try:
            key = checked_key(whole, **params.model_dump())
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            return Preview(problems=(problem_with("model", error),))
        made_by = model_spec(params.model)
        boxes = pictured(whole, params.patches_field)
        spec = spec_of_vectors(whole, params.model, boxes)
        path = vector_path(whole, boxes, embedding_field(made_by.name))
        noun = "boxes" if boxes else "images"
        if not dataset.count(path):
            problem = f"none of the {noun} here has a vector of this model; run compute_embeddings"
            return Preview(problems=(Fault("model", problem),))
        ways = "image and example" if spec.zoo_name else "example"
        ways = f"text, {ways}" if spec.supports_prompts else ways
        facts = [f"{dataset.count(path):,} {noun} with vectors of {made_by.title}, found by {ways}"]
        if whole.has_brain_run(key):
            facts.append(f"the index {key} that is there is made anew")
        return Preview(facts=tuple(facts))
