"""``make app``: it says what to do, and lives until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fiftyone as fo
import pytest
from playwright.sync_api import Browser

from demo.processes import free_port
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.e2e

PATIENCE_SECONDS = 120
LONGER_THAN_FIFTYONE_WAITS = 8

# A shell that runs tests in the background has them, and what they start, ignore Ctrl-C.
WITH_CTRL_C = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("demo.app", run_name="__main__", alter_sys=True)
"""


def test_it_says_what_to_do_and_outlives_a_closed_page(
    chromium: Browser, dataset_name: str, tmp_path: Path
) -> None:
    dataset = fo.Dataset(dataset_name, persistent=True)
    # Of a dataset without samples the App shows no panel.
    boxes = fo.Detections(detections=[fo.Detection(label="Sebastes", bounding_box=[0, 0, 1, 1])])
    dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), ground_truth=boxes))
    port, said = free_port(), tmp_path / "said.txt"
    command = [sys.executable, "-c", WITH_CTRL_C, dataset_name, "--port", str(port)]
    with (
        said.open("wb") as output,
        subprocess.Popen(
            [*command, "--log", str(tmp_path / "worker.log")],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "BROWSER": "true",
            },  # the test opens the page, in a browser of its own
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as app,
    ):
        try:
            url = f"http://localhost:{port}/datasets/{dataset.slug}"
            page = chromium.new_page()
            page.set_default_timeout(PATIENCE_SECONDS * 1_000)
            deadline = time.monotonic() + PATIENCE_SECONDS
            # FiftyOne says so when it opens a page itself.
            while "App launched" not in said.read_text():
                assert app.poll() is None and time.monotonic() < deadline, said.read_text()
                time.sleep(0.5)
            page.goto(url)
            page.get_by_text("ground_truth").first.wait_for()
            # Beside the grid is the home panel, and nothing lies over the list of workspaces, in a
            # browser that remembers nothing.
            page.get_by_text("What waits").wait_for()
            page.get_by_text("docs/tutorial.md").wait_for()
            page.get_by_text("Unsaved", exact=True).last.click()
            page.get_by_text("Save current spaces as a workspace").wait_for()
            page.close()
            time.sleep(LONGER_THAN_FIFTYONE_WAITS)
            assert app.poll() is None
            chromium.new_page().goto(url)
        finally:
            os.killpg(app.pid, signal.SIGINT)  # as a terminal does
            try:
                app.wait(PATIENCE_SECONDS)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(app.pid, signal.SIGKILL)
    told = said.read_text()
    assert told.startswith(f"{dataset_name} is at {url}\n") and "docs/tutorial.md" in told
    assert "Traceback" not in told


def test_a_dataset_that_is_not_there_is_said(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "demo.app", "no-such", "--log", str(tmp_path / "worker.log")],
        check=False,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("there is no dataset no-such; known: ")
