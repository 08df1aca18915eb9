"""Parameters of the operator that makes stored vectors searchable."""

from typing import Annotated

from pydantic import Field

from .. import names
from .base import Parameters
from .kinds import Model, PatchesField, Widget


class BuildSimilarityIndex(Parameters):
    operator = "build_similarity_index"
    heading = "FathomNet: build a similarity index"
    summary = "Make stored embeddings searchable by text, by image and by example"
    stage = "similarity:build_similarity_index"
    position = 90
    in_workflow = True

    model: Model = names.DEFAULT_MODEL
    patches_field: PatchesField = names.GROUND_TRUTH
    brain_key: Annotated[
        str,
        Field(
            title="Brain key",
            description="What the App calls the index; empty for one made of model and boxes",
        ),
    ] = ""
    backend: Annotated[
        str,
        Widget.BACKEND,
        Field(
            min_length=1,
            title="Backend",
            description="sklearn: exact, on one machine, without a server. "
            "Others for those who outgrow it",
        ),
    ] = names.EXACT_BACKEND
