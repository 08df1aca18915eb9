"""Datasets to evaluate.

FiftyOne is imported only inside: this file is read before its settings are made, see
``tests/conftest.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.evaluation.boxes import Box


@pytest.fixture
def make_dataset() -> Iterator[Callable[..., Any]]:
    """Makes a dataset of images, each with labelled boxes and predictions of them.

    The first prediction is of the first box, and so on; what has no partner is left out.
    """
    import fiftyone as fo

    from tests.evaluation.boxes import detections

    made: list[Any] = []

    def make(*images: tuple[list[Box], list[Box]], splits: list[str] | None = None) -> Any:
        dataset = fo.Dataset(persistent=True)
        made.append(dataset)
        for number, (truth, predictions) in enumerate(images):
            sample = fo.Sample(
                filepath=f"/{number}.png",
                ground_truth=detections(truth),
                model_predictions=detections(predictions),
            )
            if splits:
                sample["split"] = splits[number]
            dataset.add_sample(sample, dynamic=True)
        return dataset

    yield make
    for dataset in made:
        dataset.delete()


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """300 images and 800 boxes, a prediction of each."""
    from tests.support.predicted import predicted_dataset

    dataset = predicted_dataset(tmp_path_factory.mktemp("synthetic"), "test-evaluated")
    yield dataset
    dataset.delete()
