"""The plugin as FiftyOne loads it: from this checkout, and from a zip on a web server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fiftyone as fo
import fiftyone.operators as foo
import fiftyone.plugins as fop
import pytest
import yaml
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.taxonomy.worms import SERVICE_VARIABLE
from fiftyone.operators.executor import ExecutionError
from fiftyone.plugins.context import build_plugin_contexts

from tests.conftest import REPOSITORY
from tests.media.jobs import write_coco
from tests.media.origin import Origin, png
from tests.support.aphia import aphia
from tests.support.manifest import PROJECT
from tests.support.served import serving

MANIFEST = yaml.safe_load((REPOSITORY / "fiftyone.yml").read_text())
METRICS = ["taxonomic_distance", "rank_accuracy"]
DECLARED = [name for name in MANIFEST["operators"] if name not in METRICS]
BIN = Path(sys.executable).parent


def uri(operator: str) -> str:
    return f"{PLUGIN_NAME}/{operator}"


def test_what_is_declared_is_what_is_registered() -> None:
    contexts = {context.name: context for context in build_plugin_contexts()}
    plugin = contexts[PLUGIN_NAME]
    assert plugin.errors == []
    registered = {"operators": [], "panels": []}
    for one in plugin.instances:
        registered["panels" if isinstance(one, foo.Panel) else "operators"].append(one.name)
    for kind, names in registered.items():
        assert sorted(names) == sorted(MANIFEST[kind])


def test_what_is_declared_has_parameters_and_a_command() -> None:
    assert sorted(DECLARED) == sorted(OPERATORS)


def test_the_requirements_of_the_plugin_are_those_of_the_package() -> None:
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == PROJECT["dependencies"]
    assert fop.get_plugin(PLUGIN_NAME).version == PROJECT["version"]


@pytest.mark.parametrize("operator", DECLARED)
def test_every_operator_can_run_at_once_and_be_delegated(operator: str) -> None:
    config = foo.get_operator(uri(operator)).config
    assert config.allow_immediate_execution and config.allow_delegated_execution
    assert config.dynamic and config.label and config.description
    icon = REPOSITORY / config.icon.lstrip("/")
    assert icon.is_file(), "the App shows the icon from the plugin's folder"


def test_the_chain_runs_from_python(shared_data: Path, dataset_name: str, tmp_path: Path) -> None:
    annotations = str(shared_data / "dataset_test.json")
    ingested = foo.execute_operator(
        uri("ingest_dataset"),
        {
            "params": {
                "dataset_name": dataset_name,
                "test_annotations": annotations,
                "media_root": str(tmp_path),
            }
        },
    ).result
    assert (ingested["samples"], ingested["unlabelled_boxes"]) == (325, 788)
    dataset = fo.load_dataset(dataset_name)
    labelled = foo.execute_operator(uri("add_primary_label"), {"dataset": dataset}).result
    assert labelled == {"labelled": 0, "unlabelled": 325}
    ranked = foo.execute_operator(uri("add_taxonomy_ranks"), {"dataset": dataset}).result
    assert ranked == {"boxes": 0, "unknown_concepts": [], "by_part": []}
    imported = foo.execute_operator(
        uri("import_predictions"),
        {
            "dataset": dataset,
            "params": {"predictions": str(shared_data / "submission_experiment-final014.csv")},
        },
    ).result
    assert imported == {
        "rows": 788,
        "imported": 788,
        "unmatched_rows": 0,
        "boxes_without_prediction": 0,
        "ignored_columns": [],
        "left_out_boxes": 0,
        "notes": [],
        "replaced": 0,
        "kind": "names",
    }
    dataset.reload()
    assert dataset.count("model_predictions.detections") == 788
    assert dataset.count("ground_truth.detections.label") == 0


def test_a_call_in_a_notebook_is_a_plain_call(shared_data: Path, dataset_name: str) -> None:
    ingest = foo.get_operator(uri("ingest_dataset"))
    result = ingest(
        dataset_name=dataset_name, test_annotations=str(shared_data / "dataset_test.json"), limit=5
    )
    assert result["samples_added"] == 5
    ranks = foo.get_operator(uri("add_taxonomy_ranks"))
    assert ranks(dataset_name, label_fields=["ground_truth"])["boxes"] == 0


def test_a_wrong_parameter_is_refused_before_anything_is_written(dataset_name: str) -> None:
    with pytest.raises(ExecutionError, match="media_root"):
        foo.execute_operator(
            uri("ingest_dataset"), {"params": {"dataset_name": dataset_name, "media_rot": "/x"}}
        )
    assert not fo.dataset_exists(dataset_name)


@pytest.fixture
def plugin_zip(tmp_path: Path) -> Iterator[str]:
    """The URL of this checkout as a zip, on a web server."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    (tmp_path / "www").mkdir()
    with zipfile.ZipFile(tmp_path / "www" / "plugin.zip", "w") as archive:
        for name in listing.stdout.splitlines():
            if (REPOSITORY / name).is_file():
                archive.write(REPOSITORY / name, f"fathomnet-voxel51-main/{name}")
    with serving(tmp_path / "www") as url:
        yield f"{url}/plugin.zip"


