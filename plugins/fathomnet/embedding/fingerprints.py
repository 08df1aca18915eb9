"""Records what a vector was made from in a few characters, to tell whether it is still valid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

from ..dataset.vectors import Fingerprint
from .crops import CROP_RULE


class Fingerprints:
    """Fingerprints of the vectors of one model.

    Args:
        settings: everything about the model on which its vectors depend.
    """

    def __init__(self, settings: Mapping[str, str | int | float]) -> None:
        self.model = _digest({"crop_rule": CROP_RULE, **settings})

    def of(self, bounding_box: Sequence[float] | None) -> Fingerprint:
        """The fingerprint of a box's vector, or of a whole image's if the box is None."""
        return {"model": self.model, "box": _digest(bounding_box)}


def _digest(value: object) -> str:
    # JSON writes the shortest digits that give the same float back, so that equal means equal.
    text = json.dumps(value, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]
