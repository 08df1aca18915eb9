"""Connections begin with a large receive window, where the kernel allows one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fathomnet_voxel51.media.web import http as receiving
from fathomnet_voxel51.media.web.http import ALL_WINDOWS, SMALLEST, WINDOW, receiving_sockets

from tests.media.jobs import write_coco
from tests.media.origin import Origin, png
from tests.media.transfer.runs import counts, download

ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))


def window_of(concurrency: int) -> int:
    factory = receiving_sockets(concurrency)
    if factory is None:
        pytest.skip("this kernel allows no larger windows: see net.core.rmem_max")
    with factory(ADDRESS) as made:
        return made.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


def test_windows_are_large_and_together_bounded() -> None:
    assert window_of(50) >= WINDOW
    assert SMALLEST <= window_of(200) <= 2 * ALL_WINDOWS / 200, "Linux doubles what it is asked for"
    assert receiving_sockets(ALL_WINDOWS // SMALLEST + 1) is None


def test_a_kernel_that_allows_less_is_left_to_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "WINDOW", 1 << 30)
    monkeypatch.setattr(receiving, "ALL_WINDOWS", 1 << 30)
    assert receiving_sockets(1) is None


@pytest.mark.parametrize("largest", [WINDOW, 1 << 30])
def test_images_come_whole_either_way(
    largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "WINDOW", largest)
    monkeypatch.setattr(receiving, "ALL_WINDOWS", 50 * largest)
    images = {f"{number}.png": png(700_000 + number, number) for number in range(4)}
    with Origin(images) as origin:
        catalog = write_coco(tmp_path / "c.json", {name: origin.url(name) for name in images})
        assert counts(download(catalog, tmp_path / "m")) == {"stored": len(images)}
    for name, content in images.items():
        assert (tmp_path / "m" / "train_images" / name).read_bytes() == content