RUN_EVERYTHING = """
import json, os, sys
import fiftyone as fo, fiftyone.operators as foo
import numpy as np
from PIL import Image
name, annotations, predictions, media, listed = sys.argv[1:]
run = lambda operator, dataset=None, **params: foo.execute_operator(
    "@fathomnet/voxel51/" + operator, {"params": params}, dataset=dataset).result
results = {"check_setup": run("check_setup")}
results["upload_images"] = run("upload_images", annotations=listed, split="test",
    media_root=media + "/up", allow_private_hosts=True)
results["download_images"] = run("download_images", annotations=listed, split="test",
    destination=media + "/down", allow_private_hosts=True)
results["ingest_dataset"] = run("ingest_dataset", dataset_name=name,
    test_annotations=annotations, media_root=media, limit=10)
with open(media + "/crops.csv", "w") as table:
    table.write("path,label\\na.png,Sebastes\\n")
results["ingest_crops"] = run("ingest_crops", dataset_name=name + "-crops",
    table=media + "/crops.csv")
fo.delete_dataset(name + "-crops")
dataset = fo.load_dataset(name)
with open(media + "/names.csv", "w") as table:
    table.write("name,parent\\nSebastidae,\\nSebastes,Sebastidae\\n")
results["resolve_names"] = run("resolve_names", dataset, file=media + "/names.csv",
    folder=media + "/resolved")
results["set_label_map"] = run("set_label_map", dataset, file=media + "/names.csv")
run("set_label_map", dataset, version=0)
results["add_primary_label"] = run("add_primary_label", dataset)
results["add_taxonomy_ranks"] = run("add_taxonomy_ranks", dataset)
results["import_predictions"] = run("import_predictions", dataset, predictions=predictions,
    skip_bad_rows=True)
path = "detections.label"
dataset.set_values("ground_truth." + path, dataset.values("model_predictions." + path))
results["evaluate_predictions"] = run("evaluate_predictions", dataset)
dice = np.random.default_rng(1)
for path, *size in zip(*dataset.values(["filepath", "metadata.height", "metadata.width"])):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Image.fromarray(dice.integers(0, 255, (*size, 3), dtype=np.uint8)).save(path)
demo = {"model": "demo-clip"}
results["compute_embeddings"] = run("compute_embeddings", dataset, method="pca", **demo)
run("compute_embeddings", dataset, method="none", patches_field="", **demo)
results["export_embeddings"] = run("export_embeddings", dataset, folder=media + "/v", **demo)
results["import_embeddings"] = run("import_embeddings", dataset, key="lab", method="pca",
    vectors=media + "/v/demo_clip_embedding_ground_truth.parquet", text_model="demo-clip")
results["build_similarity_index"] = run("build_similarity_index", dataset, **demo)
results["find_duplicates"] = run("find_duplicates", dataset, **demo)
results["find_label_errors"] = run("find_label_errors", dataset)
results["add_tiles"] = run("add_tiles", dataset, columns=2, rows=2)
results["find_needles"] = run("find_needles", dataset, pack="debris")
dataset.save_view("all", dataset.limit(10))
results["label_hits"] = run("label_hits", dataset, view="all", label="a lost boot")
run("undo_relabel", dataset)
results["relabel_boxes"] = run("relabel_boxes", dataset, label="Sebastes", view="all")
with open(media + "/renamed.csv", "w") as table:
    table.write("old,new\\nSebastes,Scotoplanes globosa\\n")
results["reconcile_labels"] = run("reconcile_labels", dataset, table=media + "/renamed.csv")
run("undo_relabel", dataset)
results["start_review"] = run("start_review", dataset, order="concept")
results["open_review"] = run("open_review", dataset, view="all")
results["review_labels"] = run("review_labels", dataset, view="all", verdict="reject")
results["export_corrections"] = run("export_corrections", dataset, folder=media + "/corrected")
results["export_dataset"] = run("export_dataset", dataset, folder=media + "/exported")
run("undo_relabel", dataset)
results["undo_relabel"] = run("undo_relabel", dataset)
dataset.tag_samples("train")
results["split_by_dive"] = run("split_by_dive", dataset)
results["report_dataset"] = run("report_dataset", dataset, path=media + "/card")
results["run_workflow"] = run("run_workflow", stages=["ingest_dataset", "add_primary_label"],
    ingest_dataset={"dataset_name": name, "test_annotations": annotations, "media_root": media,
    "limit": 10})
module = type(foo.get_operator("@fathomnet/voxel51/check_setup")).__module__
file = sys.modules[module].__file__
print(json.dumps({"results": results, "module": module, "file": file}))
"""


