"""Conversions: equal, complete or absent, and never over anything else."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from fathomnet_inference.checkpoint import convert, inspect, load_model
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.files.writing import PartFile

from tests.support.forking import forking

from .winner import FIXTURE, SMALL, fixture_crops, needs_fixture, random_model, refusal, write_small


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_small(tmp_path / "last.ckpt")


@pytest.fixture
def converted(small: Path) -> Path:
    folder = small.parent / "winner"
    convert(small, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


@needs_fixture
def test_a_conversion_predicts_what_its_source_does(tmp_path: Path) -> None:
    source, folder = FIXTURE / "last.ckpt", tmp_path / "winner"
    made = convert(source, folder)
    assert made == inspect(source) == inspect(folder)
    crops = fixture_crops(torch.float32)
    expected = crops.logits(load_model(source)[0])
    # The folder, or either of its files, as a shell completes a path.
    for path in (folder, folder / "weights.safetensors", folder / "checkpoint.json"):
        model, checkpoint = load_model(path)
        assert checkpoint == made
        assert torch.equal(crops.logits(model), expected)


def test_a_conversion_holds_the_weights_that_predictions_use(small: Path, converted: Path) -> None:
    kept = {
        name: each
        for name, each in random_model(SMALL).state_dict().items()
        if not name.startswith(("hierarchical_classifier.", "obj_proj_module."))
        and not name.endswith(".mask_token")
    }
    with safetensors.safe_open(converted / "weights.safetensors", framework="pt") as file:
        assert set(file.keys()) == set(kept)
        assert all(torch.equal(file.get_tensor(name), each) for name, each in kept.items())
    assert sorted(contents(converted)) == ["checkpoint.json", "weights.safetensors"]


def test_a_conversion_is_left_as_it_is(small: Path, converted: Path) -> None:
    before = [(each.name, each.stat().st_mtime_ns) for each in sorted(converted.iterdir())]
    assert convert(small, converted) == inspect(small)
    assert [(each.name, each.stat().st_mtime_ns) for each in sorted(converted.iterdir())] == before


def test_a_conversion_tells_how_far_it_is(small: Path) -> None:
    shares: list[float] = []
    convert(small, small.parent / "winner", lambda share, _: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_a_conversion_of_another_checkpoint_is_kept(small: Path, converted: Path) -> None:
    other = write_small(small.with_name("other.ckpt"), seed=1)
    before = contents(converted)
    with pytest.raises(InputError, match="holds a conversion of another file"):
        convert(other, converted)
    assert contents(converted) == before


def test_a_file_of_weights_from_elsewhere_is_kept(small: Path) -> None:
    folder = small.parent / "winner"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"mine")
    with pytest.raises(InputError, match="not from this file"):
        convert(small, folder)
    assert contents(folder) == {"weights.safetensors": b"mine"}


def test_a_conversion_is_not_converted(converted: Path) -> None:
    with pytest.raises(InputError, match="converted checkpoint already"):
        convert(converted, converted.parent / "again")


def convert_until(call: int, source: Path, folder: Path) -> None:
    """Converts until so many calls have been made to write; for a process of its own."""
    calls = count(1)

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def until(*arguments: Any) -> Any:
            if next(calls) == call:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments)

        return until

    for name in ("create", "write", "publish", "discard"):
        setattr(PartFile, name, counted(getattr(PartFile, name)))
    convert(source, folder)


STEPS = len(random_model(SMALL).drop_unused().state_dict())
"""Writes of weights; the calls are: create, a header, these, publish, discard, create, ..."""


@pytest.mark.fault(
    operator="fathomnet-infer convert",
    happens="it is killed at any write",
    end="unfinished weights are refused; run again, the same bytes",
)
@pytest.mark.parametrize("call", [1, 2, 3, STEPS // 2, STEPS + 3, STEPS + 4, STEPS + 5, STEPS + 7])
def test_a_conversion_that_is_killed_is_begun_again(small: Path, call: int) -> None:
    folder, clean = small.parent / "winner", small.parent / "clean"
    process = forking.Process(target=convert_until, args=(call, small, folder))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert not (folder / "checkpoint.json").exists()
    assert "not a finished one" in refusal(folder)
    convert(small, folder)
    convert(small, clean)
    assert contents(folder) == contents(clean)


@pytest.mark.fault(
    operator="fathomnet-infer convert",
    happens="the disk is full",
    end="said as such, and nothing is left",
)
def test_a_full_disk_is_told_and_leaves_nothing(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(part: PartFile, chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(PartFile, "write", full)
    with pytest.raises(SetupError, match="No space left"):
        convert(small, small.parent / "winner")
    assert contents(small.parent / "winner") == {}


def test_too_little_room_is_told_before_anything_is_written(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(SetupError, match="are free"):
        convert(small, small.parent / "winner")
    assert contents(small.parent / "winner") == {}


def test_a_folder_that_cannot_be_made_is_told(small: Path) -> None:
    with pytest.raises(SetupError, match="cannot be written"):
        convert(small, small / "winner")


@pytest.mark.parametrize("place", [0, 8, 100, 0.3, 0.7, -1])
def test_a_changed_byte_in_the_weights_is_noticed(converted: Path, place: float) -> None:
    weights = converted / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[int(place * len(content)) if isinstance(place, float) else place] ^= 1
    weights.write_bytes(content)
    assert "the file is damaged" in refusal(converted)


@pytest.mark.parametrize("kept", [0, 7, 1000, -1])
def test_weights_that_were_cut_short_are_noticed(converted: Path, kept: int) -> None:
    weights = converted / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    for reader in (inspect, load_model):
        assert "bytes were written" in refusal(converted, reader)


def test_missing_weights_are_noticed(converted: Path) -> None:
    (converted / "weights.safetensors").unlink()
    assert "is missing" in refusal(converted, inspect)


@pytest.mark.parametrize(
    "words, change",
    [
        ("is no JSON", lambda text: text[:100]),
        ("is no JSON", lambda text: "\0"),
        ("is no JSON", lambda text: "[" * 100_000),
        ("checkpoint", lambda text: "{}"),
        ("format_version", lambda text: text.replace('"format_version": 1', '"format_version": 2')),
        ("width", lambda text: text.replace('"width": 32', '"width": "wide"')),
        ("positive", lambda text: text.replace('"heads": 4', '"heads": 0')),
        ("among 5", lambda text: text.replace('"heads": 4', '"heads": 5')),
        ("was changed", lambda text: text.replace('"heads": 4', '"heads": 2')),
        ("was changed", lambda text: text.replace("Taxon 01", "Taxon 07")),
    ],
)
def test_a_changed_description_is_refused(converted: Path, words: str, change: object) -> None:
    description = converted / "checkpoint.json"
    description.write_text(change(description.read_text()))  # type: ignore[operator]
    assert words in refusal(converted)


def test_a_description_is_plain_json(converted: Path) -> None:
    content = json.loads((converted / "checkpoint.json").read_text())
    assert content["checkpoint"]["concepts"] == ["Taxon 00", "Taxon 01", "Taxon 02"]
    assert content["checkpoint"]["size"]["width"] == SMALL.width
    assert content["format_version"] == 1
