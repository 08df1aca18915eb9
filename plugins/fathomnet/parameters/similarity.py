"""Parameters of the operators that search stored vectors: an index, and images that are alike."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .kinds import Model, PatchesField, Widget, none_if_empty


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


class FindDuplicates(Parameters):
    operator = "find_duplicates"
    heading = "FathomNet: find duplicates"
    summary = "Group images that show the same, also across dives, and save the groups as views"
    stage = "duplicates:find_duplicates"
    position = 100
    in_workflow = True

    model: Model = names.DEFAULT_MODEL
    threshold: Annotated[
        Annotated[float, Field(ge=0.5, le=1)] | None,
        BeforeValidator(none_if_empty),
        Field(
            title="Threshold",
            description="The cosine from which two images show the same, such as 0.98; "
            "empty to derive it from how alike images of different dives are",
        ),
    ] = None
