"""The commands and the code of the operators' pages, run on a small set of the names they use."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.crops import cut_crops
from demo.emulator import emulator
from demo.generate import Settings, make
from demo.origin import published
from demo.wrong_labels import plant
from tests.support.aphia import aphia
from tests.support.pages import blocks
from tests.support.reader import MODEL, Reader

TRAIN, TEST = 20, 4
IN_ORDER = (
    *("upload_images", "download_images", "check_setup", "ingest_dataset", "ingest_crops"),
    *("add_primary_label", "import_predictions", "add_taxonomy_ranks", "evaluate_predictions"),
    *("compute_embeddings", "export_embeddings", "import_embeddings"),
    *("build_similarity_index", "add_tiles", "find_needles"),
    *("find_duplicates", "find_label_errors", "split_by_dive"),
    *("start_review", "open_review", "review_labels"),
    *("relabel_boxes", "export_corrections", "export_dataset", "undo_relabel", "label_hits"),
    *("resolve_names", "set_label_map", "reconcile_labels"),
    "report_dataset",
)
"""A page may need what those before it have made."""


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the pages are read in: their files lie there, their images are published."""
    folder = tmp_path_factory.mktemp("pages")
    drawn = make(folder / "set", Settings(TRAIN, TEST, seed=3))
    planted = plant(drawn.train, folder / "planted")
    shutil.copytree(planted.predictions, folder / "predictions")
    shutil.copy(drawn.predictions / "predictions.csv", folder / "submission.csv")
    label_map = ["name,parent,rank,status,maps_to", "debris,,,special,"]
    for one in load_taxonomy().taxa:
        if one.name != "Octopus":  # an old name in that map
            above = "Octopodidae" if one.parent == "Octopus" else one.parent or ""
            label_map.append(f"{one.name},{above},{one.rank},,")
    label_map.append("Octopus,,,deprecated,Octopus rubescens")
    (folder / "names.csv").write_text("\n".join(label_map))
    catalog = json.loads(Path(drawn.test).read_text())
    (image, *_), (category, *_) = catalog["images"], catalog["categories"]
    box = {"image_id": image["id"], "category_id": category["id"], "bbox": [1, 2, 30, 40]}
    results = json.dumps([{**box, "score": 0.5}])
    (folder / "coco_instances_results.json").write_text(results)
    shutil.copytree(drawn.media_root, Path("~/media").expanduser(), dirs_exist_ok=True)
    cut_crops(drawn.train, drawn.media_root, "train", folder)
    (folder / "buckets" / "bucket").mkdir(parents=True)
    before, here = dict(os.environ), Path.cwd()
    catalogs = {"train": drawn.train, "test": drawn.test}
    with (
        published(catalogs, drawn.media_root, folder),
        emulator("my-bucket", folder / "buckets") as storage,
        pytest.MonkeyPatch.context() as patch,
        aphia(patch) as register,
    ):
        register.add("2:Animalia:Kingdom / 51:Mollusca:Phylum / 138268:Octopus:Genus")
        os.environ["STORAGE_EMULATOR_HOST"] = storage.url
        # Other pages speak of buckets of the same names.
        os.environ["FATHOMNET_LEDGERS"] = str(folder / "ledgers")
        os.chdir(folder)
        yield folder
    os.chdir(here)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def dataset(somewhere: Path) -> Iterator[Any]:
    """The dataset that the pages speak of, with what some of them need beside it."""
    forget()
    operator("ingest_dataset")(
        train_annotations="dataset_train.json",
        test_annotations="dataset_test.json",
        media_root="~/media",
    )
    dataset = fo.load_dataset("fathomnet-2025")
    operator("import_predictions")(dataset, predictions="predictions", split="train")
    whole = {"model": MODEL, "patches_field": ""}
    operator("compute_embeddings")(dataset, method="none", **whole)
    operator("build_similarity_index")(dataset, **whole)
    first = dataset.match_tags("train").first()
    first.ground_truth.detections[0].label = "Octopus"
    first.save()
    yield dataset
    forget()


