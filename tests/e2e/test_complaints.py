"""What a page complains of fails the test that uses it, on whatever page and however it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.app import browser_page
from tests.e2e.complaints import TRACEBACK, Complaints
from tests.support.served import serving

OURS = '  File "/plugins/fathomnet/panels/home/panel.py", line 7, in content\nKeyError: 7'
REFUSED = "    raise error.with_traceback(None) from None\nfathomnet_voxel51.errors.InputError"
FOUND = {
    "an error that nobody caught": ("throw new Error('in fathomnet/review.js')", "not caught"),
    "a promise that nobody caught": ("Promise.reject(new Error('in fathomnet'))", "not caught"),
    "an error on the console": ("console.error('fathomnet: no such label')", "on the console"),
    "a panel's traceback": ("await fetch('/operators/execute')", "answered with an error"),
    "not found, twice": ("await fetch('/gone'); await fetch('/gone')", "asked for 2 times"),
}
PASSED = {
    "not found, once": "await fetch('/gone')",
    "an error of somebody else": "console.error('a component is deprecated')",
    "a refusal in words": "await fetch('/operators/execute/refused')",
    "a result that tells of an error": "await fetch('/operators/execute/told')",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Answers such as the App's server gives, and an empty page."""
    (tmp_path / "index.html").write_text("<link rel=icon href='data:,'><p>empty")
    answers = tmp_path / "operators/execute"
    answers.mkdir(parents=True)
    failed = {"result": None, "error": f"{TRACEBACK}:\n{OURS}"}
    refused = {"result": None, "error": f"{TRACEBACK}:\n{REFUSED}"}
    told = {"result": {"why": f"{TRACEBACK}:\n{OURS}"}, "error": None}
    for name, answer in {"index.html": failed, "refused": refused, "told": told}.items():
        (answers / name).write_text(json.dumps(answer))
    return tmp_path


def complaints(chromium: Browser, site: Path, script: str, another: bool = False) -> list[str]:
    """What is found after a script has run in a page, or in another page of the same browser."""
    (site / "page.html").write_text(
        f"<link rel=icon href='data:,'><script type=module>try {{ {script} }}"
        " finally { setTimeout(() => document.body.append('done'), 300) }</script>"
    )
    with serving(site) as url, browser_page(chromium) as page:
        listening = Complaints(page.context)
        page.goto(url)
        used = page.context.new_page() if another else page
        used.goto(f"{url}/page.html")
        used.get_by_text("done").wait_for()
        return listening.found(site / "none.log")


@pytest.mark.parametrize("another", [False, True], ids=["this page", "another page"])
@pytest.mark.parametrize("what", FOUND)
def test_it_is_found(chromium: Browser, site: Path, what: str, another: bool) -> None:
    script, said = FOUND[what]
    (found,) = complaints(chromium, site, script, another)
    assert found.startswith(said)


@pytest.mark.parametrize("what", PASSED)
def test_it_is_none_of_ours(chromium: Browser, site: Path, what: str) -> None:
    assert not complaints(chromium, site, PASSED[what])


def test_a_traceback_in_the_server_s_log_is_found(chromium: Browser, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text(f"INFO started\n{TRACEBACK}:\n{OURS}\n")
    with browser_page(chromium) as page:
        (found,) = Complaints(page.context).found(log)
    assert OURS in found
