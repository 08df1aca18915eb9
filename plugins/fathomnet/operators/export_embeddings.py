"""The door to :func:`embeddings.export_embeddings`."""

from collections.abc import Mapping
from typing import Any

from ..embeddings import check_embeddings_export
from ..errors import FathomNetError, InputError
from ..files.places import is_there
from ..parameters import embeddings as parameters
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class ExportEmbeddings(StageOperator[parameters.ExportEmbeddings]):
    model = parameters.ExportEmbeddings
    icon = "/plugins/fathomnet/assets/export_embeddings.svg"
    on_view = True
    writes_to = "folder"

    def preview(self, params: parameters.ExportEmbeddings, dataset: Any) -> Preview:
        try:
            file, number = check_embeddings_export(dataset, **params.model_dump())
        except InputError as error:
            return Preview(problems=error.faults)
        except FathomNetError as error:
            return Preview(problems=(problem_with("model", error),))
        return Preview(
            facts=(f"{counted(number, 'vector', 'vectors')} of {params.model} in {file}",),
            warnings=(f"{file} is there and is replaced",) if is_there(file) else (),
        )

    def written(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        return (result["file"],)
