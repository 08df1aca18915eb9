"""Forms as they are first seen: on any dataset, before anything was typed, nobody is blamed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.errors import FathomNetError
from fathomnet_voxel51.ingest import ingest_crops, ingest_dataset
from fathomnet_voxel51.models.weights import MODELS_FOLDER
from fathomnet_voxel51.names import PLUGIN_NAME, embedding_field
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.tiles import add_tiles
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.synthetic import write_catalog
from tests.support import screens

SECRET = "token-71c4e0"
DATASETS = ("no dataset", "empty", "without vectors", "with vectors")


@pytest.fixture
def datasets(dataset_name: str, tmp_path: Path) -> Any:
    """Makes a dataset of each kind."""

    def make(kind: str) -> Any:
        if kind == "no dataset":
            return None
        if kind == "empty":
            return fo.Dataset(dataset_name, persistent=True)
        catalog = write_catalog(tmp_path / "test.json", 8, 20, seed=3, split="test")
        ingest_dataset(dataset_name, test_annotations=str(catalog), media_root=str(tmp_path))
        dataset = fo.load_dataset(dataset_name)
        if kind == "with vectors":
            add_tiles(dataset, columns=2, rows=1)
            lot = np.random.default_rng(1)
            for field in ("ground_truth", "tiles"):
                path = f"{field}.detections.{embedding_field('demo-clip')}"
                dataset.add_sample_field(path, fo.VectorField)
                counts = dataset.values(F(f"{field}.detections").length())
                dataset.set_values(path, [list(lot.normal(size=(n or 0, 8))) for n in counts])
                build_similarity_index(dataset, "demo-clip", field)
        return dataset

    return make


def context(name: str, dataset: Any, values: dict[str, Any], view: Any = None) -> Any:
    sent: dict[str, Any] = {} if dataset is None else screens.request(dataset, view)
    sent = json.loads(
        json.dumps({**sent, "params": values, "prompt_id": screens.FORM}, default=str)
    )
    return ExecutionContext(
        sent, executor=Executor(), operator_uri=f"{PLUGIN_NAME}/{name}", required_secrets=[]
    )


def form(name: str, dataset: Any, shown: Any = None, **values: Any) -> dict[str, Any]:
    operator = foo.get_operator(f"{PLUGIN_NAME}/{name}")
    ctx = context(name, dataset, values, shown)
    operator.resolve_execution_options(ctx)
    shown = operator.resolve_type(ctx, "inputs").to_json()
    properties: dict[str, Any] = shown["type"]["properties"]
    return properties


def everything(properties: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The properties of a form, at any depth."""
    found = list(properties.items())
    for one in properties.values():
        found += everything(one["type"].get("properties") or {})
    return found


@pytest.mark.parametrize("shown", ["all of it", "a view"])
@pytest.mark.parametrize("kind", DATASETS)
def test_no_field_is_marked_and_no_preview_ends_in_a_traceback(
    kind: str, shown: str, datasets: Any
) -> None:
    dataset = datasets(kind)
    if dataset is None and shown == "a view":
        return
    view = None if shown == "all of it" else dataset.limit(3)
    for name, model in OPERATORS.items():
        fields = set(model.model_fields)
        for field, one in everything(form(name, dataset, view)):
            if one.get("invalid"):
                # What is left to do is said, beneath the fields, in a notice.
                assert field not in fields, f"{name}.{field}: {one['error_message']}"
                assert one["view"]["name"] == "Notice", f"{name}: {one['error_message']}"
                said = one["error_message"]
                assert not {"[]", "None", "Traceback"} & set(said.split()), f"{name}: {said}"
                parts = said.split("; ")
                assert len(set(parts)) == len(parts), f"{name}: {said}"


def test_what_is_typed_wrongly_is_marked_where_it_was_typed(datasets: Any) -> None:
    dataset = datasets("without vectors")
    shown = form("add_tiles", dataset, columns=0)
    assert shown["columns"]["invalid"] and "greater" in shown["columns"]["error_message"]
    shown = form("import_predictions", dataset, predictions="/nowhere.csv")
    assert [name for name, one in shown.items() if one.get("invalid")] == ["predictions"]


def test_forms_begin_with_what_the_dataset_has(datasets: Any) -> None:
    dataset = datasets("with vectors")
    needles = form("find_needles", dataset)
    assert needles["brain_key"]["default"] == "demo_clip_similarity_tiles"
    assert not needles["pack"]["default"]
    assert not any(one.get("invalid") for one in needles.values())
    dataset.delete_brain_run("demo_clip_similarity_tiles")
    needles = form("find_needles", dataset)
    assert needles["brain_key"]["default"] == "demo_clip_similarity"
    assert needles["pack"]["default"] == "species"


