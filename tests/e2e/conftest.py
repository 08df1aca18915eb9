"""A running App and a browser for the tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.e2e.app import App, browser_page
from tests.e2e.servers import app_server, delegated_worker


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the App, with the plugin of this checkout."""
    with app_server(REPOSITORY, tmp_path_factory.mktemp("app") / "server.log") as url:
        yield url


@pytest.fixture
def app(app_url: str) -> Iterator[App]:
    """A fresh browser on the App."""
    with browser_page(app_url) as page:
        yield App(page, app_url)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Path]:
    """A worker that runs what the App schedules; its log is the value."""
    log = tmp_path / "worker.log"
    with delegated_worker(REPOSITORY, log):
        yield log
