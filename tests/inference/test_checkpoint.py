"""Reading checkpoints: what is in one, that nothing in one is run, and every way to be wrong."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fathomnet_inference.checkpoint import inspect, load_model
from fathomnet_inference.model import ModelSize
from fathomnet_voxel51.errors import InputError

from tests.conftest import REPOSITORY

from .winner import FIXTURE, SMALL, needs_fixture, random_crops, random_model, refusal, write_small

HALF = torch.zeros(32, dtype=torch.float16)
CLASSIFIER = "classifier.net."
TAXA = tuple(f"Taxon {index:02}" for index in range(SMALL.concepts))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_small(tmp_path / "last.ckpt")


@needs_fixture
def test_what_is_in_the_original_programs_checkpoint() -> None:
    path = FIXTURE / "last.ckpt"
    found = inspect(path)
    assert found.name == "last.ckpt"
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    # Its names were written in another order, each as "Taxon" and its index.
    assert found.concepts == tuple(f"Taxon {index:02}" for index in range(79))
    assert found.size == ModelSize(width=64, layers=2, heads=4)
    assert found.hyper_parameters["env_img_crop_scale_list"] == [3, 5, -1]
    assert found.hyper_parameters["lr"] == 1e-6
    assert json.loads(json.dumps(found.hyper_parameters)) == found.hyper_parameters


def test_a_checkpoint_of_the_published_layout_is_read(small: Path) -> None:
    model, found = load_model(small)
    assert found == inspect(small)
    assert (found.size, found.concepts) == (SMALL, TAXA)
    crops = random_crops(2)
    expected = crops.logits(random_model(SMALL))
    torch.testing.assert_close(crops.logits(model), expected, rtol=0, atol=1e-5)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_omegaconf_is_not_needed_and_would_not_be_imported(small: Path) -> None:
    script = (
        "import sys; from fathomnet_inference.checkpoint import load_model\n"
        f"load_model({str(small)!r})\n"
        "banned = {'omegaconf', 'transformers', 'lightning', 'fiftyone', 'pandas'}\n"
        "assert not banned & set(sys.modules), banned & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=REPOSITORY)


def test_the_optimizer_costs_no_memory(tmp_path: Path) -> None:
    """Peak of a process that loads and predicts, less what it held before: 1.2 times at most."""
    script = """
import sys, torch
from pathlib import Path
from benchmarks.inference_memory import make_checkpoint
from fathomnet_inference.checkpoint import load_model
from fathomnet_inference.layout import empty_model
from fathomnet_inference.size import ModelSize
from tests.inference.winner import random_crops

size = ModelSize(width=512, layers=6, heads=4, attention_layers=2)
path = Path(sys.argv[1])
if sys.argv[2] == "make":
    make_checkpoint(path, size)
    sys.exit()

def memory(name):
    # Unlike getrusage's, this peak is not inherited from the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024

