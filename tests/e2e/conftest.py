"""A running App and a browser for the tests in this folder.

The tests also make the documentation's pictures: FATHOMNET_PICTURES names the folder to save them
in, a temporary one by default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from demo import processes
from tests.e2e.app import App, browser, browser_page
from tests.e2e.complaints import Complaints
from tests.e2e.servers import app_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives the tests of this folder a second try, which the report counts.

    A browser that shares its processors with other tests now and then misses an event of the App.
    """
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser for the tests of a module: as long as it runs, no other test can use asyncio."""
    with browser() as running:
        yield running


@pytest.fixture
def app(chromium: Browser, tmp_path: Path) -> Iterator[App]:
    """A fresh App, with the plugin of this checkout, in a browser that remembers nothing.

    A server of its own for each test, because the server remembers the dataset that was open.
    """
    log = tmp_path / "app.log"
    with app_server(log) as url, browser_page(chromium) as page:
        complaints = Complaints(page.context)
        yield App(page, url)
        assert not (found := complaints.found(log)), "\n\n".join(found)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[None]:
    """A worker that runs what the App schedules."""
    with processes.worker(tmp_path / "worker.log"):
        yield


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return Path(os.environ.get("FATHOMNET_PICTURES", tmp_path / "pictures"))


@pytest.fixture
def no_dataset() -> Iterator[str]:
    """The name of a dataset that the test makes in the App, deleted when it ends."""
    # Not at the top: this file is read before the settings are made that FiftyOne reads.
    import fiftyone as fo

    name = "deep-sea"
    yield name
    if fo.dataset_exists(name):
        fo.delete_dataset(name)
