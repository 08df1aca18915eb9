"""No message is longer than a screen: a sound file of each kind that is read, spoilt in many ways.

The readers' own tests build faulty files member by member; here no kind of file is left out.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from fathomnet_inference.annotations import read_annotations
from fathomnet_inference.calibrate import read_temperature
from fathomnet_inference.checkpoint import inspect
from fathomnet_inference.results import read_results
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.command_line.terminal import use_deployment
from fathomnet_voxel51.embeddings.vector_files import read_vector_file
from fathomnet_voxel51.errors import FathomNetError
from fathomnet_voxel51.files.credentials import find_credentials
from fathomnet_voxel51.files.network import read_logins
from fathomnet_voxel51.media.ledger import Entry, Job, known_outcomes, open_ledger
from fathomnet_voxel51.media.request import read_listed
from fathomnet_voxel51.media.storage_transfer.renaming import rename_transferred
from fathomnet_voxel51.needles.packs import read_pack
from fathomnet_voxel51.prediction_files import read_predictions, write_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from fathomnet_voxel51.taxonomy.table import read_table

from demo.emulator import emulator
from tests.support.malformed_coco import coco_bytes

SCREEN = 2_000
VARIANTS = 60
SIGNS = ('"', "{", "[", ",", "\n", "\x00", ":", "<a>")
LONG = ("x" * 5_000, "/" * 5_000, "\u202e" * 3_000, '","' * 2_000, "\\u0000" * 900, "9" * 5_000)


@dataclass(frozen=True)
class Kind:
    """A kind of file: a sound one, and what reads it."""

    sound: Callable[[Path], Path]
    read: Callable[[Path], Any]


def _written(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def _ledger(folder: Path) -> Path:
    with open_ledger(Job("train", "ab12", "urls", str(folder))) as ledger:
        for name in "abc":
            ledger.record(Entry(f"{name}.png", "failed", "no answer", source="12"))
        return ledger.path


def _run(folder: Path) -> Path:
    rows = {
        "annotation_id": [1, 2],
        "image_id": [1, 1],
        "concept_name": ["Caridea", "Sebastes"],
        "confidence": [0.5, 0.9],
        "rank": ["infraorder", "genus"],
    }
    manifest = {"format_version": 1, "concepts": ["Caridea", "Sebastes"]}
    write_predictions(folder / "run", rows, manifest)
    return folder / "run" / "manifest.json"


def _vectors(folder: Path) -> Path:
    np.savez(folder / "v.npz", ids=np.arange(3), vectors=np.ones((3, 4), np.float32))
    return folder / "v.npz"


def _own_table(path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FATHOMNET_NAMES", str(path))
        return load_taxonomy()


def _with(variable: str, read: Callable[[], Any]) -> Callable[[Path], Any]:
    def reading(path: Path) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(variable, str(path))
            return read()

    return reading


def _deployment(path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("FIFTYONE_API_URI", "FIFTYONE_API_KEY"):
            patch.delenv(name, raising=False)
        return use_deployment("reef", path.parent)


COCO = coco_bytes()
ROW = "Munidopsis sola,species,Animalia,Arthropoda,Malacostraca,Decapoda,Munidopsidae,Munidopsis"
TABLE = (
    "concept,rank,kingdom,phylum,class,order,family,genus,species\n"
    f"{ROW},Munidopsis sola\nPorifera,phylum,Animalia,Porifera,,,,,\n"
)
PACK = yaml.safe_dump(
    {"name": "p", "version": 1, "title": "T", "needles": [{"name": "a", "prompts": ["a crab"]}]}
)
KEY = json.dumps({"type": "service_account", "project_id": "p", "client_email": "a@b"})
RENAMES = "transferred_name,object_name\nhost/a.png,train_images/a.png\n"
SUBMISSION = "annotation_id,concept_name\n1,Caridea\n2,Sebastes\n"
WIDE = "annotation_id,Caridea,Sebastes\n1,0.5,0.5\n2,0.1,0.9\n"
CALIBRATION = json.dumps({"temperature": 1.5, "checkpoint_sha256": "ab", "boxes": 9})


def _names(path: Path) -> Any:
    return read_predictions(str(path), load_taxonomy().canonical, load_taxonomy().suggest)


KINDS = {
    "annotations": Kind(_written("a.json", COCO), read_catalog),
    "annotations, bad boxes skipped": Kind(
        _written("a.json", COCO), lambda path: read_catalog(path, skip_bad_boxes=True)
    ),
    "annotations of a transfer": Kind(_written("a.json", COCO), lambda p: read_listed(str(p))),
    "annotations of a run": Kind(_written("a.json", COCO), read_annotations),
    "predictions": Kind(_written("p.csv", SUBMISSION), _names),
    "predictions, a column a concept": Kind(_written("p.csv", WIDE), _names),
    "a run's manifest": Kind(_run, lambda path: _names(path.parent)),
    "a run to merge": Kind(_run, lambda path: read_results(path.parent)),
    "a taxonomy": Kind(_written("t.csv", TABLE), read_table),
    "a table of one's own": Kind(_written("t.csv", TABLE), _own_table),
    "vectors": Kind(_vectors, lambda path: read_vector_file(str(path))),
    "a pack of needles": Kind(_written("p.yaml", PACK), lambda path: read_pack(str(path))),
    "a ledger": Kind(_ledger, lambda path: known_outcomes(str(path.parents[1]), "train", "ab12")),
    "logins": Kind(
        _written("l.json", '{"reef.example": {"Cookie": "a=b"}}'),
        _with("FATHOMNET_LOGINS", read_logins),
    ),
    "a key": Kind(
        _written("k.json", KEY), _with("GOOGLE_APPLICATION_CREDENTIALS", find_credentials)
    ),
    "deployments": Kind(
        _written(".env", "FIFTYONE_API_URI_REEF=https://a\nFIFTYONE_API_KEY_REEF=b\n"), _deployment
    ),
    "a calibration": Kind(
        _written("c.json", CALIBRATION), lambda path: read_temperature(str(path), "ab")
    ),
    "a checkpoint": Kind(_written("last.ckpt", b"PK\x03\x04" + bytes(90)), inspect),
}


def spoilt(content: bytes, made: random.Random) -> bytes:
    """The content with something long, cut, repeated or out of place in it."""
    text = content.decode("utf-8", "surrogateescape")
    long = made.choice(LONG)
    words = [match.span() for match in re.finditer(r"[\w.]+", text)] or [(0, 0)]
    start, end = made.choice(words)
    place = made.randrange(len(text) + 1)
    lines = text.splitlines(keepends=True) or [""]
    changed = made.choice(
        [
            text[:start] + long + text[end:],
            text[:place] + long + text[place:],
            text[:place]
            + made.choice(['"', "{", "[", ",", "\n", "\x00", ":", "<a>"])
            + text[place:],
            text[:place],
            "".join(line * made.choice([1, 400]) for line in lines),
            re.sub(r"[\w.]+", lambda word: made.choice([word[0], long[:300]]), text),
            re.sub(r"\d+", lambda word: made.choice([word[0], "-1", "1e999", '"x"']), text),
            long,
            "",
        ]
    )
    return changed.encode("utf-8", "surrogateescape")


@pytest.fixture(scope="module", autouse=True)
def bucket() -> Iterator[None]:
    """Maps of names are read where a bucket answers."""
    with emulator() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", server.url)
        KINDS["a map of names"] = Kind(
            _written("m.csv", RENAMES),
            lambda path: rename_transferred(path, f"gs://{server.bucket}"),
        )
        yield


def told(found: Any) -> Iterator[str]:
    """What is noticed in a file that is read."""
    for name in ("notes", "told", "skipped", "rejected", "unread"):
        yield from map(str, getattr(found, name, None) or ())


@pytest.mark.parametrize("kind", [*KINDS, "a map of names"])
def test_a_spoilt_file_is_read_or_refused_on_one_screen(kind: str, tmp_path: Path) -> None:
    made = random.Random(kind)
    path = KINDS[kind].sound(tmp_path)
    sound, refused = path.read_bytes(), 0
    for _ in range(VARIANTS):
        content = spoilt(sound, made)
        path.write_bytes(content)
        try:
            found = KINDS[kind].read(path)
        except FathomNetError as error:
            refused += 1
            whole = super(FathomNetError, error).__str__()
            assert 15 < len(str(error)) <= SCREEN, content[:200]
            assert str(error) == whole, "it was cut off where it happened to end"
        else:
            assert all(len(one) <= SCREEN for one in told(found)), content[:200]
    assert refused > 2, "hardly anything was spoilt"