def forget() -> None:
    for name in ("fathomnet-2025", "fathomnet-crops", "fathomnet-test"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def operator(name: str) -> Any:
    return foo.get_operator(f"@fathomnet/voxel51/{name}")


def test_every_operator_has_its_turn() -> None:
    assert {*IN_ORDER, "run_workflow"} == {*OPERATORS}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_page_s_commands_and_code_run(
    name: str, dataset: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset.reload()
    names = {"dataset": dataset, "F": fo.ViewField, "foo": foo, "session": SimpleNamespace()}
    reader = Reader(f"docs/operators/{name}.md", capsys, names, own_hosts=True)
    reader.follow("shell")
    reader.follow("python")
    if name != "relabel_boxes":
        assert reader.results and all(reader.results)
    LEFT.get(name, lambda *_: None)(dataset, reader.results)


def check_relabelled(dataset: Any, results: list[dict[str, Any]]) -> None:
    dataset.reload()
    assert dataset.count_values("ground_truth.detections.label")["Octopus rubescens"] == 1


def check_undone(dataset: Any, results: list[dict[str, Any]]) -> None:
    dataset.reload()
    assert results[0]["restored"] == 1
    assert dataset.count_values("ground_truth.detections.label")["Octopus"] == 1


def check_exported(dataset: Any, results: list[dict[str, Any]]) -> None:
    assert results[0]["corrections"] == 1


def check_labelled(dataset: Any, results: list[dict[str, Any]]) -> None:
    dataset.reload()
    numbers = dataset.values("ground_truth.detections.annotation_id", unwind=True)
    assert sum(number >= 2**52 for number in numbers) == results[0]["labelled"] > 0


def check_resolved(dataset: Any, results: list[dict[str, Any]]) -> None:
    asked, again = results
    assert (asked["accepted"], again["hash"]) == (1, asked["hash"])


def check_map(dataset: Any, results: list[dict[str, Any]]) -> None:
    dataset.reload()
    assert [one["version"] for one in results if not one["dry_run"]] == [1]
    assert results[-1]["deprecated_labels"] == ["Octopus"]


def check_reconciled(dataset: Any, results: list[dict[str, Any]]) -> None:
    dataset.reload()
    assert results[-1]["renamed"] == 1
    assert "Octopus" not in dataset.count_values("ground_truth.detections.label")


LEFT = {
    "resolve_names": check_resolved,
    "set_label_map": check_map,
    "reconcile_labels": check_reconciled,
    "relabel_boxes": check_relabelled,
    "undo_relabel": check_undone,
    "label_hits": check_labelled,
    "export_corrections": check_exported,
}


def test_the_pack_of_the_page_on_needles_is_searched(
    dataset: Any, somewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pack,) = (block for block in blocks("docs/needles.md") if block.language == "yaml")
    (somewhere / "wrecks.yaml").write_text(pack.text)
    reader = Reader("docs/needles.md", capsys)
    reader.follow("shell")
    assert [one["prompt"] for one in reader.results[-1]["needles"]] == ["anchor", "cannon"]


@pytest.mark.usefixtures("somewhere")
def test_the_workflow_s_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    forget()
    # The mirror, which no stage of the first command fills.
    shutil.copytree("set/media", Path("~/fathomnet-media").expanduser(), dirs_exist_ok=True)
    reader = Reader("docs/operators/run_workflow.md", capsys, own_hosts=True)
    reader.follow("shell")
    told, searched = reader.results
    assert told["upload_images"]["train"]["stored"] == told["ingest_dataset"]["samples"] == TRAIN
    assert told["evaluate_predictions"]["boxes"] == told["ingest_dataset"]["boxes"]
    assert searched["build_similarity_index"]["indexed"] == TRAIN
    assert searched["find_needles"]["view"] == "debris (demo_clip_similarity_images)"


@pytest.mark.usefixtures("somewhere")
def test_the_readme_s_commands_and_code_run(capsys: pytest.CaptureFixture[str]) -> None:
    forget()
    reader = Reader("README.md", capsys, own_hosts=True)
    reader.follow("shell", "python")
    uploaded, ingested, imported = reader.results
    assert uploaded["total"] == ingested["samples"] == TEST
    assert imported["rows"] == imported["imported"] == ingested["boxes"]
    assert len(fo.load_dataset("fathomnet-test")) == TEST
    forget()
