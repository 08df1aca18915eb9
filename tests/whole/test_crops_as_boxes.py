"""What works on boxes gives the same figures for crops cut out of them, either way."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import fiftyone as fo
import fiftyone.operators as foo
import pytest
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.evaluation import check_evaluation, evaluate_predictions
from fathomnet_voxel51.evaluation.finished import read_evaluation, view_of_pairs
from fathomnet_voxel51.ingest import check_crops, ingest_crops
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.labels.ranks import RANK_ATTRIBUTES
from fathomnet_voxel51.labels.verdicts import VERDICT_KEYS
from fathomnet_voxel51.names import PLUGIN_NAME
from fathomnet_voxel51.needles import label_hits
from fathomnet_voxel51.predictions import check_predictions, import_predictions
from fathomnet_voxel51.relabelling import (
    box_states,
    check_corrections,
    export_corrections,
    export_dataset,
    reconcile_labels,
    relabel_boxes,
    undo_relabel,
)
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.splits import split_by_dive
from fathomnet_voxel51.taxonomy import load_taxonomy
from fiftyone import ViewField as F
from fiftyone.operators.executor import ExecutionContext, Executor

from demo.wrong_labels import Planted
from tests.support.paired import Paired
from tests.support.stored import PASSING, documents, settings

NAME = "test-crops-as-boxes"
CHANGED = frozenset({"last_modified_at"})
PREDICTED = ("label", "confidence", "second_label", "second_confidence", "margin")


def same(paired: Paired, attributes: tuple[str, ...], field: str = "ground_truth") -> None:
    for name in attributes:
        of_boxes, of_crops = paired.by_number(name, field)
        assert of_boxes == of_crops, name
        assert len(of_boxes) > 50 and set(of_boxes.values()) != {None}, name


def test_ranks(paired: Paired) -> None:
    results = [add_taxonomy_ranks(one) for one in (paired.boxes, paired.crops)]
    assert results[0] == results[1] and results[0].boxes > 50
    same(paired, RANK_ATTRIBUTES)
    before = documents(paired.crops, frozenset())
    add_taxonomy_ranks(paired.crops)
    assert documents(paired.crops, frozenset()) == before


def test_predictions_and_their_evaluation(paired: Paired, planted: Planted) -> None:
    both = (paired.boxes, paired.crops)
    checked = [check_predictions(one, str(planted.predictions), "train") for one in both]
    found = [import_predictions(one, str(planted.predictions), "train") for one in both]
    # Replaced are images, of which crops have more.
    assert found == checked and found[0] == found[1]
    same(paired, PREDICTED, "model_predictions")
    same(paired, ("predicted_label", "predicted_confidence"))
    vectors = paired.by_number("probabilities", "model_predictions")
    assert all((vectors[0][one] == vectors[1][one]).all() for one in vectors[0])
    before = documents(paired.crops, frozenset())
    import_predictions(paired.crops, str(planted.predictions), "train")
    assert documents(paired.crops, frozenset()) == before, "images that are right stay untouched"

    asked = [check_evaluation(one) for one in both]
    results = [evaluate_predictions(one) for one in both]
    assert asked == results
    # Images without boxes have no crops, and so the dives may be drawn in another order.
    points = [
        replace(one, accuracy_interval=None, mean_taxonomic_distance_interval=None)
        for one in results
    ]
    assert points[0] == points[1] and points[0].interval_by == "dive"
    for name in ("accuracy_interval", "mean_taxonomic_distance_interval"):
        of_boxes, of_crops = (getattr(one, name) for one in results)
        assert of_crops == pytest.approx(of_boxes, rel=0.05)
    assert 0 < results[0].accuracy < 1
    same(paired, ("eval_model_predictions_distance",))
    same(paired, ("eval_model_predictions_distance",), "model_predictions")
    verdicts, _ = paired.by_number("eval_model_predictions")
    right = dict(zip(*paired.crops.values(["image_id", "eval_model_predictions"]), strict=True))
    assert right == {number: one == "tp" for number, one in verdicts.items()}


def test_an_evaluation_of_crops_is_fiftyone_s_own(paired: Paired, planted: Planted) -> None:
    crops = paired.crops
    import_predictions(crops, str(planted.predictions), "train")
    result = evaluate_predictions(crops)
    theirs = crops.evaluate_classifications(
        "model_predictions", gt_field="ground_truth", eval_key="theirs"
    )
    ours = crops.load_evaluation_results("eval_model_predictions")
    assert type(ours) is type(theirs) and ours.config.type == "classification"
    figures = ours.metrics()
    assert {name: figures[name] for name in theirs.metrics()} == pytest.approx(theirs.metrics())
    assert figures["accuracy"] == pytest.approx(result.accuracy)
    assert crops.values("eval_model_predictions") == crops.values("theirs")
    finished = read_evaluation(crops, "eval_model_predictions", load_taxonomy())
    wrong = (~finished.pairs.right).nonzero()[0]
    for as_patches in (True, False):
        view = view_of_pairs(crops, finished, wrong, as_patches)
        assert len(view) == len(wrong) > 0
        assert set(view.values("eval_model_predictions")) == {False}
    again = evaluate_predictions(crops)
    assert again == result
    crops.delete_evaluation("eval_model_predictions")
    left = [path for path in crops.get_field_schema(flat=True) if "eval_model" in path]
    assert left == []


def test_views_of_many_crops_are_by_names(
    paired: Paired, planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fathomnet_voxel51.evaluation.finished.MOST_IDS", 0)
    import_predictions(paired.crops, str(planted.predictions), "train")
    evaluate_predictions(paired.crops)
    finished = read_evaluation(paired.crops, "eval_model_predictions", load_taxonomy())
    wrong = (~finished.pairs.right).nonzero()[0]
    view = view_of_pairs(paired.crops, finished, wrong, as_patches=False)
    assert set(view.values("ground_truth.id")) == set(finished.truth_ids[wrong].tolist())


@pytest.mark.parametrize("by", ["path", "file_name", "sample_id", "id", "external_id", "label_id"])
def test_rows_name_crops_by_path_name_or_id(paired: Paired, tmp_path: Path, by: str) -> None:
    crops = paired.crops
    crops.set_values("external_id", [f"plankton {one}" for one in crops.values("image_id")])
    column = {
        "path": [f"/elsewhere/{one}" for one in crops.values("file_name")],
        "file_name": [one.rpartition("/")[2][:-4] for one in crops.values("file_name")],
        "sample_id": crops.values("id"),
        "id": crops.values("id"),
        "external_id": crops.values("external_id"),
        "label_id": crops.values("ground_truth.id"),
    }[by]
    labels = crops.values("ground_truth.label")
    rows = [f"{one},{label}" for one, label in zip(column, labels, strict=True)]
    file = tmp_path / "named.csv"
    file.write_text("\n".join([f"{by},concept_name", *reversed(rows)]))
    result = import_predictions(crops, str(file), "train")
    assert (result.imported, result.boxes_without_prediction) == (len(crops), 0)
    crops.reload()
    assert crops.values("model_predictions.label") == labels
    assert evaluate_predictions(crops).accuracy == 1
    before = documents(crops, frozenset()), settings(crops)
    file.write_text("\n".join([f"{by},concept_name", *rows, "nobody,Sebastes"]))
    with pytest.raises(InputError, match=f"line {len(rows) + 2}: {by} 'nobody' is no crop of the"):
        import_predictions(crops, str(file), "train")
    crops.reload()
    assert (documents(crops, frozenset()), settings(crops)) == before


def test_predictions_that_others_made_are_matched_by_their_sample(paired: Paired) -> None:
    crops = paired.crops
    labels = crops.values("ground_truth.label")
    theirs = [fo.Classification(label=one) for one in ["Sebastes", *labels[1:]]]
    crops.set_values("theirs", theirs)
    result = evaluate_predictions(crops, "theirs")
    wrong = labels[0] != "Sebastes"
    assert result.boxes == len(labels) and result.matched_by_annotation_id == 0
    assert result.accuracy == pytest.approx(1 - wrong / len(labels))


def test_boxes_and_crops_are_not_evaluated_against_each_other(paired: Paired) -> None:
    label = fo.Classification(label="Sebastes")
    paired.boxes.set_values("one_label", [label] * len(paired.boxes))
    before = documents(paired.boxes, frozenset())
    with pytest.raises(DatasetError, match="cannot be evaluated against each other"):
        evaluate_predictions(paired.boxes, "one_label")
    assert documents(paired.boxes, frozenset()) == before


def test_relabelling_and_its_undo(paired: Paired) -> None:
    before = documents(paired.crops, CHANGED)
    numbers = sorted(paired.crops.values("ground_truth.annotation_id"))[:20]
    views = (
        paired.boxes.filter_labels("ground_truth", F("annotation_id").is_in(numbers)),
        paired.crops.match(F("ground_truth.annotation_id").is_in(numbers)),
    )
    for one in (paired.boxes, paired.crops):
        add_taxonomy_ranks(one)
    dry = [relabel_boxes(view, "Octopus rubescens", dry_run=True) for view in views]
    done = [relabel_boxes(view, "Octopus rubescens", note="by its bell") for view in views]
    assert dry[0].differences == dry[1].differences == done[0].differences == done[1].differences
    assert done[0].changed == done[1].changed == dry[1].changed > 10
    same(paired, ("label", *RANK_ATTRIBUTES))
    assert paired.by_number("review_state")[0] == paired.by_number("review_state")[1]
    renamed = paired.crops.match(F("ground_truth.review_state") == "relabelled")
    assert len(renamed) == done[1].changed
    undone = [undo_relabel(one) for one in (paired.boxes, paired.crops)]
    assert undone[0].restored == undone[1].restored == done[1].changed
    same(paired, ("label", *RANK_ATTRIBUTES))
    assert [one["ground_truth"]["label"] for one in documents(paired.crops, CHANGED)] == [
        one["ground_truth"]["label"] for one in before
    ]


def test_in_the_app_the_selected_crops_are_meant_and_shown_afterwards(paired: Paired) -> None:
    crops = paired.crops
    chosen = crops.values("id")[3:5]
    request = {
        "dataset_name": crops.name,
        "params": {"label": "Octopus rubescens"},
        "selected": chosen,
    }
    door = foo.get_operator(f"{PLUGIN_NAME}/relabel_boxes")
    executor = Executor()
    ctx = ExecutionContext(request, executor=executor)
    form = door.resolve_type(ctx, "inputs").type
    assert not any(one.invalid for one in form.properties.values())
    assert door.execute(ctx)["changed"] == 2
    crops.reload()
    assert crops.match(F("ground_truth.label") == "Octopus rubescens").values("id") == chosen
    told = {one.operator_uri.rpartition("/")[2]: one.params for one in executor._requests}
    assert all(id_ in str(told["set_view"]) for id_ in chosen)


def test_what_somebody_else_relabelled_meanwhile_is_left_alone(
    paired: Paired, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = paired.crops
    chosen = crops.limit(3)
    first = chosen.first().id

    def meanwhile(*arguments: Any) -> None:
        sample = crops[first]
        sample.ground_truth.label = "Octopus"
        sample.save()
        make(*arguments)

    make = box_states.make
    monkeypatch.setattr("fathomnet_voxel51.relabelling.relabel.make", meanwhile)
    result = relabel_boxes(chosen, "Octopus rubescens")
    assert (result.changed, result.conflicts) == (2, 1)
    crops.reload()
    assert crops.limit(3).values("ground_truth.label") == ["Octopus", *["Octopus rubescens"] * 2]


def test_label_errors_by_predictions(paired: Paired, planted: Planted) -> None:
    both = (paired.boxes, paired.crops)
    for one in both:
        import_predictions(one, str(planted.predictions), "train")
    found = [find_label_errors(one) for one in both]
    assert (found[0].scored, found[0].suspects) == (found[1].scored, found[1].suspects)
    assert found[0].suspects > 0
    for name in ("suspicion", "suspicion_by_model"):
        of_boxes, of_crops = paired.by_number(name)
        assert of_crops == pytest.approx(of_boxes), name
    for name in ("suggested_label", "suggested_label_distance"):
        of_boxes, of_crops = paired.by_number(name)
        assert of_crops == of_boxes, name
    # The view has the crops of the suspects, the most suspicious first.
    shown = [one.load_saved_view("suspects") for one in both]
    numbers = (
        shown[0].values("ground_truth.annotation_id"),
        shown[1].values("ground_truth.annotation_id"),
    )
    assert sorted(numbers[0]) == sorted(numbers[1]) and len(numbers[1]) == found[1].suspects
    suspicion = shown[1].values("ground_truth.suspicion")
    assert suspicion == sorted(suspicion, reverse=True)


def test_splits_by_dive(paired: Paired) -> None:
    results = [split_by_dive(one, val_ratio=0.3) for one in (paired.boxes, paired.crops)]
    assert results[1].dives == results[0].dives > 1
    assert results[1].train + results[1].val == len(paired.crops)
    dives: dict[str, set[Any]] = {"train": set(), "val": set()}
    for tags, *dive in zip(*paired.crops.values(["tags", "vehicle", "dive"]), strict=True):
        dives[tags[0]].add(tuple(dive))
    assert dives["train"] and dives["val"] and not dives["train"] & dives["val"]


def test_corrections_are_the_same_and_name_the_crop(paired: Paired, tmp_path: Path) -> None:
    crops = paired.crops
    crops.set_values("external_id", [f"=roi {one}" for one in crops.values("image_id")])
    numbers = sorted(crops.values("ground_truth.annotation_id"))
    views = (
        paired.boxes.filter_labels("ground_truth", F("annotation_id").is_in(numbers[:20])),
        crops.match(F("ground_truth.annotation_id").is_in(numbers[:20])),
    )
    by_hand = F("annotation_id") == numbers[30]
    edited = paired.boxes.filter_labels("ground_truth", by_hand)
    edited.set_values("ground_truth.detections.label", [["Octopus"]])
    crops.match(F("image_id") == numbers[30]).set_values("ground_truth.label", ["Octopus"])
    rows, judged = [], []
    for view, dataset in zip(views, (paired.boxes, crops), strict=True):
        relabel_boxes(view, "Octopus rubescens", note="by its bell")
        told = check_corrections(dataset, tmp_path / dataset.name)
        result = export_corrections(dataset, tmp_path / dataset.name)
        assert [*map(str, told)] == [result.csv, *result.files]
        assert set(told.values()) == {result.corrections}
        for found, name in ((rows, result.csv), (judged, result.verdicts)):
            with Path(name).open() as file:
                found.append({int(one["annotation_id"]): one for one in csv.DictReader(file)})
    same_of_both = ("before", "after", "note", "change", "split")
    assert len(rows[1]) > 10 and rows[1][numbers[30]]["journal"] == ""
    for of_boxes, of_crops, names in (
        (*rows, same_of_both),
        (*judged, ("label", "state", "user", "split")),
    ):
        assert of_boxes.keys() == of_crops.keys()
        for number, row in of_crops.items():
            assert [row[name] for name in names] == [of_boxes[number][name] for name in names]
            assert row["external_id"] == f"'=roi {number}"
            assert row["file_name"].endswith(f"_{number}.png")
    # The crops that were corrected, as a table of crops.
    assert Path(result.coco).name == "corrections.parquet"
    corrected = check_crops(table=result.coco).catalog
    now = {image.image_id: image.boxes[0].label for image in corrected.images}
    assert now == {number: row["after"] for number, row in rows[1].items()}
    undo_relabel(crops)
    assert export_corrections(crops, tmp_path / crops.name).corrections == 1


def test_an_export_of_crops_that_is_ingested_again_makes_the_same(
    paired: Paired, tmp_path: Path
) -> None:
    relabel_boxes(paired.crops.limit(3), "Octopus rubescens")
    result = export_dataset(paired.crops, tmp_path / "out")
    assert (result.images, result.boxes) == (len(paired.crops), len(paired.crops))
    (file,) = result.files
    again = f"{NAME}-again"
    ingest_crops(again, table=file, media_root=str(paired.folder))
    dataset = fo.load_dataset(again, reload=True)
    passing = (PASSING - {"_id"}) | {*VERDICT_KEYS}
    assert documents(dataset, passing) == documents(paired.crops, passing)
    (once,) = export_dataset(dataset, tmp_path / "again").files
    assert Path(once).read_bytes() == Path(file).read_bytes()


def test_old_names_become_new_ones_and_it_is_undone(paired: Paired, tmp_path: Path) -> None:
    before = paired.by_number("label")
    counts = Counter(before[1].values())
    (first, _), (second, _), (third, number), *_ = counts.most_common()
    new, one, other, *_ = (name for name in load_taxonomy().concepts if name not in counts)
    table = tmp_path / "old.csv"
    lines = (f"{first},{new}", f"{second},{new}", f"{third},{one}; {other}")
    table.write_text("\n".join(("old,new", *lines)))
    both = (paired.boxes, paired.crops)
    for one in both:
        add_taxonomy_ranks(one)
    dry = [reconcile_labels(one, table=str(table), dry_run=True) for one in both]
    done = [reconcile_labels(one, table=str(table)) for one in both]
    assert dry[0] == dry[1]
    for one in done:
        assert (one.merged, one.ambiguous) == (dry[0].merged, number)
        assert one.merged > 10 and one.replacements == dry[0].replacements
    same(paired, ("label", *RANK_ATTRIBUTES))
    shown = paired.crops.load_saved_view(done[1].view)
    assert set(shown.values("ground_truth.label")) == {third} and len(shown) == number
    assert [undo_relabel(one).restored for one in both] == [one.merged for one in done]
    assert paired.by_number("label") == before
    same(paired, RANK_ATTRIBUTES)


def test_what_has_no_meaning_for_crops_says_so_in_a_sentence(paired: Paired) -> None:
    """An image with one label has no most frequent one, nor boxes that hits could be added to."""
    before = documents(paired.crops, frozenset()), settings(paired.crops)
    with pytest.raises(DatasetError, match="holds one label an image, not boxes"):
        add_primary_label(paired.crops)
    with pytest.raises(DatasetError, match=r"does not hold Detections; choose another name"):
        label_hits(paired.crops.limit(2), "ROV basket")
    paired.crops.reload()
    assert (documents(paired.crops, frozenset()), settings(paired.crops)) == before


def test_the_card_says_of_crops_what_it_says_of_boxes(paired: Paired, planted: Planted) -> None:
    cards = []
    for one in (paired.boxes, paired.crops):
        import_predictions(one, str(planted.predictions), "train")
        evaluate_predictions(one)
        find_label_errors(one)
        cards.append(report_dataset(one).markdown)
    assert f"{len(paired.crops)}" in cards[1]
    for title in ("Boxes by rank", "Boxes by concept", "Suspects", "Predictions", "Review"):
        sections = [card.partition(f"## {title}\n")[2].partition("\n## ")[0] for card in cards]
        assert sections[0] == sections[1] != "", title
