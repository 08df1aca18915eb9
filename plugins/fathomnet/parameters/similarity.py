"""Parameters of the operators that compare stored vectors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .. import fields
from .base import Parameters
from .kinds import Model, PatchesField, Widget


class BuildSimilarityIndex(Parameters):
    operator = "build_similarity_index"
    label = "FathomNet: build a similarity index"
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
