"""The operators, one file each, all built on the same base.

The door to a stage is whatever class here has the stage's parameters, so none is listed.
"""

from typing import Any, get_origin

from .. import parameters
from .base import StageOperator

_DOORS = {
    value.model: value
    for module in parameters.modules_of(__name__)
    for value in vars(module).values()
    # To Python 3.10 ``list[str]`` is an instance of ``type`` too.
    if isinstance(value, type)
    and get_origin(value) is None
    and issubclass(value, StageOperator)
    and "model" in vars(value)
}

OPERATORS: tuple[type[StageOperator[Any]], ...] = tuple(
    _DOORS[model] for model in parameters.OPERATORS.values()
)

__all__ = ["OPERATORS"]
