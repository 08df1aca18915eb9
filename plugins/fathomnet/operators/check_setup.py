"""The door to :func:`setup_check.check_setup`."""

from collections.abc import Mapping
from typing import Any

from ..parameters import dataset as parameters
from .base import StageOperator


class CheckSetup(StageOperator[parameters.CheckSetup]):
    model = parameters.CheckSetup
    icon = "/plugins/fathomnet/assets/check.svg"
    risk = "LOW"

    def failed_items(self, result: Mapping[str, Any]) -> int:
        return sum(check["status"] == "fail" for check in result["checks"])

    def show(self, ctx: Any, result: Mapping[str, Any]) -> None:
        """Nothing in the App changes."""