def test_a_zip_installed_with_fiftyone_s_own_command_runs_every_operator(
    plugin_zip: str,
    shared_data: Path,
    dataset_name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    environment = {**os.environ, "FIFTYONE_PLUGINS_DIR": str(plugins)}
    subprocess.run(
        [BIN / "fiftyone", "plugins", "download", plugin_zip], env=environment, check=True
    )
    with (
        Origin({"a.png": png(5_000), "b.png": png(6_000)}) as origin,
        aphia(monkeypatch) as register,
    ):
        register.add("2:Animalia:Kingdom / 126175:Sebastes:Genus")
        environment[SERVICE_VARIABLE] = register.url
        arguments = [
            dataset_name,
            shared_data / "dataset_test.json",
            shared_data / "submission_experiment-final014.csv",
            tmp_path,
            write_coco(tmp_path / "listed.json", {n: origin.url(n) for n in origin.images}),
        ]
        finished = subprocess.run(
            [sys.executable, "-c", RUN_EVERYTHING, *arguments],
            env=environment,
            cwd=tmp_path,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    answer = json.loads(finished.stdout.splitlines()[-1])
    assert sorted(answer["results"]) == sorted(DECLARED)
    assert answer["module"] == "fathomnet_voxel51.operators.check_setup"
    assert Path(answer["file"]).is_relative_to(plugins), "not the package that is installed"
    assert answer["results"]["upload_images"]["stored"] == 2
    assert (tmp_path / "down" / "test_images" / "b.png").stat().st_size == 6_000
    assert answer["results"]["ingest_dataset"]["samples_added"] == 10
    assert answer["results"]["ingest_crops"]["labels"] == 1
    assert answer["results"]["evaluate_predictions"]["mean_taxonomic_distance"] == 0.0
    assert answer["results"]["build_similarity_index"]["indexed"] > 10
    assert answer["results"]["compute_embeddings"]["skipped"] == 0
    assert answer["results"]["find_duplicates"]["images"] == 10
    assert answer["results"]["resolve_names"]["accepted"] == 1
    assert answer["results"]["set_label_map"]["names"] == 2
    assert answer["results"]["reconcile_labels"]["renamed"] > 10
    assert answer["results"]["label_hits"]["labelled"] == 10, "the four tiles of each image"
    assert answer["results"]["undo_relabel"]["restored"] > 10
    assert answer["results"]["run_workflow"]["ingest_dataset"]["samples_added"] == 0


def test_who_types_relabel_finds_relabelling_first() -> None:
    """By the rule of FiftyOne's operator browser, for somebody who has used none lately.

    It takes what has the text in label, name or description, and orders by the code of the first
    letter of the description.
    """
    configs = [foo.get_operator(uri(name)).config for name in DECLARED]
    texts = {one.name: f"{one.label} {one.name} {one.description}".lower() for one in configs}
    found = [one for one in configs if "relabel" in texts[one.name]]
    assert len(found) >= 3
    codes = {one.name: ord(one.description[0]) for one in found}
    assert [name for name, code in codes.items() if code == min(codes.values())] == [
        "relabel_boxes"
    ]
