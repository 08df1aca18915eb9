"""Operators' parameters: defaults, checks, and the names that other programs rely on."""

from __future__ import annotations

import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.parameters import OPERATORS, RunWorkflow
from fathomnet_voxel51.parameters.dataset import AddTaxonomyRanks, IngestDataset
from fathomnet_voxel51.parameters.embeddings import ComputeEmbeddings
from fathomnet_voxel51.parameters.needles import FindNeedles
from fathomnet_voxel51.parameters.relabelling import RelabelBoxes, UndoRelabel

CONTRACT = {
    "check_setup": {"media_root": ""},
    "ingest_dataset": {
        "dataset_name": "fathomnet-2025",
        "train_annotations": "",
        "test_annotations": "",
        "media_root": "",
        "mirror": "",
        "limit": None,
        "recreate": False,
    },
    "add_primary_label": {"source_field": "ground_truth", "field": "primary_label"},
    "add_taxonomy_ranks": {"label_fields": ["ground_truth"]},
    "add_tiles": {"field": "tiles", "columns": 7, "rows": 5},
    "build_similarity_index": {
        "model": "clip",
        "patches_field": "ground_truth",
        "brain_key": "",
        "backend": "sklearn",
    },
    "evaluate_predictions": {
        "pred_field": "model_predictions",
        "gt_field": "ground_truth",
        "eval_key": "",
    },
    "find_label_errors": {
        "pred_field": "model_predictions",
        "gt_field": "ground_truth",
        "index_key": "",
    },
    "find_needles": {"brain_key": "", "pack": "", "prompts": [], "k": 25},
    "import_predictions": {
        "predictions": "",
        "split": "test",
        "gt_field": "ground_truth",
        "field": "model_predictions",
    },
}


@pytest.mark.parametrize("operator", CONTRACT)
def test_the_contract_s_parameters_and_defaults_are_kept(operator: str) -> None:
    defaults = OPERATORS[operator].parse({}).model_dump(mode="json")
    assert CONTRACT[operator].items() <= defaults.items()


def test_every_parameter_says_what_it_is() -> None:
    for model in OPERATORS.values():
        for name, info in model.model_fields.items():
            nested = hasattr(info.annotation, "model_fields")
            assert nested or (info.title and info.description), f"{model.operator}.{name}"


def test_a_file_browser_s_value_and_typed_text_mean_the_same() -> None:
    browsed = IngestDataset.parse({"test_annotations": {"absolute_path": "/a/b.json", "size": 3}})
    assert browsed == IngestDataset.parse({"test_annotations": " /a/b.json "})


def test_a_cleared_file_browser_is_an_empty_parameter() -> None:
    assert IngestDataset.parse({"test_annotations": {"absolute_path": None}}).test_annotations == ""


def test_the_home_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert IngestDataset.parse({"media_root": "~/media"}).media_root == "/home/ada/media"


def test_all_faults_come_at_once_each_with_its_parameter() -> None:
    with pytest.raises(InputError) as raised:
        IngestDataset.parse({"limit": 0, "recreate": "maybe", "media_rot": "x", "dataset_name": ""})
    places = {fault.place for fault in raised.value.faults}
    assert places == {"limit", "recreate", "media_rot", "dataset_name"}
    assert "did you mean media_root?" in str(raised.value)


def test_a_misspelt_parameter_of_a_stage_is_answered_with_the_stage_s_own() -> None:
    with pytest.raises(InputError) as raised:
        RunWorkflow.parse({"ingest_dataset": {"media_rot": "x"}, "add_tiles": {"zzz": 1}})
    told = {fault.place: fault.problem for fault in raised.value.faults}
    assert told["ingest_dataset.media_rot"].endswith("did you mean media_root?")
    assert told["add_tiles.zzz"].endswith("known: field, columns, rows")


@pytest.mark.parametrize("limit", [2.5, "many", -1, [3]])
def test_a_limit_that_is_no_count_is_refused(limit: object) -> None:
    with pytest.raises(InputError, match="limit"):
        IngestDataset.parse({"limit": limit})


@pytest.mark.parametrize(("given", "limit"), [("", None), (None, None), ("12", 12), (12.0, 12)])
def test_a_limit_may_come_from_a_form_or_from_a_command_line(given: object, limit: object) -> None:
    assert IngestDataset.parse({"limit": given}).limit == limit


def test_the_form_s_own_keys_are_ignored() -> None:
    assert IngestDataset.parse({"_preview": 1, "view_target": "DATASET"}) == IngestDataset()


def test_lists_may_be_separated_by_commas() -> None:
    parsed = AddTaxonomyRanks.parse({"label_fields": "ground_truth, model_predictions"})
    assert parsed.label_fields == ("ground_truth", "model_predictions")


def test_a_fault_within_a_stage_names_the_stage() -> None:
    with pytest.raises(InputError) as raised:
        RunWorkflow.parse({"ingest_dataset": {"limit": -1}, "stages": ["dance"]})
    assert {fault.place for fault in raised.value.faults} == {"stages.0", "ingest_dataset.limit"}


def test_texts_to_look_for_may_hold_commas() -> None:
    parsed = FindNeedles.parse({"prompts": " a small red octopus, alone; a lost boot ;"})
    assert parsed.prompts == ("a small red octopus, alone", "a lost boot")
    assert FindNeedles.parse({"prompts": None}).prompts == ()


def test_a_cleared_suggestion_is_an_empty_text() -> None:
    assert FindNeedles.parse({"brain_key": None, "pack": None}) == FindNeedles()
    assert ComputeEmbeddings.parse({"patches_field": None}).patches_field == ""
    assert RelabelBoxes.parse({"label": None, "view": None}) == RelabelBoxes()
    assert UndoRelabel.parse({"journal": None}) == UndoRelabel()
