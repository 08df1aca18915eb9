"""The door to :func:`relabelling.export_dataset`."""

from typing import Any

from ..errors import FathomNetError
from ..files.places import is_there
from ..parameters import relabelling as parameters
from ..relabelling import check_dataset_export
from ..text import counted
from .base import StageOperator
from .forms import Preview, problem_with


class ExportDataset(StageOperator[parameters.ExportDataset]):
    model = parameters.ExportDataset
    icon = "/plugins/fathomnet/assets/export_dataset.svg"

    def preview(self, params: parameters.ExportDataset, dataset: Any) -> Preview:
        try:
            files = check_dataset_export(dataset, **params.model_dump())
        except FathomNetError as error:
            return Preview(problems=(problem_with("folder", error),))
        return Preview(
            facts=tuple(
                f"{counted(number, 'image', 'images')} in {file}" for file, number in files.items()
            ),
            warnings=tuple(f"{file} is there and is replaced" for file in files if is_there(file)),
        )
