"""A running App and a browser for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.e2e.app import App, browser_page
from tests.e2e.servers import app_server, delegated_worker


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A fresh App, with the plugin of this checkout, in a fresh browser.

    A server of its own for each test, because the server remembers the dataset that was open.
    """
    with app_server(REPOSITORY, tmp_path / "app.log") as url, browser_page(url) as page:
        yield App(page, url)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Path]:
    """A worker that runs what the App schedules; its log is the value."""
    log = tmp_path / "worker.log"
    with delegated_worker(REPOSITORY, log):
        yield log
