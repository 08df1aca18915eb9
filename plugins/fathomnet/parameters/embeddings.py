"""Parameters of the operators that embed boxes and images, and bring and write vectors."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .. import names
from .base import Parameters
from .kinds import Model, OptionalText, PatchesField, PathText, Widget, none_if_empty

MapKey = Annotated[
    str,
    Field(
        title="Brain key",
        description="What the App calls the map; empty for one made of model and method",
    ),
]
Method = Annotated[
    names.MapMethod,
    BeforeValidator(lambda value: value or "none"),
    Field(title="Map", description="umap takes a minute for 24,000 boxes, pca a second"),
]


class ComputeEmbeddings(Parameters):
    operator = "compute_embeddings"
    heading = "FathomNet: compute embeddings"
    summary = "Give each box or image the vector that a model makes of it, and draw their map"
    stage = "embeddings:compute_embeddings"
    position = 80
    in_workflow = True

    model: Model = names.DEFAULT_MODEL
    patches_field: PatchesField = names.GROUND_TRUTH
    brain_key: MapKey = ""
    method: Method = "umap"
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


class ImportEmbeddings(Parameters):
    operator = "import_embeddings"
    heading = "FathomNet: import embeddings"
    summary = "Give each box or image the vector that a file has for it, and draw their map"
    stage = "embeddings:import_embeddings"
    position = 83

    vectors: Annotated[
        PathText,
        Widget.FILE,
        Field(
            title="Vectors",
            description="A Parquet file with a column of vectors and one of ids, an NPZ with such "
            "arrays, or an NPY with its ids beside it",
        ),
    ] = ""
    key: Annotated[
        str,
        Field(
            title="Key",
            description="What the vectors are called: maps and indexes take the model imported/key",
        ),
    ] = ""
    by: Annotated[
        Literal["auto", "annotation_id", "sample_id", "path", "external_id"],
        BeforeValidator(lambda value: value or "auto"),
        Field(title="By", description="What tells whose a vector is; auto takes what fits most"),
    ] = "auto"
    patches_field: PatchesField = names.GROUND_TRUTH
    text_model: Annotated[
        OptionalText,
        Widget.TEXT_MODEL,
        Field(
            title="Text model",
            description="A model whose texts lie in the same space, for search by text; empty for "
            "none",
        ),
    ] = ""
    method: Method = "umap"
    brain_key: MapKey = ""


class ExportEmbeddings(Parameters):
    operator = "export_embeddings"
    heading = "FathomNet: export embeddings"
    summary = "Write the vectors of boxes or images to a file, with their ids"
    stage = "embeddings:export_embeddings"
    position = 86
    changes_dataset = False

    folder: Annotated[
        PathText,
        Widget.PLACE,
        Field(title="Folder", description="Takes one Parquet file, named after the vectors"),
    ] = ""
    model: Model = names.DEFAULT_MODEL
    patches_field: PatchesField = names.GROUND_TRUTH
