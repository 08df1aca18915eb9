"""The check of the setup in the real App, before there is a dataset."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.app import App, checks_in

CHECK = "FathomNet: check the setup"


def test_the_check_says_what_works_and_how_to_mend_what_does_not(
    app: App, pictures: Path, tmp_path: Path
) -> None:
    app.open_home()
    app.open_operator(CHECK)
    app.fill("Media root", str(tmp_path))
    app.submit("Execute")
    app.result()
    found = checks_in(app)
    working = ("Python", "FiftyOne", "plugin", "database", "media root")
    assert {found[name][0] for name in working} == {"ok"}
    app.close()

    absent = tmp_path / "not-there"
    app.open_operator(CHECK)
    app.fill("Media root", str(absent))
    app.submit("Execute")
    app.result()
    app.screenshot(pictures / "setup-result.png")
    assert checks_in(app)["media root"] == [
        "fail",
        f"there is no folder {absent}",
        f"mkdir -p {absent}",
    ]
