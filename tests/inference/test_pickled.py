"""Pickles and archives: nothing in them is run, and what is damaged is noticed."""

from __future__ import annotations

import os
import pickle
import random
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fathomnet_inference.checkpoint import Checkpoint, inspect, load_model
from fathomnet_voxel51.errors import FathomNetError, InputError

from benchmarks.lightning_file import save_lightning

from .winner import SMALL, random_crops, random_model, refusal, write_small


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_small(tmp_path / "last.ckpt")


class Payload:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self._call


def _calls(canary: Path) -> dict[str, Payload]:
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "posix.system": Payload(os.system, f"touch {canary}"),
        "eval": Payload(eval, code),
        "exec": Payload(exec, code),
        ".Popen": Payload(subprocess.Popen, ["touch", str(canary)]),
        "getattr": Payload(getattr, "", "join"),
        "io.open": Payload(open, str(canary), "w"),
        "pathlib.": Payload(Path.touch, canary),
        "pickle": Payload(pickle.loads, pickle.dumps(1)),
        "torch.serialization.load": Payload(torch.load, str(canary)),
    }


@pytest.mark.parametrize("call", _calls(Path()))
@pytest.mark.parametrize("place", ["hyper_parameters", "optimizer_states", "callbacks", "extra"])
def test_nothing_in_a_checkpoint_is_run(tmp_path: Path, call: str, place: str) -> None:
    canary = tmp_path / "canary"
    path = write_small(tmp_path / "last.ckpt", **{place: {"a": [_calls(canary)[call]]}})
    for reader in (inspect, load_model):
        assert call in refusal(path, reader)
    assert not canary.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_is_run_whatever_the_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    canary, path = tmp_path / "canary", tmp_path / "last.ckpt"
    content = {"state_dict": {"a": torch.zeros(1)}, "hyper_parameters": _calls(canary)["exec"]}
    torch.save(content, path, pickle_protocol=protocol)
    refusal(path)
    plain = tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(_calls(canary)["exec"], protocol))
    refusal(plain)
    legacy = tmp_path / "legacy.ckpt"
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    assert "is no torch checkpoint" in refusal(legacy)
    assert not canary.exists()


def test_the_classes_that_stand_in_for_omegaconfs_cannot_be_made_to_run_anything(
    tmp_path: Path,
) -> None:
    """State that is set on them stays data, even under the names of special methods."""
    path = tmp_path / "last.ckpt"
    canary = tmp_path / "canary"
    save_lightning(path, random_model(SMALL).state_dict(), SMALL, {"__setstate__": str(canary)})
    assert inspect(path).hyper_parameters["__setstate__"] == str(canary)
    assert not canary.exists()


def test_hyper_parameters_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    many: list[Any] = []
    for _ in range(30):
        many = [many, many]
    for name, value in {"endless": endless, "many": {"many": many}}.items():
        path = write_small(tmp_path / f"{name}.ckpt", hyper_parameters=value)
        assert "hold themselves" in refusal(path)


def _zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _packed_again(path: Path) -> None:
    write_small(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    _zip(path, members, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "words, write",
    [
        ("is empty", lambda path: path.write_bytes(b"")),
        ("is no torch checkpoint", lambda path: path.write_text("not a checkpoint")),
        ("is no torch checkpoint", lambda path: path.write_bytes(b"\x89PNG" * 100)),
        ("cut short", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(1000))),
        ("torch did not write it", lambda path: _zip(path, {"readme.txt": b"hello"})),
        (
            "cannot be read",
            lambda path: _zip(path, {"last/data.pkl": b"hello", "last/version": b"3"}),
        ),
        ("is compressed", _packed_again),
        ("a list, not a checkpoint", lambda path: torch.save([1], path)),
        ("a state dict alone", lambda path: torch.save({"a": torch.zeros(2)}, path)),
        ("has no state_dict; its keys are epoch", lambda path: torch.save({"epoch": 1}, path)),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, words: str, write: Callable[[Path], object]
) -> None:
    path = tmp_path / "last.ckpt"
    write(path)
    for reader in (inspect, load_model):
        assert words in refusal(path, reader)


def test_a_path_that_names_nothing_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "absent.ckpt")
    with pytest.raises(InputError, match="no such file"):
        inspect("")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.9, 0.999, 0.999999])
def test_a_checkpoint_that_was_cut_short_is_refused(small: Path, share: float) -> None:
    content = small.read_bytes()
    small.write_bytes(content[: int(share * len(content))])
    message = refusal(small)
    assert "cut short" in message or "is empty" in message


@pytest.mark.parametrize("seed", range(40))
def test_a_changed_byte_is_noticed_wherever_it_counts(small: Path, seed: int) -> None:
    intact = inspect(small)
    content = bytearray(small.read_bytes())
    chance = random.Random(seed)
    at = chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(8)
    small.write_bytes(content)
    try:
        model, found = load_model(small)
    except FathomNetError as error:
        assert str(small) in str(error)
    else:
        # A byte between the members, or in what describes them: no value has changed.
        assert found.sha256 != intact.sha256
        assert (found.concepts, found.size) == (intact.concepts, intact.size)
        crops = random_crops(1)
        reference = crops.logits(random_model(SMALL).for_inference())
        assert torch.equal(crops.logits(model), reference)


def test_a_hole_in_the_weights_is_noticed(small: Path) -> None:
    """What an interrupted copy to a network file system leaves: the right size, and zeros."""
    content = bytearray(small.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 4096] = bytes(4096)
    small.write_bytes(content)
    assert "do not match their checksum" in refusal(small)


def test_a_checkpoint_without_checksums_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.serialization.set_crc32_options(False)
    try:
        write_small(path)
    finally:
        torch.serialization.set_crc32_options(True)
    assert isinstance(inspect(path), Checkpoint)
