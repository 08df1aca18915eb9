"""What the device has and lacks: its memory, its precision, its being there at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from fathomnet_inference import device as devices
from fathomnet_inference.predict import PredictSettings, predict
from fathomnet_inference.runner import Runner, largest_batch
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.hardware import is_out_of_memory
from fathomnet_voxel51.progress import silent

from tests.inference.stand_in import StandIn, draw, flat, ids, logits_of, run, wanted

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")


@pytest.mark.fault(
    operator="fathomnet-infer run",
    happens="the accelerator's memory runs out",
    end="batches are halved, no box is lost, the results are the same",
)
@pytest.mark.parametrize("fits", [1, 2, 3, 7])
def test_when_memory_runs_out_batches_are_halved_and_no_box_is_lost(
    fits: int, tmp_path: Path
) -> None:
    images = draw(tmp_path, [3, 1, 9, 2, 4])
    model = StandIn(fits)
    boxes = flat(run(model, images, tmp_path, 8))
    np.testing.assert_allclose(
        logits_of(boxes), logits_of(flat(run(StandIn(), images, tmp_path, 1))), rtol=0, atol=1e-5
    )
    assert ids(boxes) == wanted(images)
    assert max(model.batches) <= fits


def test_memory_for_not_even_one_box_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="batch of one"):
        flat(run(StandIn(fits=0), draw(tmp_path, [3]), tmp_path, 4))


def test_other_errors_of_the_model_are_not_taken_for_memory(tmp_path: Path) -> None:
    model = StandIn()
    model.encode_whole = lambda pixels: 1 / 0
    with pytest.raises(ZeroDivisionError):
        flat(run(model, draw(tmp_path, [3]), tmp_path, 4))


@pytest.mark.parametrize("limit", [1, 5, 64])
@pytest.mark.parametrize("room", [1, 2, 3, 8, 63, 64, 1000])
def test_a_trial_doubles_until_memory_is_full(room: int, limit: int) -> None:
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= room

    found = largest_batch(fits, limit)
    doubled = [size for size in (1, 2, 4, 8, 16, 32, 64) if size < limit] + [limit]
    assert found == max(size for size in doubled if size <= room)
    assert tried == doubled[: len(tried)]


def test_a_trial_in_which_nothing_fits_is_an_error() -> None:
    with pytest.raises(SetupError, match="nvidia-smi"):
        largest_batch(lambda size: False, 64)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        pytest.param((6, 1), torch.float32, id="Pascal"),
        pytest.param((7, 0), torch.float16, id="Volta"),
        pytest.param((7, 5), torch.float16, id="Turing, the RTX 6000"),
        pytest.param((8, 0), torch.bfloat16, id="A100"),
        pytest.param((9, 0), torch.bfloat16, id="H100"),
    ],
)
def test_the_precision_suits_the_gpu(
    capability: tuple[int, int], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    gpu = torch.device("cuda")
    assert devices.choose_precision("auto", gpu) is expected
    assert devices.choose_precision("fp32", gpu) is torch.float32
    assert devices.choose_precision("auto", CPU) is torch.float32


def test_a_gpu_that_is_not_there_is_an_error_before_anything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose_device("auto") == CPU
    with pytest.raises(SetupError, match="no GPU"):
        predict(StandIn(), draw(tmp_path, [1]), tmp_path, PredictSettings(device="cuda"), silent)


def test_rounded_weights_do_not_pass_for_float32() -> None:
    model = StandIn()
    model.weights = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
    with pytest.raises(SetupError, match="load it again"):
        Runner(model, CPU, torch.float32, 1, 1)


def test_tf32_is_off_inside_and_as_before_outside() -> None:
    torch.backends.cudnn.allow_tf32 = True
    with devices.exact_float32():
        assert not torch.backends.cudnn.allow_tf32
        assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cudnn.allow_tf32


def test_lack_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as full:
        torch.empty(10**16, dtype=torch.uint8)
    assert is_out_of_memory(full.value)
    assert is_out_of_memory(torch.OutOfMemoryError())
    assert not is_out_of_memory(RuntimeError("device-side assert triggered"))
    assert not is_out_of_memory(ValueError("out of memory"))
