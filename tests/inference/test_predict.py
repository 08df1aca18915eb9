"""Images to logits: every box once, in order, whatever the batch, the threads and the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fathomnet_inference import pipeline, predict
from fathomnet_inference.annotations import Box, ImageBoxes, read_annotations
from fathomnet_inference.checkpoint import load_model
from fathomnet_inference.device import Precision
from fathomnet_inference.predict import BoxLogits, PredictSettings, Unpredicted
from fathomnet_inference.runner import Runner
from fathomnet_voxel51.progress import silent

from tests.inference.stand_in import StandIn, draw, flat, ids, logits_of, run, wanted
from tests.inference.winner import FIXTURE, needs_fixture

pytestmark = pytest.mark.usefixtures("one_thread")


@needs_fixture
@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2, 5, 22])
def test_the_fixture_gives_the_original_programs_logits(batch: int, workers: int) -> None:
    expected = np.load(FIXTURE / "logits.npz")
    images = read_annotations(FIXTURE / "dataset_test.json").images
    model, _ = load_model(FIXTURE / "last.ckpt")
    boxes = flat(run(model, images, FIXTURE / "images", batch, workers))
    assert ids(boxes) == list(zip(expected["annotation_id"], expected["image_id"], strict=True))
    found = logits_of(boxes)
    np.testing.assert_allclose(found, expected["logits"], rtol=0, atol=5e-4)
    assert found.argmax(1).tolist() == expected["pred_index"].tolist()


@needs_fixture
def test_the_order_of_images_and_boxes_does_not_matter() -> None:
    expected = np.load(FIXTURE / "logits.npz")
    images = read_annotations(FIXTURE / "dataset_test.json").images
    mixed = [
        ImageBoxes(image.image_id, image.file_name, image.boxes[::-1]) for image in images[::-1]
    ]
    model, _ = load_model(FIXTURE / "last.ckpt")
    boxes = flat(run(model, mixed, FIXTURE / "images", 4))
    assert ids(boxes) == wanted(mixed)
    found = {box.annotation_id: box.logits for box in boxes}
    for annotation_id, logits in zip(expected["annotation_id"], expected["logits"], strict=True):
        np.testing.assert_allclose(found[annotation_id], logits, rtol=0, atol=5e-4)


@needs_fixture
@pytest.mark.parametrize(("precision", "typical"), [("bf16", 0.15), ("fp16", 0.02)])
def test_half_precision_runs_and_stays_near(precision: Precision, typical: float) -> None:
    expected = np.load(FIXTURE / "logits.npz")["logits"]
    images = read_annotations(FIXTURE / "dataset_test.json").images
    model, _ = load_model(FIXTURE / "last.ckpt")
    settings = PredictSettings(8, precision, "cpu")
    found = logits_of(flat(predict.predict(model, images, FIXTURE / "images", settings, silent)))
    assert np.abs(found - expected).mean() < typical  # of logits up to 6; by 8 and 11 bits


def test_each_box_gets_its_own_views(tmp_path: Path) -> None:
    """One box at a time and seven at a time differ in nothing but rounding."""
    images = draw(tmp_path, [1, 3, 0, 2, 5])
    one = flat(run(StandIn(), images, tmp_path, 1))
    seven = flat(run(StandIn(), images, tmp_path, 7, workers=2))
    assert ids(one) == ids(seven) == wanted(images)
    np.testing.assert_allclose(logits_of(one), logits_of(seven), rtol=0, atol=1e-5)
    assert len(np.unique(logits_of(one).round(3), axis=0)) == 11


def test_groups_are_whole_images_as_they_are_finished(tmp_path: Path) -> None:
    images = draw(tmp_path, [2, 2, 3, 1])
    groups = [ids(group) for group in run(StandIn(), images, tmp_path, 3)]
    assert [[image for _, image in group] for group in groups] == [[0, 0], [1, 1], [2, 2, 2, 3]]


def test_batches_are_filled_across_images_and_whole_images_encoded_once(tmp_path: Path) -> None:
    images = draw(tmp_path, [1, 3, 2, 5, 1])
    model = StandIn()
    flat(run(model, images, tmp_path, 4))
    assert model.batches == [4, 4, 4]
    assert model.whole_images == len(images)


def test_a_box_whose_centre_is_outside_has_a_whole_image_of_its_own(tmp_path: Path) -> None:
    """And the others of its image keep sharing theirs, also in the next batch."""
    inside, outside = (5.0, 5.0, 8.0, 8.0), (70.0, 5.0, 8.0, 8.0)
    numbers = enumerate([inside, outside, inside, outside])
    boxes = tuple(Box(annotation_id, *box) for annotation_id, box in numbers)
    [image] = draw(tmp_path, [0])
    model = StandIn()
    found = logits_of(flat(run(model, [ImageBoxes(0, image.file_name, boxes)], tmp_path, 2)))
    assert model.whole_images == 3
    whole = found[:, 9:]
    np.testing.assert_array_equal(whole[0], whole[2])
    assert np.abs(whole[0] - whole[1]).max() > 0.01


def test_an_unreadable_image_costs_its_own_boxes(tmp_path: Path) -> None:
    images = draw(tmp_path, [2, 3, 2, 1])
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "3.png").unlink()
    boxes = flat(run(StandIn(), images, tmp_path, 3, workers=2))
    assert ids(boxes) == wanted(images)
    reasons = {box.image_id: box.reason for box in boxes if isinstance(box, Unpredicted)}
    assert reasons == {1: "the file is empty", 3: "no such file"}
    assert sum(isinstance(box, BoxLogits) for box in boxes) == 4


def test_nothing_readable_is_reported_at_once(tmp_path: Path) -> None:
    images = [ImageBoxes(number, f"{number}.png", (Box(number, 1, 1, 9, 9),)) for number in (1, 2)]
    assert [len(group) for group in run(StandIn(), images, tmp_path, 8)] == [1, 1]


def test_no_boxes_need_no_model(tmp_path: Path) -> None:
    assert flat(run(StandIn(fits=0), draw(tmp_path, [0, 0]), tmp_path, 2)) == []


def test_numbers_that_are_not_finite_are_no_prediction(tmp_path: Path) -> None:
    class Overflows(StandIn):
        def forward(self, *given: object) -> torch.Tensor:
            logits = super().forward(*given)
            logits[1, 3] = torch.inf
            return logits

    boxes = flat(run(Overflows(), draw(tmp_path, [3]), tmp_path, 4))
    assert [type(box) for box in boxes] == [BoxLogits, Unpredicted, BoxLogits]
    assert "not finite" in boxes[1].reason


def test_a_batch_that_is_awaited_late_keeps_the_order(tmp_path: Path) -> None:
    """On a GPU the next batch is under way before the last one's logits are fetched."""
    images = draw(tmp_path, [2, 1, 4, 1, 1])
    runner = Runner(StandIn(), torch.device("cpu"), torch.float32, 2, 9)
    parts = pipeline.read_ahead(images, tmp_path, 1, 4)
    finished = predict._Finished(images, silent)
    groups = predict._groups(runner, parts, finished, on_the_way=1)
    assert ids(flat(groups)) == wanted(images)


def test_progress_tells_boxes_and_failures(tmp_path: Path) -> None:
    images = draw(tmp_path, [2, 1, 1])
    (tmp_path / "1.png").unlink()
    heard: list[tuple[float, str]] = []
    settings = PredictSettings(2, "fp32", "cpu", 0)
    said = predict.predict(
        StandIn(), images, tmp_path, settings, lambda share, label: heard.append((share, label))
    )
    flat(said)
    assert heard[0] == (0.5, "predicting 2/4 boxes")
    assert heard[-1] == (1.0, "predicting 4/4 boxes, 1 not possible")


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        PredictSettings(batch_size=0)
    with pytest.raises(ValueError, match="workers"):
        PredictSettings(workers=-1)
