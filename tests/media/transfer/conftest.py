"""A source of thirteen images over real HTTP, their catalog, and a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.media.jobs import write_coco
from tests.media.origin import Origin, jpeg, png
from tests.media.sink import Sink


@pytest.fixture
def images() -> dict[str, bytes]:
    made = {f"{number:02d}.png": png(20_000 + 997 * number, number) for number in range(12)}
    return made | {"deep/photo.jpg": jpeg(128, 5)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    with Origin(images) as server:
        yield server


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sink]:
    with Sink() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
        yield server


@pytest.fixture
def catalog(origin: Origin, images: dict[str, bytes], tmp_path: Path) -> str:
    return write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})
