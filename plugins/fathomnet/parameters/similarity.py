"""Parameters of the operators that compare stored vectors."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from .. import fields
from .base import Parameters
from .kinds import Model, PatchesField, Widget, none_if_empty


class BuildSimilarityIndex(Parameters):
    operator = "build_similarity_index"
    heading = "FathomNet: build a similarity index"
    summary = "Make stored embeddings searchable by text, by image and by example"

    model: Model = fields.DEFAULT_MODEL
    patches_field: PatchesField = fields.GROUND_TRUTH
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
    ] = fields.EXACT_BACKEND


class FindDuplicates(Parameters):
    operator = "find_duplicates"
    heading = "FathomNet: find duplicates"
    summary = "Group images that show the same, also across dives, and save the groups as views"

    model: Model = fields.DEFAULT_MODEL
    threshold: Annotated[
        Annotated[float, Field(ge=0.5, le=1)] | None,
        BeforeValidator(none_if_empty),
        Field(
            title="Threshold",
            description="The cosine from which two images show the same, such as 0.98; "
            "empty to derive it from how alike images of different dives are",
        ),
    ] = None
