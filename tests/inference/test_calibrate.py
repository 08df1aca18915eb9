"""The fitted temperature is the one that the labels were drawn at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fathomnet_inference.calibrate import (
    Calibration,
    calibrate,
    fit_temperature,
    negative_log_likelihood,
    read_temperature,
)
from fathomnet_inference.decide import probabilities
from fathomnet_inference.results import read_results
from fathomnet_inference.run import run
from fathomnet_voxel51.errors import InputError
from scipy.optimize import minimize_scalar

from tests.inference.toy import BOXES, IMAGES, Toy

RANDOM = np.random.default_rng(3)


def drawn(temperature: float, boxes: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident or underconfident probabilities, and labels from the true ones."""
    logits = RANDOM.normal(0, 2, (boxes, 10))
    true = probabilities(logits, temperature)
    labels = (true.cumsum(axis=1) < RANDOM.random((boxes, 1))).sum(axis=1)
    return probabilities(logits), np.minimum(labels, 9)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8, 4.0])
def test_the_temperature_of_the_labels_is_found(temperature: float) -> None:
    shares, labels = drawn(temperature)
    assert fit_temperature(shares, labels) == pytest.approx(temperature, rel=0.05)


def test_the_fit_is_scipys() -> None:
    shares, labels = drawn(2.5, boxes=300)
    found = minimize_scalar(
        lambda at: negative_log_likelihood(shares, labels, np.exp(at)),
        bounds=(-3, 3),
        method="bounded",
    )
    assert fit_temperature(shares, labels) == pytest.approx(np.exp(found.x), rel=1e-3)


def test_the_likelihood_is_worked_by_hand() -> None:
    shares = np.array([[0.8, 0.2], [0.5, 0.5]])
    labels = np.array([0, 1])
    assert negative_log_likelihood(shares, labels, 1.0) == pytest.approx(
        -(np.log(0.8) + np.log(0.5)) / 2
    )
    tempered = np.sqrt(0.8) / (np.sqrt(0.8) + np.sqrt(0.2))
    assert negative_log_likelihood(shares, labels, 2.0) == pytest.approx(
        -(np.log(tempered) + np.log(0.5)) / 2
    )


def test_probabilities_that_were_rounded_to_nothing_do_no_harm() -> None:
    shares = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    temperature = fit_temperature(shares, np.array([0, 1, 1]))
    assert np.isfinite(temperature) and temperature > 1


@pytest.fixture(scope="module")
def predictions(toy: Toy, one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("predictions")
    run(toy.request(output, temperature="2"))
    return output


def labelled(toy: Toy, path: Path, shift: int = 0) -> Path:
    """The toy's file with a category for all boxes but two, one of which the model has not."""
    coco = json.loads(toy.annotations.read_text())
    for box in coco["annotations"]:
        box["category_id"] = 1 + box["id"] % 7
        box["image_id"] = 100 + (box["image_id"] - 100 + shift) % IMAGES
    coco["annotations"][0]["category_id"] = None
    coco["annotations"][1]["category_id"] = 1_000
    coco["categories"].append({"id": 1_000, "name": "Kraken"})
    path.write_text(json.dumps(coco))
    return path


def test_a_calibration_goes_into_the_next_run(
    toy: Toy, predictions: Path, one_thread: None, tmp_path: Path
) -> None:
    file = tmp_path / "temperature.json"
    found = calibrate(labelled(toy, tmp_path / "labelled.json"), predictions, file)
    assert Calibration(**json.loads(file.read_text())) == found
    assert (found.boxes, found.unknown_labels) == (BOXES - 2, 1)
    assert found.nll_after <= found.nll_before

    run(toy.request(tmp_path / "calibrated", temperature=str(file)))
    results, manifest = read_results(tmp_path / "calibrated")
    assert manifest["settings"]["temperature"] == found.temperature
    rows = results.rows.to_pandas()["annotation_id"].to_numpy()
    known = (rows != BOXES) & (rows != BOXES - 1)
    truth = (rows % 7)[known]
    likely = results.probabilities[known][np.arange(len(truth)), truth].astype(np.float64)
    assert -np.log(likely).mean() == pytest.approx(found.nll_after, rel=1e-4)


def test_predictions_of_another_split_are_refused(
    toy: Toy, predictions: Path, tmp_path: Path
) -> None:
    other = labelled(toy, tmp_path / "train.json", shift=1)
    with pytest.raises(InputError, match="another split") as refusal:
        calibrate(other, predictions, tmp_path / "temperature.json")
    assert len(refusal.value.faults) == BOXES
    assert not (tmp_path / "temperature.json").exists()


def test_a_file_without_labels_is_refused(toy: Toy, predictions: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no predicted box has a label"):
        calibrate(toy.annotations, predictions, tmp_path / "temperature.json")


@pytest.mark.parametrize("given", ["1", "0.5", " 2e0 "])
def test_a_temperature_may_be_a_number(given: str) -> None:
    assert read_temperature(given, "") == float(given)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"temperature": "warm"}', '{"temperature": 1}', '{"temperature": NaN}'],
)
def test_what_is_no_calibration_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "temperature.json"
    path.write_text(content)
    with pytest.raises(InputError):
        read_temperature(str(path), "c")


def test_the_calibration_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "temperature.json"
    path.write_text('{"temperature": 1.5, "checkpoint_sha256": "c1"}')
    assert read_temperature(str(path), "c1") == 1.5
    with pytest.raises(InputError, match="was fitted to checkpoint c1"):
        read_temperature(str(path), "c2")
