"""The notebook, run from its first cell to its last as somebody who opens it would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import fiftyone as fo
import pytest

from tests.conftest import REPOSITORY

NOTEBOOK = REPOSITORY / "docs/notebook.ipynb"

KEPT = {
    "ingested": "ingested",
    "scores": "scores",
    "pigs": "pigs.values('ground_truth.label')",
    "doubted": "doubted",
    "found": "int(found)",
    "wrong": "len(wrong)",
    "told": "told",
    "relabelled": "relabelled",
    "exported": "exported",
    "restored": "restored",
    "same": "same",
    "card": "[Path(file).is_file() for file in card['files']]",
    "there": "fo.dataset_exists('fathomnet-notebook')",
}
"""What is looked at when all cells but the last, which cleans up, have run."""

RUN = """
import json, sys
notebook, answer, kept = sys.argv[1:]
cells = [cell for cell in json.load(open(notebook))["cells"] if cell["cell_type"] == "code"]
seen = {"__name__": "__main__"}
for number, cell in enumerate(cells, 1):
    if number == len(cells):
        left = {name: eval(what, seen) for name, what in json.loads(kept).items()}
    exec(compile("".join(cell["source"]), f"code cell {number}", "exec"), seen)
left["work_is_gone"] = not seen["work"].exists()
json.dump(left, open(answer, "w"))
"""


def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text())["cells"]
    return found


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the cells leave behind, in a process that knows only what a notebook would."""
    answer = tmp_path_factory.mktemp("notebook") / "answer.json"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    del environment["FIFTYONE_PLUGINS_DIR"]
    subprocess.run(
        [sys.executable, "-c", RUN, NOTEBOOK, answer, json.dumps(KEPT)],
        cwd=NOTEBOOK.parent,
        env=environment,
        check=True,
    )
    values: dict[str, Any] = json.loads(answer.read_text())
    return values


def test_it_is_committed_without_outputs() -> None:
    code = [cell for cell in cells() if cell["cell_type"] == "code"]
    assert len(code) > 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in cells()}) == len(cells())
    assert not any(cell["metadata"] for cell in cells())


def test_its_links_lead_somewhere() -> None:
    texts = ["".join(cell["source"]) for cell in cells() if cell["cell_type"] == "markdown"]
    links = [part.split(")")[0] for text in texts for part in text.split("](")[1:]]
    assert len(links) > 2
    assert all((NOTEBOOK.parent / link).is_file() for link in links)


def test_a_dataset_is_made_searched_and_scored(left: dict[str, Any]) -> None:
    assert left["ingested"]["samples_added"] == 32
    assert left["scores"]["boxes"] == left["ingested"]["boxes"] == left["doubted"]["scored"]
    assert [rank["rank"] for rank in left["scores"]["ranks"]][::6] == ["kingdom", "species"]
    assert left["pigs"].count("Scotoplanes globosa") >= 4


def test_most_suspects_had_been_made_wrong(left: dict[str, Any]) -> None:
    assert left["found"] >= 0.8 * left["doubted"]["suspects"]
    assert left["found"] >= left["wrong"] / 2


def test_what_was_told_is_relabelled_exported_and_taken_back(left: dict[str, Any]) -> None:
    told = sum(one["boxes"] for one in left["told"]["differences"])
    assert left["relabelled"]["changed"] == left["exported"]["corrections"] == told > 0
    assert left["restored"] == {
        "restored": told,
        "conflicts": 0,
        "journal": left["relabelled"]["journal"],
    }
    assert left["same"] is True


def test_it_leaves_a_card_and_then_nothing_behind(left: dict[str, Any]) -> None:
    assert left["card"] == [True, True]
    assert left["there"] and left["work_is_gone"]
    assert "fathomnet-notebook" not in fo.list_datasets()
