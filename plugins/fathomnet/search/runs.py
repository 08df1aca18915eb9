"""What every similarity run of ours keeps beside FiftyOne's own settings."""

from __future__ import annotations

from typing import Any

from ..models import register_zoo_models
from .importable import stored_path


class StoredByOneName:
    """A run's class that any process finds by the path that is stored with the run."""

    @property
    def cls(self) -> str:
        return stored_path(type(self))


class RunOfOurs(StoredByOneName):
    """Settings of a similarity run: whoever loads them can load its model by its zoo name.

    Attributes:
        fathomnet_model: the model's name in this project, see ``models``.
    """

    fathomnet_model: str

    def __init__(self, fathomnet_model: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.fathomnet_model = fathomnet_model
        register_zoo_models()
