"""Parameters of the operator that embeds boxes and images."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .kinds import Model, PatchesField, none_if_empty


class ComputeEmbeddings(Parameters):
    operator = "compute_embeddings"
    heading = "FathomNet: compute embeddings"
    summary = "Give each box or image the vector that a model makes of it, and draw their map"
    stage = "embeddings:compute_embeddings"
    position = 80
    in_workflow = True

    model: Model = names.DEFAULT_MODEL
    patches_field: PatchesField = names.GROUND_TRUTH
    brain_key: Annotated[
        str,
        Field(
            title="Brain key",
            description="What the App calls the map; empty for one made of model and method",
        ),
    ] = ""
    method: Annotated[
        names.MapMethod,
        BeforeValidator(lambda value: value or "none"),
        Field(title="Map", description="umap takes a minute for 24,000 boxes, pca a second"),
    ] = "umap"
    batch_size: Annotated[
        Annotated[int, Field(ge=1)] | None,
        BeforeValidator(none_if_empty),
        Field(
            title="Batch size",
            description="Patches that go through the model at once; empty for what suits the "
            "device. It is halved when memory runs out",
        ),
    ] = None
    device: Annotated[
        str,
        BeforeValidator(lambda value: value or "auto"),
        Field(title="Device", description="auto, cpu, cuda, cuda:1 or mps"),
    ] = "auto"
    precision: Annotated[
        names.Precision,
        BeforeValidator(lambda value: value or "auto"),
        Field(
            title="Precision",
            description="auto takes the half precision that the device is faster in, or fp32",
        ),
    ] = "auto"
