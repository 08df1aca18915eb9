"""Plankton in the real App: crops, names of one's own, a matrix by rank, made by a real worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.dataset.records import label_maps
from fathomnet_voxel51.progress import silent
from PIL import Image
from playwright.sync_api import expect

from demo import processes
from tests.e2e.app import PATIENCE, App, figures
from tests.e2e.plots import largest_mistake, plot
from tests.e2e.queued import newest_operation
from tests.e2e.test_evaluation_panel import choose
from tests.relabelling.test_label_map import SPECIAL, TREE, leaves, table
from tests.support.aphia import AphiaServer, aphia, sends

OLD = {
    # Three renamed, two merged of two each, one split, one that is no taxon.
    **{"calanoid": ("Calanoida",), "krill": ("Euphausiacea",), "arrow worm": ("Chaetognatha",)},
    **dict.fromkeys(("Podon leuckartii", "Podon polyphemoides"), ("Podon",)),
    **dict.fromkeys(("salp chain", "doliolid"), ("Doliolida",)),
    **{"larva": ("zoea", "nauplius"), "bad image": ("unknown",)},
}


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[AphiaServer]:
    """WoRMS, which knows some of the names, and refuses one."""
    with aphia(monkeypatch) as register:
        register.add("2:Animalia:Kingdom / 1065:Arthropoda:Phylum / 1080:Copepoda:Class")
        register.refuses = {"diatom chain": sends(400)}
        yield register


@pytest.fixture
def worker(register: AphiaServer, tmp_path: Path) -> Iterator[None]:
    """A worker that asks this WoRMS too."""
    with processes.worker(tmp_path / "worker.log"):
        yield


def write_crops(folder: Path) -> int:
    """Crops of each leaf and of what is no taxon, some under an old name, and predictions."""
    names = leaves()
    rows, predicted = ["picture;taxon;score;depth"], ["path,label,confidence,label_2,confidence_2"]
    for number, name in enumerate((*names, *names, *OLD, *SPECIAL)):
        Image.new("RGB", (40, 40), (number % 256, 90, 120)).save(folder / f"{number}.png")
        rows.append(f"{number}.png;{name};0.{number % 10};{number}")
        true = OLD.get(name, (name,))[0]
        wrong = names[(number + 1) % len(names)]
        best, second = (wrong, true) if number % 4 == 0 or true in SPECIAL else (true, wrong)
        predicted.append(f"{number}.png,{best},0.{50 + number % 50},{second},0.25")
    (folder / "crops.csv").write_text("\n".join(rows))
    (folder / "predicted.csv").write_text("\n".join(predicted))
    old = (f"{name},,deprecated,{'; '.join(new)}" for name, new in OLD.items())
    (folder / "names.csv").write_text(table(*old))
    return len(rows) - 1


def test_crops_and_names_of_ones_own_lead_to_a_matrix_by_rank_without_a_line_of_code(
    app: App, worker: None, register: AphiaServer, no_dataset: str, tmp_path: Path
) -> None:
    crops = write_crops(tmp_path)
    app.open_home()
    app.open_operator("FathomNet: ingest crops")
    app.fill("Table", str(tmp_path / "crops.csv"))
    app.wait_until_blocked("none is named path")
    app.fill("Columns", "path=picture; label=taxon; confidence=score")
    app.fill("Dataset name", no_dataset)
    app.wait_for_text(f"{crops} crops of 50 concepts")
    app.submit("Schedule")
    app.close()
    made = delegation.follow(newest_operation("ingest_crops"), silent)
    assert (made["labels"], made["media_found"]) == (crops, crops)

    app.open_dataset(no_dataset, crops)
    app.wait_until_drawn()
    app.open_operator("FathomNet: set the label map")
    app.fill("Label map", str(tmp_path / "names.csv"))
    app.submit("Execute")
    told = figures(app.result())
    assert (told["Names"], told["Special"], told["Deprecated"]) == ("50", "4", "9")
    app.close()

    app.open_operator("FathomNet: reconcile labels")
    app.wait_for_text("1 label: krill becomes Euphausiacea")
    app.submit("Schedule")
    app.close()
    done = delegation.follow(newest_operation("reconcile_labels"), silent)
    assert (done["renamed"], done["merged"], done["ambiguous"]) == (4, 4, 1)

    app.open_operator("FathomNet: resolve names by WoRMS")
    app.fill("Folder", str(tmp_path / "resolved"))
    app.wait_for_text("names to ask WoRMS about")
    app.submit("Schedule")
    app.close()
    asked = delegation.follow(newest_operation("resolve_names"), silent)
    assert asked["accepted"] == 1
    assert "diatom chain,2,refused" in (tmp_path / "resolved" / "doubtful_names.csv").read_text()

    app.open_operator("FathomNet: import predictions")
    app.fill("Predictions", str(tmp_path / "predicted.csv"))
    app.choose("Split", "train")
    app.wait_for_text(f"{crops} rows, {crops} for")
    app.submit("Execute")
    app.result()
    app.close()
    app.open_operator("FathomNet: evaluate predictions")
    app.submit("Execute")
    scored = figures(app.result())
    app.close()
    dataset = fo.load_dataset(no_dataset, reload=True)
    # What is no taxon is not scored, and "bad image" has become unknown.
    assert scored["Boxes"] == str(crops - len(SPECIAL) - 1)
    assert len(label_maps(dataset)) == 1

    app.open_panel("FathomNet: evaluation by rank")
    expect(plot(app, "matrix")).to_be_visible(timeout=PATIENCE)
    choose(app, "Rank", "phylum")
    _, _, _, true, predicted = largest_mistake(app, "phylum")
    assert {true, predicted} <= set(TREE["living"])
