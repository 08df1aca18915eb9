"""What was made from labels or boxes is told to be out of date once these have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import numpy as np
import pytest
from fathomnet_voxel51.dataset import columns
from fathomnet_voxel51.dataset.records import (
    all_outdated,
    read_values,
    why_outdated,
    write_values,
)
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_taxonomy_ranks
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import relabel_boxes, set_label_map, undo_relabel
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.similarity import build_similarity_index
from fiftyone import ViewField as F

from tests.panels.driven import DrivenPanel
from tests.similarity.embedded import give_vectors, offset_vectors
from tests.support.predicted import predicted_dataset

EVALUATION = ("evaluation", "eval_model_predictions")
SUSPECTS = ("suspects", "ground_truth")
INDEX = ("index", "clip_similarity")
ALL = {EVALUATION, SUSPECTS, INDEX}
NAMED = {EVALUATION, SUSPECTS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synthetic")


@pytest.fixture(scope="module")
def made(folder: Path) -> Iterator[Any]:
    """300 images and 800 boxes with a prediction of each: evaluated, searched and indexed."""
    dataset = predicted_dataset(folder, "test-outdated")
    add_taxonomy_ranks(dataset)
    give_vectors(dataset, offset_vectors(800))
    evaluate_predictions(dataset)
    build_similarity_index(dataset)
    find_label_errors(dataset)
    yield dataset
    dataset.delete()


@pytest.fixture
def dataset(made: Any, dataset_name: str) -> Any:
    """A copy of it, which a test may change."""
    return made.clone(dataset_name)


def outdated(dataset: Any) -> dict[tuple[str, str], str]:
    return {(one.basis.kind, one.basis.of): one.why for one in all_outdated(dataset)}


def first(dataset: Any, field: str = "ground_truth") -> tuple[Any, Any]:
    """The first image with two boxes, and its first box: as FiftyOne's own editor changes them."""
    sample = dataset.match(F(f"{field}.detections").length() > 1).first()
    return sample, sample[field].detections[0]


def rename(dataset: Any, field: str = "ground_truth") -> None:
    sample, box = first(dataset, field)
    box.label = "Aegina" if box.label != "Aegina" else "Sebastes"
    sample.save()


def exchange(dataset: Any) -> None:
    """Two boxes get each other's labels, so that there are as many of each as before."""
    labels = dataset.values("ground_truth.detections.label")
    image = next(place for place, some in enumerate(labels) if len(set(some or ())) > 1)
    sample = dataset.skip(image).first()
    one, other = (
        sample.ground_truth.detections[0],
        next(
            box
            for box in sample.ground_truth.detections
            if box.label != sample.ground_truth.detections[0].label
        ),
    )
    one.label, other.label = other.label, one.label
    sample.save()


def move(dataset: Any) -> None:
    sample, box = first(dataset)
    box.bounding_box = [box.bounding_box[0] / 2 + 0.001, *box.bounding_box[1:]]
    sample.save()


def remove(dataset: Any) -> None:
    sample, _ = first(dataset)
    del sample.ground_truth.detections[0]
    sample.save()


def add(dataset: Any) -> None:
    sample, _ = first(dataset)
    box = fo.Detection(label="Aegina", bounding_box=[0.1, 0.1, 0.2, 0.2])
    sample.ground_truth.detections.append(box)
    sample.save()


