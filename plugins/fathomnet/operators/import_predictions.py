"""The door to :func:`prediction_import.import_predictions`."""

from collections.abc import Mapping
from typing import Any

from ..errors import FathomNetError, Fault
from ..parameters import dataset as parameters
from ..predictions import check_predictions
from ..predictions.checking import DETECTIONS
from ..text import counted, listed
from .base import StageOperator
from .forms import Preview, problem_with, too_large


class ImportPredictions(StageOperator[parameters.ImportPredictions]):
    model = parameters.ImportPredictions
    icon = "/plugins/fathomnet/assets/predictions.svg"

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return int(result["unmatched_rows"])

    def preview(self, params: parameters.ImportPredictions, dataset: Any) -> Preview:
        if not params.predictions:
            return Preview(problems=(Fault("predictions", "choose a predictions file"),))
        if too_large(params.predictions):
            return Preview(("a large file, checked when it is read",))
        try:
            check = check_predictions(dataset, **params.model_dump())
        except FathomNetError as error:
            return Preview(problems=(problem_with("predictions", error),))
        rows = counted(check.rows, "row", "rows")
        without = check.boxes_without_prediction
        facts = (
            f"{rows}, {check.imported:,} for boxes of the {params.split} split",
            f"{counted(without, 'box gets', 'boxes get')} no prediction",
        )
        if check.kind == DETECTIONS:
            boxes = ("annotated box is", "annotated boxes are")
            facts = (
                f"{rows} of a detector, {check.imported:,} on images of the {params.split} split",
                f"{counted(without, *boxes)} on images where nothing was detected",
            )
        warnings = list(check.notes)
        if check.unmatched_rows:
            what = ("bad row is", "bad rows are")
            if check.kind == DETECTIONS:
                what = ("row that fits nothing is", "rows that fit nothing are")
            warnings.append(f"{counted(check.unmatched_rows, *what)} skipped")
        if check.ignored_columns:
            warnings.append(f"columns that are not read: {listed(check.ignored_columns)}")
        if check.left_out_boxes:
            rows = counted(check.left_out_boxes, "row is", "rows are")
            warnings.append(f"{rows} about boxes of images that a limit left out at ingest")
        if check.replaced:
            images = counted(check.replaced, "image", "images")
            warnings.append(f"the predictions of {images} in {params.field} are replaced")
        return Preview(facts=facts, warnings=tuple(warnings))
