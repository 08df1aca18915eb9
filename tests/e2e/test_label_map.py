"""Names of one's own in the real App: asked for, set, and given to labels."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.records import label_maps

from tests.e2e.app import App, figures
from tests.support.aphia import AphiaServer, aphia, record

RESOLVE, SET, RECONCILE = (
    "FathomNet: resolve names by WoRMS",
    "FathomNet: set the label map",
    "FathomNet: reconcile labels",
)
MOLLUSCS = "2:Animalia:Kingdom / 51:Mollusca:Phylum"
SNAILS = f"{MOLLUSCS} / 101:Gastropoda:Class / 325342:Pteropoda:Order"
LABELS = ("Limacina", "Limacina", "Styliola vitrea", "Clyone", "egg mass", "detritus")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Iterator[AphiaServer]:
    with aphia(monkeypatch) as register:
        for name in ("137839:Limacina", "137791:Creseis", "137821:Clione"):
            register.add(f"{SNAILS} / {name}:Genus")
        old = {"status": "unaccepted", "valid_AphiaID": 137791}
        register.matches["Styliola vitrea"] = [record(140655, "Styliola vitrea", "Species", **old)]
        register.matches["Clyone"] = [{**register.matches["Clione"][0], "match_type": "near_1"}]
        yield register


@pytest.fixture
def crops(no_dataset: str) -> Any:
    """Images with one label each."""
    dataset = fo.Dataset(no_dataset, persistent=True)
    dataset.add_samples(
        fo.Sample(f"/{number}.png", ground_truth=fo.Classification(label=label))
        for number, label in enumerate(LABELS)
    )
    return dataset


def test_labels_are_resolved_by_worms_and_the_map_is_set_and_followed(
    register: AphiaServer, app: App, crops: Any, tmp_path: Path, pictures: Path
) -> None:
    out = tmp_path / "names"
    app.open_dataset(crops.name, len(LABELS))
    app.open_operator(RESOLVE)
    app.wait_until_blocked("name a folder")
    app.fill("Folder", str(out))
    app.wait_until_ready()
    assert app.facts()[0] == "5 names to ask WoRMS about"
    app.screenshot(pictures / "resolve-form.png")
    app.submit("Execute")
    result = figures(app.result())
    app.screenshot(pictures / "resolve-result.png")
    assert [result[one] for one in ("Names", "Accepted", "Synonyms", "Not placed")] == [
        *("5", "1", "1", "3"),
    ]
    app.close()

    # Somebody decides in the list, and has it resolved again.
    label_map = out / "label_map.csv"
    text = label_map.read_text().replace("Clyone,,,,active,,", "Clyone,,,,deprecated,Clione,")
    label_map.write_text(text.replace("detritus,,,,active,,", "detritus,,,,special,,"))
    app.open_operator(RESOLVE)
    app.fill("Folder", str(out))
    app.wait_until_blocked("somebody has decided something there")
    app.fill("File of names", str(label_map))
    app.wait_until_ready()
    app.submit("Execute")
    app.wait_for_text("says what to do")
    app.close()
    with (out / "doubtful_names.csv").open() as table:
        assert [row["name"] for row in csv.DictReader(table)] == ["egg mass"]

    app.open_operator(SET)
    app.fill("Label map", str(label_map))
    app.wait_until_ready()
    app.screenshot(pictures / "label-map-form.png")
    app.submit("Execute")
    app.result()
    app.screenshot(pictures / "label-map-result.png")
    app.close()
    assert len(label_maps(fo.load_dataset(crops.name, reload=True))) == 1

    app.open_operator(RECONCILE)
    app.wait_until_ready()
    assert sorted(app.facts()) == [
        "1 label: Clyone becomes Clione",
        "1 label: Styliola vitrea becomes Creseis",
    ]
    app.screenshot(pictures / "reconcile-form.png")
    app.submit("Execute")
    app.result()
    app.screenshot(pictures / "reconcile-result.png")
    app.close()
    crops.reload()
    assert crops.values("ground_truth.label") == [
        *("Limacina", "Limacina", "Creseis", "Clione", "egg mass", "detritus"),
    ]
