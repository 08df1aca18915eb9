"""A running App and a browser for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import processes
from tests.e2e.app import App, browser_page
from tests.e2e.servers import app_server


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A fresh App, with the plugin of this checkout, in a fresh browser.

    A server of its own for each test, because the server remembers the dataset that was open.
    """
    with app_server(tmp_path / "app.log") as url, browser_page(url) as page:
        yield App(page, url)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[None]:
    """A worker that runs what the App schedules."""
    with processes.worker(tmp_path / "worker.log"):
        yield
