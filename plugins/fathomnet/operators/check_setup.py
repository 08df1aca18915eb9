"""The door to :func:`setup_check.check_setup`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import parameters
from ..progress import Progress
from ..setup_check import SetupReport, check_setup
from .base import StageOperator


class CheckSetup(StageOperator[parameters.CheckSetup]):
    model = parameters.CheckSetup
    icon = "/plugins/fathomnet/assets/check.svg"

    def run(self, params: parameters.CheckSetup, dataset: Any, progress: Progress) -> SetupReport:
        return check_setup(**params.model_dump(), progress=progress)

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return sum(check["status"] == "fail" for check in result["checks"])

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Nothing in the App changes."""
