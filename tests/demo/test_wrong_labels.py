"""Wrong labels planted in a catalog: as many as asked for, mostly look-alikes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.concepts import read_lineages
from demo.synthetic import write_catalog
from demo.wrong_labels import plant_wrong_labels, wrong_labels


def boxes(catalog: Path) -> dict[int, tuple[str, list[float]]]:
    document = json.loads(catalog.read_text())
    names = {one["id"]: one["name"] for one in document["categories"]}
    return {box["id"]: (names[box["category_id"]], box["bbox"]) for box in document["annotations"]}


def test_the_copy_differs_in_the_wrong_labels_alone(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "true.json", 100, 400, seed=2)
    wrong = plant_wrong_labels(catalog, tmp_path / "wrong.json", seed=7)
    assert len(wrong) == 20
    before, after = boxes(catalog), boxes(tmp_path / "wrong.json")
    changed = {id_: (before[id_][0], after[id_][0]) for id_ in before if before[id_] != after[id_]}
    assert changed == {one.annotation_id: (one.true, one.planted) for one in wrong}
    assert all(before[id_][1] == after[id_][1] for id_ in before)


def test_a_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "true.json", 50, 200, seed=2)
    texts = []
    for number, seed in enumerate((1, 1, 2)):
        plant_wrong_labels(catalog, tmp_path / f"{number}.json", seed=seed)
        texts.append((tmp_path / f"{number}.json").read_bytes())
    assert texts[0] == texts[1] != texts[2]


def test_most_are_look_alikes_among_the_concepts_that_occur() -> None:
    tree = load_taxonomy()
    occurring = ["Sebastes", "Sebastolobus", "Hippasteria", "Mediaster aequalis"]
    labels = occurring * 250
    wrong = wrong_labels(labels, read_lineages(), 0.5, np.random.default_rng(0))
    assert len(wrong) == 500
    assert set(wrong.values()) <= set(occurring)
    near = 0
    for position, planted in wrong.items():
        true = labels[position]
        assert planted != true
        nearest = min(tree.distance(true, other) for other in occurring if other != true)
        near += tree.distance(true, planted) == nearest
    # 0.8 at the least distance, and of the others one in three by chance.
    assert near / 500 == pytest.approx(0.8 + 0.2 / 3, abs=0.06)


def test_one_concept_alone_cannot_be_mistaken() -> None:
    assert wrong_labels(["Sebastes"] * 9, read_lineages(), 0.5, np.random.default_rng(0)) == {}
