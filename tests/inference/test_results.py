"""The predictions folder is the contract's, reads back as it was, and goes into a dataset."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from fathomnet_inference.annotations import Box, ImageBoxes
from fathomnet_inference.decide import EXPECTED_DISTANCE, Decider, probabilities
from fathomnet_inference.manifest import (
    Counts,
    Identity,
    Manifest,
    NamedFile,
    Settings,
    finished_manifest,
    manifest_differences,
)
from fathomnet_inference.parts import Part, cut_into_parts, kept_identity, open_parts
from fathomnet_inference.pipeline import Unpredicted
from fathomnet_inference.results import (
    Results,
    decided_results,
    no_results,
    read_manifest,
    read_results,
    write_results,
)
from fathomnet_inference.run import run
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.prediction_files import read_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy
from PIL import Image

from tests.conftest import SHARED_DATA
from tests.inference.toy import CONCEPTS, Toy, make_toy

TAXONOMY = load_taxonomy()
SETTINGS = Settings("fp32", 8, 16, 1.0, None, "")
IDENTITY = Identity(
    concepts=CONCEPTS,
    checkpoint=NamedFile("last.ckpt", "c" * 64),
    annotations=NamedFile("coco.json", "a" * 64),
    decision="argmax",
    settings=SETTINGS,
    taxonomy_sha256=TAXONOMY.sha256,
    code_version="0.1.0",
)
LOST = Unpredicted(7, 3, "no such file")


def part(ids: Sequence[int], seed: int = 0, lost: Sequence[Unpredicted] = ()) -> Part:
    logits = np.random.default_rng(seed).normal(0, 3, (len(ids), len(CONCEPTS)))
    return Part(
        np.array(ids, np.int64),
        np.array(ids, np.int64) + 100,
        logits.astype(np.float32),
        tuple(lost),
    )


def described(results: Results, identity: Identity = IDENTITY) -> Manifest:
    counts = Counts(4, 4, len(results.rows), 1, 4, results.tally())
    return finished_manifest(
        identity.described(), counts, [LOST], "cpu", "2025-01-01T00:00:00+00:00"
    )


def write(folder: Path, rule: str = "argmax", parts: Sequence[Part] | None = None) -> Results:
    parts = parts or [part([9, 2]), part([5], seed=1)]
    results = decided_results(parts, Decider(rule, CONCEPTS, TAXONOMY), 1.0, len(CONCEPTS))
    write_results(folder, results, described(results, replace(IDENTITY, decision=rule)))
    return results


def test_the_files_are_those_of_the_contract(tmp_path: Path) -> None:
    write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        "predictions.csv",
        "predictions.parquet",
    ]
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "annotation_id": "int64",
        "image_id": "int64",
        "concept_name": "string",
        "confidence": "float",
        "rank": "string",
        "probabilities": "fixed_size_list<element: float>[79]",
    }
    assert table["annotation_id"].to_pylist() == [2, 5, 9]
    assert table["image_id"].to_pylist() == [102, 105, 109]
    logits = {2: part([9, 2]).logits[1], 5: part([5], seed=1).logits[0], 9: part([9]).logits[0]}
    names = {box: CONCEPTS[row.argmax()] for box, row in logits.items()}
    with (tmp_path / "predictions.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["annotation_id", "concept_name"],
            *([str(box), names[box]] for box in (2, 5, 9)),
        ]
    for row in table.to_pylist():
        shares = np.exp(logits[row["annotation_id"]].astype(np.float64))
        shares /= shares.sum()
        np.testing.assert_allclose(row["probabilities"], shares, rtol=1e-5)
        assert row["confidence"] == pytest.approx(shares.max(), rel=1e-5)
        assert row["rank"] == TAXONOMY.taxon(row["concept_name"]).rank


def test_the_manifest_says_all_that_the_contract_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "10")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    write(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["format_version"] == 1
    assert manifest["concepts"] == list(CONCEPTS)
    assert manifest["model"]["name"].startswith("FathomNet 2025 winner")
    assert manifest["checkpoint"] == {"name": "last.ckpt", "sha256": "c" * 64}
    assert manifest["annotations"] == {"name": "coco.json", "sha256": "a" * 64}
    assert (manifest["decision"], manifest["taxonomy_sha256"]) == ("argmax", TAXONOMY.sha256)
    assert (manifest["code_version"], manifest["device"]) == ("0.1.0", "cpu")
    assert manifest["slurm"] == {"job_id": "12", "array_job_id": "10", "array_task_id": "2"}
    assert manifest["started"] < manifest["finished"]
    assert manifest["counts"]["predicted"] == 3
    assert manifest["not_predicted"] == [
        {"annotation_id": 7, "image_id": 3, "reason": "no such file"}
    ]
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("rule", ["argmax", EXPECTED_DISTANCE])
def test_results_read_back_as_they_were(rule: str, tmp_path: Path) -> None:
    written = write(tmp_path, rule)
    read, manifest = read_results(tmp_path)
    order = written.rows.to_pandas()["annotation_id"].argsort()
    expected = written.rows.to_pandas().iloc[order].reset_index(drop=True)
    assert read.rows.to_pandas().to_dict("records") == expected.to_dict("records")
    assert (read.probabilities == written.probabilities[order]).all()
    assert manifest == read_manifest(tmp_path)


def test_where_each_name_comes_from_stands_beside_it(tmp_path: Path) -> None:
    results = write(tmp_path, EXPECTED_DISTANCE, [part(range(50))])
    with (tmp_path / "decisions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["annotation_id", "concept_name", "rank", "argmax", "reason"]
    assert [row["reason"] for row in rows] == results.rows.to_pandas()["reason"].tolist()
    assert any(row["reason"].startswith("rolled up to ") for row in rows)
    with (tmp_path / "predictions.csv").open(newline="") as file:
        named = [(row["annotation_id"], row["concept_name"]) for row in csv.DictReader(file)]
    assert [(row["annotation_id"], row["concept_name"]) for row in rows] == named
    assert sum(results.tally().values()) == 50


def test_the_plugin_reads_what_is_written(tmp_path: Path) -> None:
    results = write(tmp_path, EXPECTED_DISTANCE, [part(range(40))])
    read = read_predictions(tmp_path, TAXONOMY.canonical)
    assert read.concepts == CONCEPTS and not read.rejected
    assert read.concept_name.tolist() == results.rows.to_pandas()["concept_name"].tolist()
    assert read.probabilities is not None and read.manifest is not None
    assert (read.probabilities == results.probabilities).all()
    assert read.manifest["decision"] == EXPECTED_DISTANCE


def test_a_run_in_which_nothing_was_possible_reads_back(tmp_path: Path) -> None:
    results = no_results(len(CONCEPTS))
    write_results(tmp_path, results, described(results))
    read, _ = read_results(tmp_path)
    assert len(read.rows) == 0 and read.probabilities.shape == (0, len(CONCEPTS))


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (lambda folder: (folder / "predictions.csv").unlink(), "file"),
        (lambda folder: (folder / "decisions.csv").write_text("a,b\n"), "decisions.csv"),
        (lambda folder: (folder / "predictions.parquet").write_bytes(b""), "file"),
        (lambda folder: (folder / "manifest.json").unlink(), "folder"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "format_version"),
        (
            lambda folder: (folder / "manifest.json").write_text(
                '{"format_version": 1, "concepts": []}'
            ),
            "manifest.json",
        ),
    ],
)
def test_a_damaged_folder_is_refused(damage: Any, place: str, tmp_path: Path) -> None:
    write(tmp_path, EXPECTED_DISTANCE)
    damage(tmp_path)
    with pytest.raises(InputError) as refusal:
        read_results(tmp_path)
    assert place in [fault.place for fault in refusal.value.faults]


def test_a_large_run_is_decided_in_pieces_with_the_same_result() -> None:
    whole = part(range(9_000))
    decider = Decider(EXPECTED_DISTANCE, CONCEPTS, TAXONOMY)
    results = decided_results([whole], decider, 2.0, len(CONCEPTS))
    names = decider.decide(probabilities(whole.logits[-5:], 2.0)).concept_name
    assert results.rows.to_pandas()["concept_name"].tolist()[-5:] == list(names)
    assert results.rows.to_pandas()["annotation_id"].tolist() == list(range(9_000))


def test_parts_have_whole_images_and_at_least_so_many_boxes() -> None:
    images = [
        ImageBoxes(n, f"{n}.png", tuple(Box(100 * n + k, 0, 0, 1, 1) for k in range(count)))
        for n, count in enumerate((3, 1, 1, 9, 2, 2))
    ]
    parts = cut_into_parts(images, 4)
    assert [[image.image_id for image in part] for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert [image for part in cut_into_parts(images, 100) for image in part] == images
    assert cut_into_parts([], 4) == []


def test_a_part_reads_back_as_it_was_kept(tmp_path: Path) -> None:
    images = (ImageBoxes(3, "3.png", tuple(Box(box, 0, 0, 1, 1) for box in (9, 7, 2))),)
    kept = part([9, 2], lost=[LOST])
    with open_parts(tmp_path, IDENTITY.described()) as store:
        assert store.load(0, images) is None
        store.save(0, kept)
        read = store.load(0, images)
        assert store.load(0, images[:0]) is None, "it is about other images"
    assert read is not None
    assert read.annotation_id.tolist() == [9, 2] and read.unpredicted == (LOST,)
    assert (read.logits == kept.logits).all() and read.logits.dtype == np.float32


def test_an_identity_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with open_parts(tmp_path, IDENTITY.described()):
        pass
    assert kept_identity(tmp_path) is not None
    (tmp_path / "unfinished" / "run.json").write_text("[]")
    with pytest.raises(InputError, match="start over"):
        kept_identity(tmp_path)


def test_differences_name_the_member_and_both_values() -> None:
    other = replace(IDENTITY, settings=replace(SETTINGS, precision="fp16"), concepts=("a",))
    renamed = replace(other, annotations=NamedFile("other.json", "a" * 64))
    assert list(manifest_differences(IDENTITY.described(), renamed.described())) == [
        "concepts: 79 names here, 1 names there",
        "settings.precision: fp32 here, fp16 there",
    ]
    ignored = ("concepts", "settings.precision")
    assert not list(manifest_differences(IDENTITY.described(), renamed.described(), ignored))


@pytest.fixture
def real(tmp_path: Path, toy: Toy) -> Toy:
    """Five images of the real test split with noise for pixels, and the toy model."""
    whole = json.loads((SHARED_DATA / "dataset_test.json").read_text())
    images = whole["images"][:5]
    kept = {image["id"] for image in images}
    some = [box for box in whole["annotations"] if box["image_id"] in kept]
    path = tmp_path / "dataset_test.json"
    path.write_text(json.dumps({**whole, "images": images, "annotations": some}))
    folder = tmp_path / "images"
    folder.mkdir()
    for image in images:
        pixels = np.random.default_rng(image["id"]).integers(0, 256, (270, 480, 3), np.uint8)
        big = Image.fromarray(pixels).resize((image["width"], image["height"]))
        big.save(folder / image["file_name"])
    return Toy(path, folder, toy.checkpoint)


def test_a_run_on_real_annotations_goes_into_a_dataset(
    real: Toy, shared_data: Path, dataset_name: str, one_thread: None, tmp_path: Path
) -> None:
    import fiftyone as fo
    from fathomnet_voxel51.ingest import ingest_dataset
    from fathomnet_voxel51.predictions import import_predictions

    output = tmp_path / "predictions"
    result = run(real.request(output, decision=EXPECTED_DISTANCE, temperature="2"))
    ingest_dataset(dataset_name, test_annotations=str(real.annotations))
    dataset = fo.load_dataset(dataset_name)
    imported = import_predictions(dataset, str(output))
    assert imported.rows == imported.imported == result.boxes > 5
    assert imported.unmatched_rows == imported.boxes_without_prediction == 0
    rows = read_results(output)[0].rows.to_pandas().set_index("annotation_id")
    for sample in dataset:
        for box in sample.model_predictions.detections:
            row = rows.loc[box.annotation_id]
            assert (box.label, box.rank) == (row["concept_name"], row["rank"])
            assert box.confidence == pytest.approx(row["confidence"])
            assert sample.image_id == row["image_id"]


def test_other_concepts_than_the_competitions_are_predicted_too(
    one_thread: None, tmp_path: Path
) -> None:
    other = make_toy(tmp_path / "toy", concepts=[f"Taxon {n}" for n in range(5)])
    run(other.request(tmp_path / "output"))
    results, manifest = read_results(tmp_path / "output")
    assert set(results.rows.to_pandas()["concept_name"]) <= set(manifest["concepts"])
    assert results.rows.to_pandas()["rank"].isna().all()
    assert read_predictions(tmp_path / "output", lambda name: name).rank is not None
    with pytest.raises(InputError, match="'Taxon 0' is not in the taxonomy"):
        run(other.request(tmp_path / "again", decision=EXPECTED_DISTANCE))
    assert not (tmp_path / "again").exists()