EDITS: dict[str, tuple[Callable[[Any], None], set[tuple[str, str]], str]] = {
    "renamed": (rename, NAMED, "labels of ground_truth changed"),
    "exchanged": (exchange, NAMED, "labels or confidences of ground_truth changed"),
    "moved": (move, ALL, "boxes of ground_truth were moved"),
    "removed": (remove, ALL, "boxes of ground_truth were added or removed"),
    "added": (add, ALL, "boxes of ground_truth were added or removed"),
    "prediction renamed": (
        lambda dataset: rename(dataset, "model_predictions"),
        NAMED,
        "labels of model_predictions changed",
    ),
    "image removed": (
        lambda dataset: dataset.delete_samples([first(dataset)[0].id]),
        ALL,
        "boxes of ground_truth were added or removed",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_by_hand_is_told_of_everything_that_it_makes_out_of_date(
    edit: str, dataset: Any, either_way: str
) -> None:
    assert outdated(dataset) == {}
    change, touched, why = EDITS[edit]
    change(dataset)
    told = outdated(dataset)
    assert told.keys() == touched
    assert all(one.startswith(why) for one in told.values()), told


def test_what_changes_no_label_and_no_box_makes_nothing_out_of_date(
    dataset: Any, either_way: str
) -> None:
    add_taxonomy_ranks(dataset, ["ground_truth", "model_predictions"])
    dataset.tag_samples("seen")
    dataset.limit(3).tag_labels("doubted", label_fields="ground_truth")
    evaluate_predictions(dataset, eval_key="another")
    report_dataset(dataset)
    assert outdated(dataset) == {}


def test_a_correction_is_told_and_its_undo_makes_all_be_as_it_was(
    dataset: Any, either_way: str
) -> None:
    name = dataset.distinct("ground_truth.detections.label")[0]
    relabel_boxes(dataset.filter_labels("ground_truth", F("label") == name), "Sebastes")
    assert outdated(dataset).keys() == NAMED
    undo_relabel(dataset)
    assert outdated(dataset) == {}


def test_made_again_it_is_not_out_of_date_and_each_for_itself(dataset: Any) -> None:
    rename(dataset)
    evaluate_predictions(dataset)
    assert outdated(dataset).keys() == {SUSPECTS}
    find_label_errors(dataset)
    assert outdated(dataset) == {}


def test_predictions_that_are_imported_again_are_told_if_they_are_others(
    dataset: Any, folder: Path, tmp_path: Path
) -> None:
    rows = (folder / "predictions.csv").read_text().splitlines()
    import_predictions(dataset, str(folder / "predictions.csv"), split="train")
    assert outdated(dataset) == {}
    names = {row.split(",", 1)[1] for row in rows[1:]}
    number, name = rows[1].split(",", 1)
    rows[1] = f"{number},{min(names - {name})}"
    (tmp_path / "others.csv").write_text("\n".join(rows) + "\n")
    import_predictions(dataset, str(tmp_path / "others.csv"), split="train")
    assert outdated(dataset).keys() == NAMED


def test_what_a_view_left_out_may_change(dataset: Any, either_way: str) -> None:
    sample, box = first(dataset)
    others = dataset.exclude([sample.id])
    evaluate_predictions(others, eval_key="others")
    evaluate_predictions(dataset.select([sample.id]), eval_key="own")
    build_similarity_index(others, brain_key="of_others")
    box.bounding_box = [0.3, *box.bounding_box[1:]]
    sample.save()
    told = outdated(dataset).keys()
    assert told == {*ALL, ("evaluation", "own")}


def test_a_view_whose_field_was_deleted_is_told(dataset: Any) -> None:
    dataset.add_sample_field("depth", fo.FloatField)
    dataset.set_values("depth", [100.0] * len(dataset))
    evaluate_predictions(dataset.match(F("depth") > 10), eval_key="deep")
    dataset.delete_sample_field("depth")
    assert why_outdated(dataset, "evaluation", "deep")


def test_what_was_deleted_or_made_by_an_earlier_version_is_not_told(dataset: Any) -> None:
    move(dataset)
    dataset.delete_evaluation("eval_model_predictions")
    dataset.delete_run("basis_suspects_ground_truth")
    assert outdated(dataset).keys() == {INDEX}


def test_a_basis_that_somebody_changed_says_nothing_and_stops_nothing(dataset: Any) -> None:
    move(dataset)
    key = "basis_evaluation_eval_model_predictions"
    dataset.delete_run(key)
    dataset.register_run(key, dataset.init_run(method="basis", kind="what?"))
    assert outdated(dataset).keys() == {SUSPECTS, INDEX}
    assert why_outdated(dataset, *EVALUATION) == ""
    assert "not known" in report_dataset(dataset).markdown


@pytest.mark.parametrize("operator", ["find_label_errors", "find_needles"])
def test_a_form_that_uses_an_index_says_that_it_is_out_of_date(dataset: Any, operator: str) -> None:
    door = foo.get_operator(f"{PLUGIN_NAME}/{operator}")
    assert "out of date" not in str(door.preview(door.model.parse({}), dataset).warnings)
    move(dataset)
    said = str(door.preview(door.model.parse({}), dataset).warnings)
    assert "out of date: since it was built boxes of ground_truth were moved" in said


def test_the_card_says_since_which_evaluation_labels_changed(dataset: Any) -> None:
    assert "not to be compared" not in report_dataset(dataset).markdown
    rename(dataset)
    evaluate_predictions(dataset, eval_key="corrected")
    card = report_dataset(dataset).markdown
    rows = {line.split("|")[1].strip(): line for line in card.splitlines() if "|" in line}
    assert "labels of ground\\_truth changed" in rows["eval\\_model\\_predictions"]
    assert "nothing changed" in rows["corrected"]
    assert "nothing changed" in rows["clip\\_similarity"]
    assert "not to be compared" in card
    assert "Since the search labels of ground\\_truth changed" in card


def test_the_state_of_boxes_is_the_same_by_either_way_and_in_any_order(
    dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = dataset.sort_by("filepath", reverse=True)
    states = []
    for way in "01":
        monkeypatch.setenv("FATHOMNET_PUBLIC_API", way)
        states += [columns.state_of_boxes(one, "model_predictions") for one in (dataset, view)]
    assert len(set(states)) == 1
    assert states[0].boxes == 800
    assert np.unique([states[0].places, states[0].labels, states[0].named]).size == 3


OWN_NAMES: list[str] = data_file("taxonomy.csv").read_text().splitlines()
ANOTHER = "Architeuthis dux,species,Animalia,Mollusca,Cephalopoda,Oegopsida,Architeuthidae"
ANOTHER += ",Architeuthis,Architeuthis dux"
"""A name that no box has, and that is above none."""


def label_map(folder: Path, lines: list[str]) -> str:
    (folder / "names.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "names.csv")


def with_ids(lines: list[str]) -> list[str]:
    """The same names, and what says nothing of where they stand."""
    return [
        f"{lines[0]},aphia_id",
        *(f"{line},{place + 1}" for place, line in enumerate(lines[1:])),
    ]


def moved(lines: list[str]) -> list[str]:
    """An order of sea cucumbers is in another class."""
    return [line.replace(",Holothuroidea,Elasipodida", ",Asteroidea,Elasipodida") for line in lines]


SAME: dict[str, list[str]] = {
    "the own names as a map": OWN_NAMES,
    "with ids": with_ids(OWN_NAMES),
    "with a name that no box has": [*OWN_NAMES, ANOTHER],
}
TREE_CHANGED = "the tree of names changed"


@pytest.mark.parametrize("lines", SAME.values(), ids=SAME)
def test_a_label_map_that_says_the_same_of_the_names_makes_nothing_out_of_date(
    lines: list[str], dataset: Any, tmp_path: Path
) -> None:
    before = read_values(dataset, "basis_evaluation_eval_model_predictions")
    assert before is not None
    assert set_label_map(dataset, label_map(tmp_path, lines)).hash != before["tree"]
    assert outdated(dataset) == {}
    assert "not to be compared" not in report_dataset(dataset).markdown
    for name in ("home", "evaluation_by_rank"):
        panel = DrivenPanel(name, dataset)
        panel.fire("on_load")
        assert "ut of date" not in panel.texts()


def test_a_label_map_that_moves_a_name_is_told_until_it_is_taken_back_or_all_is_made_again(
    dataset: Any, tmp_path: Path, either_way: str
) -> None:
    set_label_map(dataset, label_map(tmp_path, moved(OWN_NAMES)))
    assert outdated(dataset) == {EVALUATION: TREE_CHANGED, SUSPECTS: TREE_CHANGED}
    set_label_map(dataset, label_map(tmp_path, OWN_NAMES))
    assert outdated(dataset) == {}
    set_label_map(dataset, label_map(tmp_path, moved(OWN_NAMES)))
    evaluate_predictions(dataset)
    find_label_errors(dataset)
    assert outdated(dataset) == {}


def test_a_name_that_is_left_out_of_the_label_map_is_told(dataset: Any, tmp_path: Path) -> None:
    used = {*dataset.distinct("ground_truth.detections.label")}
    gone = next(line for line in OWN_NAMES[1:] if line.split(",")[0] in used)
    rest = [line for line in OWN_NAMES if gone.split(",")[0] not in line]
    set_label_map(dataset, label_map(tmp_path, rest))
    assert outdated(dataset).keys() == NAMED


def test_what_an_earlier_version_evaluated_was_by_the_own_names(
    dataset: Any, tmp_path: Path
) -> None:
    for one in NAMED:
        key = f"basis_{'_'.join(one)}"
        values = read_values(dataset, key)
        assert values is not None
        dataset.delete_run(key)
        known = {name: values[name] for name in ("kind", "of", "parameters", "stages", "states")}
        write_values(dataset, key, "basis", known)
    assert outdated(dataset) == {}
    set_label_map(dataset, label_map(tmp_path, [*OWN_NAMES, ANOTHER]))
    assert outdated(dataset) == {}
    set_label_map(dataset, label_map(tmp_path, moved(OWN_NAMES)))
    assert outdated(dataset) == {EVALUATION: TREE_CHANGED, SUSPECTS: TREE_CHANGED}


def test_the_card_and_its_comparison_say_since_which_evaluation_the_tree_changed(
    dataset: Any, tmp_path: Path
) -> None:
    set_label_map(dataset, label_map(tmp_path, moved(OWN_NAMES)))
    evaluate_predictions(dataset, eval_key="anew")
    card = report_dataset(dataset).markdown
    rows = {line.split("|")[1].strip(): line for line in card.splitlines() if "|" in line}
    assert TREE_CHANGED in rows["eval\\_model\\_predictions"]
    assert "nothing changed" in rows["anew"]
    assert "nothing changed" in rows["clip\\_similarity"]
    assert "not to be compared" in card
    assert f"Since the search {TREE_CHANGED}" in card


@pytest.mark.parametrize("name", ["home", "evaluation_by_rank"])
def test_the_panels_say_that_the_tree_changed_and_offer_to_evaluate_again(
    name: str, dataset: Any, tmp_path: Path
) -> None:
    set_label_map(dataset, label_map(tmp_path, moved(OWN_NAMES)))
    evaluate_predictions(dataset, eval_key="anew")
    panel = DrivenPanel(name, dataset)
    panel.fire("on_load")
    said = panel.texts().replace("\\\\", "")
    assert f"Since then {TREE_CHANGED}." in said
    for title in ("suspects of ground_truth", "evaluation eval_model_predictions"):
        if name == "home":
            assert f"Out of date: {title}" in said
    if name == "evaluation_by_rank":
        # The list by which evaluations are compared.
        assert "eval_model_predictions (out of date)" in said and "anew (out of date)" not in said
        panel.fire("choose", path="choices.evaluation", value="eval_model_predictions")
        said = panel.texts().replace("\\\\", "")
    assert "Out of date: evaluation eval_model_predictions" in said
    assert "Evaluate again" in said and "Out of date: evaluation anew" not in said
    values = {"eval_key": "eval_model_predictions"}
    told = panel.fire("open_form", operator="evaluate_predictions", values=values)
    (prompt,) = told.of("prompt_user_for_operation")
    assert prompt["operator_uri"].endswith("/evaluate_predictions")