crops = random_crops(1)
torch.nn.functional.linear(crops.whole.flatten(0, 2), torch.ones(300, 256))
before = memory("VmRSS")
model, _ = load_model(path)
crops.logits(model)
peak = memory("VmHWM")
weights = sum(4 * each.numel() for each in empty_model(size).drop_unused().parameters())
assert weights > 3e8 and path.stat().st_size > 2.9 * weights
print((peak - before) / weights)
"""
    path = tmp_path / "last.ckpt"
    for step in ("make", "load"):
        command = [sys.executable, "-c", script, str(path), step]
        run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert 0.9 < float(run.stdout) <= 1.2


def test_progress_reaches_the_end(small: Path) -> None:
    shares: list[float] = []
    inspect(small, lambda share, _: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1.0


def _change(**changes: Any) -> Callable[[Path], Path]:
    return lambda path: write_small(path, **changes)


def _weights(**changes: torch.Tensor | None) -> Callable[[Path], Path]:
    weights: dict[str, Any] = {**random_model(SMALL).state_dict(), **changes}
    return _change(weights={name: each for name, each in weights.items() if each is not None})


def _names(names: object) -> Callable[[Path], Path]:
    return _change(settings={"category_id2name": names})


def _in_transformers_5(path: Path) -> Path:
    weights = random_model(SMALL).state_dict()
    renamed = {
        re.sub(r"attention\.attention\.(.)\w+", r"attention.\1_proj", name): each
        for name, each in weights.items()
    }
    return write_small(path, weights=renamed)


@pytest.mark.parametrize(
    "words, write",
    [
        ("hyper_parameters: is missing", lambda path: torch.save({"state_dict": {}}, path)),
        ("are a list", _change(hyper_parameters=[1])),
        ("state_dict: is a dict without weights", _change(state_dict={})),
        ("is a int, not a plain tensor", _change(state_dict={"a": 1})),
        ("the name is no text", _change(state_dict={1: torch.zeros(1)})),
        ("torch.float16, not torch.float32", _weights(**{CLASSIFIER + "0.bias": HALF})),
        ("net.0.bias']: is missing", _weights(**{CLASSIFIER + "0.bias": None})),
        ("net.4.weight']: is missing", _weights(**{CLASSIFIER + "4.weight": None})),
        ("net.9.bias']: is no weight of", _weights(**{CLASSIFIER + "9.bias": torch.zeros(3)})),
        ("(31,), expected (32,)", _weights(**{CLASSIFIER + "0.bias": torch.zeros(31)})),
        ("has the shape ()", _weights(**{CLASSIFIER + "4.weight": torch.zeros(())})),
        ("transformers 5", _in_transformers_5),
        ("heads is not known", _change(settings={"obj_vit_encoder_path": "other/encoder"})),
        ("[5, 3, -1], where [3, 5, -1]", _change(settings={"env_img_crop_scale_list": [5, 3, -1]})),
        ("[224, 224]", _change(settings={"obj_encoder_size": [224, 224]})),
        ("category_id2name: is missing", _names(None)),
        ("category_id2name[2]: is missing", _names({0: "a", 1: "b"})),
        ("category_id2name[3]: the model has only", _names({0: "a", 1: "b", 2: "c", 3: "d"})),
        ("category_id2name[0]: is missing", _names({1: "a", 2: "b", 3: "c"})),
        ("the name of another index", _names({0: "a", 1: "b", 2: "b"})),
        ("is no name", _names({0: "a", 1: "b", 2: " "})),
        ("7 is no name", _names({0: "a", 1: "b", 2: 7})),
    ],
)  # fmt: skip
def test_other_checkpoints_are_refused(
    tmp_path: Path, words: str, write: Callable[[Path], object]
) -> None:
    path = tmp_path / "last.ckpt"
    write(path)
    for reader in (inspect, load_model):
        assert words in refusal(path, reader)


def test_every_difference_is_told(tmp_path: Path) -> None:
    weights = random_model(SMALL).state_dict()
    for name in ("concat_proj.net.0.bias", "classifier.net.3.bias"):
        del weights[name]
    message = refusal(write_small(tmp_path / "last.ckpt", weights=weights))
    assert "2 faults" in message
    assert "concat_proj.net.0.bias" in message and "classifier.net.3.bias" in message


def test_a_checkpoint_in_a_folder_or_in_an_archive_is_named_and_nothing_is_to_be_deleted(
    tmp_path: Path,
) -> None:
    """As a browser leaves what it has fetched from Google Drive."""
    checkpoint = tmp_path / "last-002.ckpt"
    checkpoint.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"in it itself: .*last-002\.ckpt"):
        inspect(tmp_path)
    archive = tmp_path / "drive-download-20250601T000000Z-001.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(checkpoint, "experiment-final14/last.ckpt")
    with pytest.raises(InputError, match=r"name experiment-final14/last\.ckpt"):
        inspect(archive)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="convert") as refused:
        inspect(tmp_path / "empty")
    assert "elete" not in str(refused.value)
