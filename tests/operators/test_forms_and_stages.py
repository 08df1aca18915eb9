"""What a form accepts its stage accepts, and what a stage refuses its form shows as an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.embeddings import import_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import PLUGIN_NAME, embedding_field
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.synthetic import write_catalog
from tests.support.aphia import aphia
from tests.support.stored import documents, settings

NAME: Final = "test-forms-and-stages"

Given = tuple[str, dict[str, Any]]

GOOD: Final[tuple[Given, ...]] = (
    ("check_setup", {}),
    ("ingest_dataset", {"train_annotations": "@train", "media_root": "@", "dataset_name": NAME}),
    ("ingest_dataset", {"test_annotations": "@other", "media_root": "@", "dataset_name": NAME}),
    ("ingest_crops", {"table": "@crops.csv", "dataset_name": f"{NAME}-crops"}),
    (
        "ingest_crops",
        {
            "table": "@rois.csv",
            "columns": ["path=cutout", "label=taxon"],
            "split": "val",
            "dataset_name": f"{NAME}-crops",
        },
    ),
    ("add_primary_label", {}),
    ("add_primary_label", {"field": "another_label"}),
    ("add_taxonomy_ranks", {}),
    ("add_taxonomy_ranks", {"label_fields": ["ground_truth", "one_label"]}),
    ("add_tiles", {"columns": 2, "rows": 1}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "method": "none"}),
    ("export_embeddings", {"folder": "@vectors", "model": "imported/lab"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "train"}),
    ("import_predictions", {"predictions": "@bad.csv", "split": "train", "skip_bad_rows": True}),
    ("import_predictions", {"predictions": "@boxes.csv", "split": "train", "field": "detected"}),
    ("evaluate_predictions", {"pred_field": "predicted"}),
    ("find_label_errors", {"pred_field": "predicted"}),
    ("relabel_boxes", {"label": "Sebastes", "view": "two"}),
    ("start_review", {"order": "concept", "view": "two"}),
    ("start_review", {"order": "random", "name": "ours", "assignees": ["a", "b"], "overlap": 0.2}),
    ("open_review", {"view": "two"}),
    ("review_labels", {"view": "two"}),
    ("review_labels", {"view": "two", "verdict": "relabel", "label": "Sebastes", "scope": "shown"}),
    ("label_hits", {"view": "two", "field": "predicted", "label": "rope"}),
    ("undo_relabel", {}),
    ("resolve_names", {"folder": "@resolved"}),
    ("resolve_names", {"file": "@names.csv", "folder": "@resolved/deeper"}),
    ("set_label_map", {"file": "@names.csv", "dry_run": True}),
    ("set_label_map", {"file": "@names.csv"}),
    ("set_label_map", {"version": 0}),
    ("reconcile_labels", {"table": "@renamed.csv", "dry_run": True}),
    ("reconcile_labels", {"table": "@renamed.csv"}),
    ("reconcile_labels", {"table": "@renamed.csv", "field": "one_label"}),
    ("ingest_dataset", {"train_annotations": "@train", "label_map": "@names.csv"}),
    ("export_corrections", {"folder": "@corrected/deeper"}),
    ("export_dataset", {"folder": "@exported/deeper"}),
    ("export_dataset", {"folder": "@exported", "view": "two", "split": "train"}),
    ("split_by_dive", {"val_ratio": 0.3}),
    ("report_dataset", {}),
    ("report_dataset", {"path": "@card"}),
    ("run_workflow", {"stages": ["add_primary_label", "add_taxonomy_ranks"]}),
)
"""What is accepted; ``@`` stands for the folder of the test."""

BAD: Final[tuple[Given, ...]] = (
    ("check_setup", {"media_rot": ""}),
    ("upload_images", {"annotations": "@train", "media_root": "@up"}),
    ("upload_images", {"annotations": "@no", "split": "train", "media_root": "@up"}),
    ("upload_images", {"annotations": "@train", "split": "train", "media_root": "@train/below"}),
    ("upload_images", {"annotations": "@train", "split": "train", "media_root": "s3://bucket"}),
    (
        "upload_images",
        {"annotations": "@train", "split": "train", "media_root": "@", "shard": "5"},
    ),
    ("download_images", {"annotations": "@train", "split": "train"}),
    ("download_images", {"annotations": "@train", "split": "dev", "destination": "@down"}),
    (
        "download_images",
        {"annotations": "@train", "split": "train", "destination": "gs://bucket/a"},
    ),
    ("download_images", {"annotations": "@train", "split": "train", "destination": "@train/below"}),
    ("download_images", {"annotations": "", "split": "train", "destination": "@down"}),
    ("ingest_dataset", {}),
    ("ingest_dataset", {"train_annotations": "@train", "media_root": "s3://bucket"}),
    ("ingest_dataset", {"train_annotations": "@train", "media_root": "@train"}),
    ("ingest_dataset", {"train_annotations": "@train", "mirror": "/elsewhere"}),
    ("ingest_dataset", {"train_annotations": "@train", "dataset_name": "?"}),
    ("ingest_dataset", {"train_annotations": "@train", "dataset_name": NAME}),
    ("ingest_dataset", {"train_annotations": "@other", "media_root": "@", "dataset_name": NAME}),
    ("ingest_dataset", {"train_annotations": "@good.csv", "media_root": "@", "dataset_name": NAME}),
    ("ingest_dataset", {"train_annotations": "@no", "media_root": "@", "dataset_name": "new"}),
    ("ingest_dataset", {"train_annotations": "@train", "dataset_name": f"{NAME}-foreign"}),
    ("ingest_dataset", {"train_annotations": "@train", "limit": 0}),
    ("ingest_crops", {}),
    ("ingest_crops", {"table": "@crops.csv", "folder": "@"}),
    ("ingest_crops", {"table": "@no"}),
    ("ingest_crops", {"table": "@rois.csv"}),
    ("ingest_crops", {"table": "@bad.csv"}),
    ("ingest_crops", {"folder": "@train"}),
    ("ingest_crops", {"folder": "@", "columns": ["path=cutout"]}),
    ("ingest_crops", {"table": "@rois.csv", "columns": ["path=file"]}),
    ("ingest_crops", {"table": "@rois.csv", "columns": ["cutout"]}),
    ("ingest_crops", {"table": "@crops.csv", "media_root": "s3://bucket"}),
    ("ingest_crops", {"table": "@crops.csv", "label_field": "filepath"}),
    ("ingest_crops", {"table": "@crops.csv", "split": "dev"}),
    ("ingest_crops", {"table": "@crops.csv", "dataset_name": NAME, "split": "val"}),
    ("ingest_crops", {"table": "@crops.csv", "dataset_name": f"{NAME}-foreign"}),
    ("add_primary_label", {"source_field": "nothing"}),
    ("add_primary_label", {"source_field": "one_label"}),
    ("add_primary_label", {"field": "ground_truth"}),
    ("add_primary_label", {"field": "no field"}),
    ("add_primary_label", {"field": "filepath"}),
    ("add_taxonomy_ranks", {"label_fields": []}),
    ("add_taxonomy_ranks", {"label_fields": ["ground_truth", "nothing"]}),
    ("add_taxonomy_ranks", {"label_fields": ["split"]}),
    ("add_tiles", {"field": "ground_truth"}),
    ("add_tiles", {"field": "1st"}),
    ("add_tiles", {"columns": 0}),
    ("compute_embeddings", {"model": "no-such-model"}),
    ("compute_embeddings", {"patches_field": "nothing"}),
    ("compute_embeddings", {"device": "toaster"}),
    ("compute_embeddings", {"batch_size": 0}),
    ("compute_embeddings", {"method": "astrology"}),
    ("compute_embeddings", {"brain_key": "no key", "method": "pca"}),
    # Left empty, the form takes the model that has vectors here.
    ("build_similarity_index", {"model": "clip"}),
    ("build_similarity_index", {"model": "no-such-model"}),
    ("build_similarity_index", {"model": "dinov2", "patches_field": ""}),
    ("build_similarity_index", {"backend": "no-such-backend"}),
    ("find_duplicates", {}),
    ("find_duplicates", {"model": "no-such-model"}),
    ("find_duplicates", {"model": "dinov2"}),
    ("find_duplicates", {"threshold": 0.1}),
    ("find_needles", {}),
    ("find_needles", {"pack": "no-such-pack"}),
    ("find_needles", {"brain_key": "nothing"}),
    ("find_needles", {"k": 0}),
    ("import_embeddings", {}),
    ("import_embeddings", {"vectors": "@good.npz"}),
    ("import_embeddings", {"vectors": "@no.npz", "key": "lab"}),
    ("import_embeddings", {"vectors": "@good.csv", "key": "lab"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "clip"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "by": "name"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "by": "path"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "patches_field": "nothing"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "text_model": "dinov2"}),
    ("import_embeddings", {"vectors": "@good.npz", "key": "lab", "brain_key": "no key"}),
    ("export_embeddings", {}),
    ("export_embeddings", {"folder": "@vectors", "model": "clip"}),
    ("export_embeddings", {"folder": "@train/below", "model": "imported/lab"}),
    ("export_embeddings", {"folder": "@vectors", "model": "no-such-model"}),
    ("import_predictions", {}),
    ("import_predictions", {"predictions": "@no"}),
    ("import_predictions", {"predictions": "@bad.csv", "split": "train"}),
    ("import_predictions", {"predictions": "@train", "split": "train"}),
    ("import_predictions", {"predictions": "@boxes.csv", "split": "train", "field": "predicted"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "train", "kind": "detections"}),
    ("import_predictions", {"predictions": "@boxes.csv", "split": "train", "kind": "names"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "train", "kind": "boxes"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "dev"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "train", "field": "one_label"}),
    ("import_predictions", {"predictions": "@good.csv", "split": "train", "gt_field": "nothing"}),
    ("evaluate_predictions", {"pred_field": "nothing"}),
    ("evaluate_predictions", {"pred_field": "ground_truth"}),
    ("evaluate_predictions", {"pred_field": "one_label"}),
    ("evaluate_predictions", {"pred_field": "predicted", "eval_key": "no key"}),
    ("find_label_errors", {"gt_field": "nothing"}),
    ("find_label_errors", {"pred_field": "nothing"}),
    ("find_label_errors", {"pred_field": "predicted", "index_key": "nothing"}),
    ("find_label_errors", {"pred_field": "predicted", "threshold": 2}),
    ("relabel_boxes", {}),
    ("relabel_boxes", {"label": "Unicorn", "view": "two"}),
    ("relabel_boxes", {"label": "Sebastes", "view": "no-such-view"}),
    ("relabel_boxes", {"label": "Sebastes", "view": "two", "field": "nothing"}),
    ("start_review", {"order": "margin"}),
    ("start_review", {"order": "cluster"}),
    ("start_review", {"order": "random", "overlap": 0.5}),
    ("start_review", {"order": "random", "overlap": 2}),
    ("start_review", {"order": "random", "assignees": ["a", "A"]}),
    ("start_review", {"order": "random", "assignees": ["$a"]}),
    ("start_review", {"order": "random", "view": "no-such-view"}),
    ("start_review", {"order": "random", "field": "nothing"}),
    ("start_review", {"order": "age"}),
    ("open_review", {"view": "no-such-view"}),
    ("open_review", {"view": "two", "field": "nothing"}),
    ("review_labels", {}),
    ("review_labels", {"view": "two", "verdict": "approve"}),
    ("review_labels", {"view": "two", "verdict": "relabel"}),
    ("review_labels", {"view": "two", "verdict": "relabel", "label": "Unicorn"}),
    ("review_labels", {"view": "two", "label": "Sebastes"}),
    ("review_labels", {"view": "two", "scope": "all_except_selected"}),
    ("review_labels", {"view": "no-such-view"}),
    ("review_labels", {"view": "two", "field": "nothing"}),
    ("label_hits", {}),
    ("label_hits", {"view": "two", "label": "rope"}),
    ("label_hits", {"view": "two", "field": "predicted"}),
    ("label_hits", {"view": "two", "field": "predicted", "label": "Sebastes"}),
    ("label_hits", {"view": "two", "field": "predicted", "label": "rope", "into": "predicted"}),
    ("label_hits", {"view": "two", "field": "predicted", "label": "rope", "into": "one_label"}),
    ("label_hits", {"view": "two", "field": "predicted", "label": "rope", "into": "no field"}),
    ("label_hits", {"view": "no-such-view", "field": "predicted", "label": "rope"}),
    ("undo_relabel", {"journal": "no-such-journal"}),
    ("resolve_names", {}),
    ("resolve_names", {"folder": "@train/below"}),
    ("resolve_names", {"folder": "@resolved", "field": "nothing"}),
    ("resolve_names", {"folder": "@resolved", "file": "@no.csv"}),
    ("resolve_names", {"folder": "@resolved", "file": "@good.csv"}),
    ("resolve_names", {"folder": "@resolved", "file": "@cycle.nwk"}),
    ("set_label_map", {}),
    ("set_label_map", {"file": "@no.csv"}),
    ("set_label_map", {"file": "@good.csv"}),
    ("set_label_map", {"file": "@cycle.nwk"}),
    ("set_label_map", {"file": "@names.csv", "version": 0}),
    ("set_label_map", {"version": 7}),
    ("set_label_map", {"version": -1}),
    ("reconcile_labels", {}),
    ("reconcile_labels", {"table": "@no.csv"}),
    ("reconcile_labels", {"table": "@good.csv"}),
    ("reconcile_labels", {"table": "@unknown.csv"}),
    ("reconcile_labels", {"table": "@renamed.csv", "field": "filepath"}),
    ("reconcile_labels", {"table": "@renamed.csv", "field": "nothing"}),
    ("ingest_dataset", {"train_annotations": "@train", "label_map": "@cycle.nwk"}),
    ("export_corrections", {}),
    ("export_corrections", {"folder": "@train"}),
    ("export_corrections", {"folder": "@train/below"}),
    ("export_corrections", {"folder": "gs://bucket/corrected"}),
    ("export_corrections", {"folder": "@corrected", "field": "nothing"}),
    ("export_dataset", {}),
    ("export_dataset", {"folder": "@train/below"}),
    ("export_dataset", {"folder": "@exported", "field": "nothing"}),
    ("export_dataset", {"folder": "@exported", "view": "nothing"}),
    ("export_dataset", {"folder": "@exported", "split": "nothing"}),
    ("split_by_dive", {"val_ratio": 1}),
    ("split_by_dive", {"val_ratio": "half"}),
    ("split_by_dive", {"seed": -1}),
    ("report_dataset", {"path": "@card.txt"}),
    ("report_dataset", {"path": "@train/below"}),
    ("report_dataset", {"path": "gs://bucket/card"}),
    ("run_workflow", {"stages": []}),
    ("run_workflow", {"stages": ["dance"]}),
    ("run_workflow", {"stages": ["add_tiles", "add_tiles"]}),
    ("run_workflow", {"stages": ["ingest_dataset"]}),
    ("run_workflow", {"stages": ["add_tiles"], "add_tiles": {"field": "ground_truth"}}),
    ("run_workflow", {"stages": ["add_primary_label"], "add_primary_label": {"field": "no field"}}),
    ("run_workflow", {"stages": ["find_needles"], "find_needles": {"pack": "no-such-pack"}}),
    (
        "run_workflow",
        {
            "stages": ["ingest_dataset"],
            "ingest_dataset": {
                "train_annotations": "@other",
                "media_root": "@",
                "dataset_name": NAME,
            },
        },
    ),
    (
        "run_workflow",
        {
            "stages": ["add_primary_label", "import_predictions"],
            "import_predictions": {"predictions": "@bad.csv", "split": "train"},
        },
    ),
)


@pytest.fixture(scope="module", autouse=True)
def register() -> Iterator[None]:
    """WoRMS, which knows nothing."""
    with pytest.MonkeyPatch.context() as patch, aphia(patch):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_catalog(folder / "train", 12, 40, seed=3)
    write_catalog(folder / "other", 5, 9, seed=4)
    rows = [f"{one.name},{one.parent or ''},{one.rank}" for one in load_taxonomy().taxa]
    (folder / "names.csv").write_text("\n".join(["name,parent,rank", *rows]))
    (folder / "cycle.nwk").write_text("(A,B)A;")
    (folder / "renamed.csv").write_text("old,new\nSebastes,Scotoplanes globosa\n")
    (folder / "unknown.csv").write_text("old,new\nSebastes,Unicorn\n")
    (folder / "crops.csv").write_text("path,label\nrois/a.png,Sebastes\n")
    (folder / "rois.csv").write_text("cutout,taxon\nrois/b.png,Aegina\n")
    return folder


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Iterator[Any]:
    ingest_dataset(NAME, train_annotations=str(folder / "train"), media_root=str(folder))
    dataset = fo.load_dataset(NAME, reload=True)
    label = fo.Classification(label="Sebastes")
    dataset.set_values("one_label", [label] * len(dataset))
    # The field is there, and every image lacks the vector.
    dataset.add_sample_field(embedding_field("dinov2"), fo.VectorField)
    dataset.save_view("two", dataset.limit(2))
    numbers = dataset.values("ground_truth.detections.annotation_id", unwind=True)
    rows = [f"{number},Sebastes" for number in numbers]
    (folder / "good.csv").write_text("\n".join(["annotation_id,concept_name", *rows]))
    (folder / "bad.csv").write_text("\n".join(["annotation_id,concept_name", *rows, "x,Unicorn"]))
    header = "image_id,concept_name,bbox_x,bbox_y,bbox_width,bbox_height,score"
    image = dataset.first().image_id
    (folder / "boxes.csv").write_text(f"{header}\n{image},Sebastes,1,1,9,9,0.5\n")
    import_predictions(dataset, str(folder / "good.csv"), "train", field="predicted")
    vectors = np.random.default_rng(5).normal(size=(len(numbers), 4))
    splits = ["train"] * len(numbers)  # a test split with the same numbers comes later
    np.savez(folder / "good.npz", vectors=vectors, annotation_id=numbers, split=splits)
    import_embeddings(dataset, str(folder / "good.npz"), "lab", method="none")
    relabel_boxes(dataset.limit(1), "Sebastes")
    foreign = fo.Dataset(f"{NAME}-foreign", persistent=True)
    yield dataset
    for name in (dataset.name, foreign.name, f"{NAME}-crops"):
        if fo.dataset_exists(name):
            fo.delete_dataset(name)


def context(dataset: Any, values: dict[str, Any], folder: Path) -> Any:
    text = json.dumps(values).replace("@", f"{folder}/")
    request = {"dataset_name": dataset and dataset.name, "params": json.loads(text)}
    return ExecutionContext(request, executor=Executor())


def errors(form: Any) -> list[str]:
    """The messages of everything in a form, at any depth, that keeps it from being executed."""
    found = []
    for prop in form.properties.values():
        if prop.invalid:
            found.append(prop.error_message)
        if hasattr(prop.type, "properties"):
            found += errors(prop.type)
    return found


def form_errors(operator: str, ctx: Any) -> list[str]:
    door = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    return errors(door.resolve_type(ctx, "inputs").type)


def execute(operator: str, ctx: Any) -> Any:
    return foo.get_operator(f"{PLUGIN_NAME}/{operator}").execute(ctx)


def labelled(given: Given) -> str:
    return f"{given[0]}-{json.dumps(given[1])}"[:90]


def test_every_operator_has_its_inputs() -> None:
    assert {name for name, _ in BAD} == {*OPERATORS}
    moves = {"upload_images", "download_images"}
    needs_a_model = {
        "compute_embeddings", "build_similarity_index", "find_duplicates", "find_needles"
    }  # fmt: skip
    assert {name for name, _ in GOOD} == {*OPERATORS} - moves - needs_a_model


@pytest.mark.parametrize("given", BAD, ids=labelled)
def test_what_the_stage_refuses_the_form_shows(dataset: Any, folder: Path, given: Given) -> None:
    operator, values = given
    dataset.reload()
    before = documents(dataset), settings(dataset)
    shown = form_errors(operator, context(dataset, values, folder))
    with pytest.raises(Exception) as raised:
        execute(operator, context(dataset, values, folder))
    refused = {"InputError", "DatasetError", "SetupError"}
    assert type(raised.value).__name__ in refused, repr(raised.value)
    assert shown, f"the form is green, and the run says: {raised.value}"
    dataset.reload()
    assert (documents(dataset), settings(dataset)) == before


@pytest.mark.parametrize("given", GOOD, ids=labelled)
def test_what_the_form_accepts_the_stage_accepts(dataset: Any, folder: Path, given: Given) -> None:
    operator, values = given
    dataset.reload()
    before = documents(dataset), settings(dataset)
    assert form_errors(operator, context(dataset, values, folder)) == []
    dataset.reload()
    assert (documents(dataset), settings(dataset)) == before, "a form looks and writes nothing"
    assert isinstance(execute(operator, context(dataset, values, folder)), dict)


@pytest.mark.parametrize("operator", [n for n, model in OPERATORS.items() if model.needs_dataset])
def test_without_a_dataset_form_run_and_call_say_so(operator: str, folder: Path) -> None:
    needed = {
        "relabel_boxes": {"label": "Sebastes"},
        "import_predictions": {"predictions": "@good.csv"},
        "export_corrections": {"folder": "@corrected"},
        "export_dataset": {"folder": "@exported"},
        "export_embeddings": {"folder": "@vectors"},
        "import_embeddings": {"vectors": "@good.npz", "key": "lab"},
        "resolve_names": {"folder": "@resolved"},
    }
    ctx = context(None, needed.get(operator, {}), folder)
    assert any("dataset to work on" in one for one in form_errors(operator, ctx))
    with pytest.raises(Exception, match="dataset to work on"):
        execute(operator, context(None, needed.get(operator, {}), folder))
    door = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    for delegate in (False, True):
        with pytest.raises(Exception, match="dataset to work on"):
            door(delegate=delegate)
