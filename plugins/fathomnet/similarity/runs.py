"""What every similarity run of ours stores besides FiftyOne's own settings."""

from contextlib import suppress
from functools import cache
from typing import Any

from ..errors import FathomNetError
from ..models import model_names, register_zoo_models
from ..names import STORED_CLASSES


class StoredByOneName:
    """A class of ``stored_classes``, which every process finds under the path stored with a run."""

    @property
    def cls(self) -> str:
        return f"{STORED_CLASSES}.{type(self).__qualname__}"


class RunOfOurs(StoredByOneName):
    """Settings of a similarity run, loading which makes its model known to FiftyOne's zoo.

    Attributes:
        fathomnet_model: the model's name in this project, see ``models``.
    """

    fathomnet_model: str

    def __init__(self, fathomnet_model: str = "", **settings: Any) -> None:
        super().__init__(**settings)
        self.fathomnet_model = fathomnet_model
        _try_to_know(fathomnet_model)


def know_model(name: str) -> None:
    """Registers a model's zoo name with FiftyOne in this process.

    Args:
        name: see ``models``; empty for only the known models.

    Raises:
        FathomNetError: a local model is not on this machine, or FiftyOne's folder of models cannot
            be written.
    """
    register_zoo_models(*({name} - {"", *model_names()}))


@cache
def _try_to_know(name: str) -> None:
    # An index can be searched by example without its model, so that its lack is no error here.
    with suppress(FathomNetError):
        know_model(name)
