"""The door to :func:`report.report_dataset`."""

import re
from collections.abc import Mapping
from typing import Any

from fiftyone.operators import types

from ..errors import FathomNetError
from ..files.places import is_there
from ..parameters import dataset as parameters
from ..report.report import report_files
from .base import StageOperator
from .forms import Preview, problem_with
from .results import build


class ReportDataset(StageOperator[parameters.ReportDataset]):
    model = parameters.ReportDataset
    icon = "/plugins/fathomnet/assets/report.svg"
    writes_to = "path"

    def preview(self, params: parameters.ReportDataset, dataset: Any) -> Preview:
        try:
            files = report_files(params.path)
        except FathomNetError as error:
            return Preview(problems=(problem_with("path", error),))
        facts = tuple(f"{file} is written" for file in files)
        there = tuple(f"{file} is there and is replaced" for file in files if is_there(file))
        return Preview(facts=facts or ("The card is shown; no file is written",), warnings=there)

    def written(self, result: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(result["files"])

    def resolve_output(self, ctx: Any) -> Any:
        # None where the run failed: the App shows the error, and still asks for this.
        result = dict(ctx.results or {})
        card = result.pop("markdown", "")
        shown = build(self.model.heading, result)
        # In a dialog the App's largest headings would take half of the space.
        small = re.sub(r"^#+ ", "##### ", card, flags=re.MULTILINE)
        shown.type.md(small, name="_card")
        return types.Property(shown.type, view=shown.view)
