"""Crops have vectors as boxes have: of their whole images, by which all is found, either way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fathomnet_voxel51.duplicates import find_duplicates
from fathomnet_voxel51.embeddings import compute_embeddings, export_embeddings, import_embeddings
from fathomnet_voxel51.embeddings.compute import check_embeddings
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.review import start_review
from fathomnet_voxel51.similarity import build_similarity_index

from demo.wrong_labels import Planted
from tests.embeddings.conftest import use  # noqa: F401  # a fixture
from tests.embeddings.tiny import DIMENSIONS, TinyEmbedder
from tests.panels.driven import asked
from tests.support.paired import Paired
from tests.support.stored import documents, settings

NAME = "test-crops-embedded"
IMPORTED = "imported/own"


def vectors_of(paired: Paired, planted: Planted) -> tuple[list[int], Any]:
    """Numbers of labels, with vectors that are alike where the true labels are the same."""
    numbers, given = paired.crops.values(["ground_truth.annotation_id", "ground_truth.label"])
    true = {one.annotation_id: one.true for one in planted.wrong}
    names = [true.get(number, label) for number, label in zip(numbers, given, strict=True)]
    dice = np.random.default_rng(7)
    middles = {name: dice.normal(size=16) for name in sorted(set(names))}
    noise = dice.normal(size=(len(names), 16)) * 0.2
    return numbers, (np.array([middles[name] for name in names]) + noise).astype(np.float32)


def test_label_errors_by_neighbours_and_look_alikes_are_those_of_boxes(
    paired: Paired, planted: Planted, tmp_path: Path
) -> None:
    numbers, matrix = vectors_of(paired, planted)
    file = tmp_path / "own.npz"
    np.savez(file, annotation_id=np.array(numbers), embedding=matrix)
    found = []
    for one in (paired.boxes, paired.crops):
        made = import_embeddings(one, str(file), "own", method="none")
        assert (made.imported, made.by) == (len(numbers), "annotation_id")
        index = build_similarity_index(one, IMPORTED)
        assert index.indexed == len(numbers)
        found.append(find_label_errors(one, pred_field="", index_key=index.brain_key))
        start_review(one, "alike", order="cluster")
    assert (found[0].scored, found[0].suspects) == (found[1].scored, found[1].suspects)
    assert found[1].signals == ("neighbours",) and found[1].suspects > 0
    for name in ("suspicion", "suspicion_by_neighbours"):
        of_boxes, of_crops = paired.by_number(name)
        assert of_crops == pytest.approx(of_boxes), name
    assert paired.by_number("suggested_label")[0] == paired.by_number("suggested_label")[1]
    assert found[0].pairs_view == found[1].pairs_view != ""
    of_boxes, of_crops = (
        one.load_saved_view(found[1].pairs_view).values("ground_truth.annotation_id")
        for one in (paired.boxes, paired.crops)
    )
    assert of_boxes == of_crops
    queues = [
        one.load_saved_view("review alike").values("ground_truth.annotation_id")
        for one in (paired.boxes, paired.crops)
    ]
    assert queues[0] == queues[1] and len(queues[0]) == len(numbers)
    alikes = [look_alikes(one, number=numbers[0]) for one in (paired.boxes, paired.crops)]
    assert alikes[0] == alikes[1] and any(alikes[1].values())


def look_alikes(dataset: Any, number: int) -> dict[str, list[int]]:
    """What the review panel shows beside a label, by their numbers."""
    key = asked(dataset, "open_view", view="review alike")["key"]
    view = dataset.load_saved_view("review alike")
    place = view.values("ground_truth.annotation_id").index(number)
    names = sorted(set(view.values("ground_truth.label")))[:2]
    told = asked(dataset, "load_alikes", key=key, place=place, names=names)
    assert told["missing"] == ""
    number_of = dict(
        zip(*view.values(["ground_truth.id", "ground_truth.annotation_id"]), strict=True)
    )
    return {name: [number_of[card["id"]] for card in some] for name, some in told["alikes"].items()}


def test_vectors_that_are_exported_are_imported_again(
    paired: Paired, planted: Planted, tmp_path: Path
) -> None:
    numbers, matrix = vectors_of(paired, planted)
    np.savez(tmp_path / "own.npz", annotation_id=np.array(numbers), embedding=matrix)
    files = {}
    for one in (paired.boxes, paired.crops):
        import_embeddings(one, str(tmp_path / "own.npz"), "own", method="none")
        told = export_embeddings(one, str(tmp_path / one.name), IMPORTED)
        assert told.vectors == len(numbers)
        files[one.name] = told.file
    # Those of boxes tell of the images that the crops are from.
    for name, by in (
        (paired.crops.name, "auto"),
        (paired.crops.name, "sample_id"),
        (paired.boxes.name, "annotation_id"),
    ):
        key = f"again_{by}"
        made = import_embeddings(paired.crops, files[name], key, by=by, method="none")
        assert (made.imported, made.unmatched) == (len(numbers), 0)
        paired.crops.reload()
        before, after = (paired.crops.values(f"{one}_embedding") for one in ("own", key))
        assert np.array_equal(np.array(before), np.array(after))
    before = documents(paired.crops, frozenset()), settings(paired.crops)
    with pytest.raises(InputError, match="89 faults, nothing was written"):
        import_embeddings(paired.crops, files[paired.boxes.name], "no", by="sample_id")
    paired.crops.reload()
    assert (documents(paired.crops, frozenset()), settings(paired.crops)) == before


def test_crops_are_embedded_whole_and_drawn_on_a_map(
    paired: Paired,
    use: Callable[[TinyEmbedder], TinyEmbedder],  # noqa: F811
) -> None:
    use(TinyEmbedder())
    crops = paired.crops
    plan = check_embeddings(crops, "clip")
    assert (plan.patches_field, plan.items) == ("", len(crops))
    made = compute_embeddings(crops, "clip", method="pca")
    assert (made.embedded, made.skipped, made.dimensions) == (len(crops), 0, DIMENSIONS)
    assert compute_embeddings(crops, "clip", "", method="none").present == len(crops)
    crops.reload()
    assert crops.load_brain_results(made.brain_key).points.shape == (len(crops), 2)
    # A part of the crops, as a view shows them.
    assert compute_embeddings(crops.limit(5), "clip", method="none").present == 5
    index = build_similarity_index(crops, "clip")
    assert (index.indexed, index.brain_key) == (len(crops), "clip_similarity_images")
    nearest = crops.sort_by_similarity(crops.first().id, k=1, brain_key=index.brain_key)
    assert nearest.first().id == crops.first().id
    found = find_label_errors(crops, pred_field="")
    assert found.index_key == index.brain_key and found.scored > 50


def test_crops_of_the_same_picture_are_duplicates(
    paired: Paired,
    tmp_path: Path,
    use: Callable[[TinyEmbedder], TinyEmbedder],  # noqa: F811
) -> None:
    use(TinyEmbedder())
    crops = paired.crops
    first, second = crops.limit(2)
    second.filepath = str(shutil.copyfile(first.filepath, tmp_path / "twin.png"))
    second.save()
    compute_embeddings(crops, "clip", method="none")
    result = find_duplicates(crops)
    assert result.exact_duplicates >= 1 and result.unreadable == 0
    shown = crops.load_saved_view(result.views[0])
    assert {first.filepath, second.filepath} <= set(shown.values("filepath"))
