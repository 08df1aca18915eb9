"""What a measurement is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SPLIT: Final = "train"
MEDIA_ROOT: Final = "/media/fathomnet"

Job = Callable[[], int]
"""The measured part of a way of doing a stage; gives the number of things that it made."""


@dataclass(frozen=True)
class Inputs:
    """The files of one size and the datasets that belong to them.

    Attributes:
        catalog: COCO file of the training split.
        predictions: csv with a prediction for each of its boxes.
        reference: name of a dataset on which every stage was done, by this project.
        dataset: name of the dataset that the measurement works on; it is ingested before every
            stage but ``ingest`` itself.
    """

    catalog: Path
    predictions: Path
    reference: str
    dataset: str