@pytest.mark.parametrize("kind", ["crops", "boxes of somebody else"])
def test_forms_begin_with_the_only_field_of_labels(
    kind: str, dataset_name: str, tmp_path: Path
) -> None:
    if kind == "crops":
        table = tmp_path / "crops.csv"
        table.write_text("path,label\na.png,Sebastes\nb.png,Peniagone\n")
        ingest_crops(dataset_name, table=str(table), label_field="taxon")
        dataset = fo.load_dataset(dataset_name)
    else:
        dataset = fo.Dataset(dataset_name, persistent=True)
        box = fo.Detection(label="Sebastes", bounding_box=[0.1, 0.1, 0.2, 0.2])
        boxes = fo.Detections(detections=[box])
        dataset.add_sample(fo.Sample(filepath=str(tmp_path / "a.png"), taxon=boxes))
        add_tiles(dataset, columns=2, rows=1)
    usual = {"ground_truth", ("ground_truth",)}
    for name, model in OPERATORS.items():
        shown = form(name, dataset)
        for field, info in model.model_fields.items():
            if not isinstance(info.default, str | tuple) or info.default not in usual:
                continue
            begins = shown[field]["default"]
            if (name, field) == ("label_hits", "into"):
                assert begins == "ground_truth"  # which it makes
            elif (name, kind) != ("add_primary_label", "crops"):
                assert begins in ("taxon", ["taxon"]), f"{name}.{field}"
    # Two of them may be meant: nothing is guessed.
    dataset.clone_sample_field("taxon", "other")
    if kind == "boxes of somebody else":
        assert form("relabel_boxes", dataset)["field"]["default"] == "ground_truth"


def test_a_button_without_a_form_takes_what_a_form_would_begin_with(
    dataset_name: str, tmp_path: Path
) -> None:
    table = tmp_path / "crops.csv"
    table.write_text("path,label\na.png,Sebastes\nb.png,Peniagone\n")
    ingest_crops(dataset_name, table=str(table), label_field="taxon")
    dataset = fo.load_dataset(dataset_name)
    opened = foo.get_operator(f"{PLUGIN_NAME}/open_review").execute(
        context("open_review", dataset, {})
    )
    assert opened["labels"] == 2


def test_weights_that_are_missing_are_said_before(
    datasets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path / "nothing"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "nothing"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    shown = form("compute_embeddings", datasets("without vectors"), model="dinov2")
    said = [one["view"].get("label") or "" for name, one in shown.items() if "_warning" in name]
    assert any("not on this machine" in one and "facebook/dinov2-base" in one for one in said)


@pytest.mark.parametrize(
    "text",
    [
        f"{SECRET}\nsecond\n",
        f"{SECRET},other\n1,2\n",
        f'"{SECRET}"',
        f'{{"{SECRET}": 1}}',
        f"{SECRET}: [x",
    ],
)
def test_not_a_word_of_a_file_that_was_not_meant_is_repeated(
    text: str, datasets: Any, tmp_path: Path
) -> None:
    dataset = datasets("without vectors")
    given = {
        "import_predictions": "predictions",
        "ingest_dataset": "test_annotations",
        "ingest_crops": "table",
        "resolve_names": "file",
        "upload_images": "annotations",
        "find_needles": "pack",
        "compute_embeddings": "model",
    }
    for ending in (".csv", ".json", ".parquet", ".yaml", ""):
        file = tmp_path / f"secret{ending}"
        file.write_text(text)
        for name, parameter in given.items():
            values = {parameter: str(file), "split": "test"}
            values |= {"media_root": str(tmp_path)} if "images" in name else {}
            known = OPERATORS[name].model_fields
            values = {key: value for key, value in values.items() if key in known}
            assert SECRET not in json.dumps(form(name, dataset, **values)), name
            operator = foo.get_operator(f"{PLUGIN_NAME}/{name}")
            arguments = (dataset,) if OPERATORS[name].needs_dataset else ()
            with pytest.raises(FathomNetError) as raised:
                operator(*arguments, **values)
            assert SECRET not in str(raised.value), name


@pytest.mark.parametrize(
    ("operator", "name", "least"),
    [
        ("find_duplicates", "threshold", 0.5),
        ("set_label_map", "version", 0),
        ("ingest_dataset", "limit", 1),
    ],
)
def test_a_number_that_may_be_left_out_begins_where_the_parameter_says(
    datasets: Any, operator: str, name: str, least: float
) -> None:
    asked = form(operator, datasets("without vectors"))
    assert asked[name]["type"]["min"] == least
