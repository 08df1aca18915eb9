"""Needles on a dataset: hits, their scores and views, and what a repeat reports as new."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
import pytest
from bson import ObjectId
from fathomnet_voxel51.dataset.records import read_values
from fathomnet_voxel51.errors import DatasetError, InputError
from fathomnet_voxel51.needles import find as needles
from fathomnet_voxel51.needles import find_needles, label_hits
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.tiles import add_tiles
from fiftyone import ViewField as F

from tests.support.forking import forking

IMAGES = 30
FIELD = "demo_clip_embedding"
BAG = {3: 0.9, 21: 0.8, 40: 0.7}
"""Boxes that hold a bag, counted over the dataset, and how much of their vectors it is."""
CAN = {7: 0.6}
TEXTS = {"a bag": 0, "a can": 1, "bare rock": 2, "a crab": 3}
"""Each text is one direction."""
PACK = """\
name: litter
version: {version}
title: Litter
description: For tests
negatives: [bare rock, a crab]
needles:
  - name: bag
    prompts: [a bag]
  - name: can
    prompts: [a can]
"""


class Directions:
    """A text encoder whose vectors are known: 6 dimensions, one text a direction."""

    def embed_prompts(self, prompts: Sequence[str]) -> np.ndarray:
        return 7.0 * np.eye(6, dtype=np.float32)[[TEXTS[text] for text in prompts]]


@pytest.fixture(autouse=True)
def known_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "load_embedder", lambda name, progress: Directions())


@pytest.fixture
def make_dataset(dataset_name: str) -> Iterator[Callable[..., Any]]:
    def make(patches_field: str = "ground_truth") -> Any:
        dataset = fo.Dataset(dataset_name, persistent=True)
        dataset.add_samples([_sample(number) for number in range(IMAGES)])
        vectors = _vectors()
        if patches_field:
            dataset.add_sample_field(f"ground_truth.detections.{FIELD}", fo.VectorField)
            by_sample = [list(vectors[2 * n : 2 * n + 2]) for n in range(IMAGES)]
            dataset.set_values(f"ground_truth.detections.{FIELD}", by_sample)
        else:
            dataset.add_sample_field(FIELD, fo.VectorField)
            dataset.set_values(FIELD, list(vectors[:IMAGES]))
        build_similarity_index(dataset, "demo-clip", patches_field)
        return dataset

    yield make


@pytest.fixture
def crops(dataset_name: str) -> Any:
    """Images with one label each, and their vectors: of the first boxes."""
    dataset = fo.Dataset(dataset_name, persistent=True)
    dataset.add_samples(
        fo.Sample(f"/{number}.png", ground_truth=fo.Classification(label="Sebastes"))
        for number in range(IMAGES)
    )
    dataset.add_sample_field(FIELD, fo.VectorField)
    dataset.set_values(FIELD, list(_vectors()[:IMAGES]))
    return dataset


def _sample(number: int) -> fo.Sample:
    boxes = [fo.Detection(label="x", bounding_box=[0.1, 0.1, 0.2, 0.2]) for _ in range(2)]
    return fo.Sample(filepath=f"/{number}.png", ground_truth=fo.Detections(detections=boxes))


def _vectors() -> np.ndarray:
    """Noise about rock and crabs, in which bags and a can are planted."""
    rng = np.random.default_rng(5)
    vectors = rng.normal(0, 0.05, (2 * IMAGES, 6))
    vectors[:, 2] += rng.uniform(0.2, 1, 2 * IMAGES)
    vectors[:, 3] += rng.uniform(0.2, 1, 2 * IMAGES)
    for direction, planted in ((0, BAG), (1, CAN)):
        for box, share in planted.items():
            vectors[box] /= np.linalg.norm(vectors[box])
            vectors[box, direction] += share / (1 - share)
    return vectors.astype(np.float32)


@pytest.fixture
def pack(tmp_path: Path) -> str:
    return write_pack(tmp_path, version=1)


def write_pack(folder: Path, version: int, text: str = PACK) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "litter.yaml"
    path.write_text(text.format(version=version))
    return str(path)


def box_ids(dataset: Any) -> list[str]:
    return list(dataset.values("ground_truth.detections.id", unwind=True))


def ids_of(dataset: Any, planted: dict[int, float]) -> list[str]:
    ids = box_ids(dataset)
    return [ids[box] for box in sorted(planted, key=lambda box: -planted[box])]


def view_ids(dataset: Any, name: str) -> list[str]:
    return list(fo.load_dataset(dataset.name, reload=True).load_saved_view(name).values("id"))


def test_planted_needles_are_the_first_hits_of_their_views(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    result = find_needles(dataset, pack=pack)
    bag, can = result.needles
    assert (bag.prompt, bag.view) == ("bag", "litter: bag (demo_clip_similarity)")
    assert bag.hits == bag.new
    assert view_ids(dataset, bag.view)[:3] == ids_of(dataset, BAG)
    assert view_ids(dataset, can.view)[:1] == ids_of(dataset, CAN)
    assert len(view_ids(dataset, bag.view)) == bag.hits
    # Little else passes: noise of 57 boxes, each with a chance of one in twenty.
    assert bag.hits <= 3 + 8
    assert fo.core.utils.to_slug(bag.view) == "litter-bag-demo-clip-similarity"


def test_every_hit_carries_its_best_score_and_its_needle(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    result = find_needles(dataset, pack=pack)
    patches = fo.load_dataset(dataset.name, reload=True).load_saved_view(result.view)
    path = "ground_truth.litter_score_demo_clip_similarity"
    scores = patches.values(path)
    assert scores == sorted(scores, reverse=True)
    assert patches.sort_by(path, reverse=True).values("id") == patches.values("id")
    first = patches.first().ground_truth
    assert first["litter_needle_demo_clip_similarity"] == "bag"
    assert patches.values("ground_truth.litter_needle_demo_clip_similarity").count("can") >= 1
    field = "ground_truth.detections.litter_score_demo_clip_similarity"
    assert dataset.count(field) == len(patches)
    assert isinstance(dataset.get_field(field), fo.FloatField)


def test_whole_images_are_hits_too(make_dataset: Callable[..., Any], pack: str) -> None:
    dataset = make_dataset(patches_field="")
    result = find_needles(dataset, pack=pack)
    samples = dataset.values("id")
    found = view_ids(dataset, result.needles[0].view)
    assert found[:2] == [samples[3], samples[21]]
    hit = dataset[samples[3]]
    assert hit["litter_needle_demo_clip_similarity_images"] == "bag"
    assert hit["litter_score_demo_clip_similarity_images"] > 3


def test_k_bounds_the_hits_of_each_needle(
    make_dataset: Callable[..., Any], pack: str, tmp_path: Path
) -> None:
    dataset = make_dataset()
    found = find_needles(dataset, pack=pack, k=1).needles
    assert view_ids(dataset, found[0].view) == ids_of(dataset, BAG)[:1]
    own = write_pack(tmp_path, 2, PACK.replace("[a bag]", "[a bag]\n    k: 2"))
    assert find_needles(dataset, pack=own, k=1).needles[0].hits == 2
    with pytest.raises(InputError, match="at least 1"):
        find_needles(dataset, pack=pack, k=0)


def test_a_repeat_finds_the_same_and_nothing_new(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    first = find_needles(dataset, pack=pack)
    before = {name: view_ids(dataset, name) for name in dataset.list_saved_views()}
    second = find_needles(dataset, pack=pack)
    assert [n.hits for n in second.needles] == [n.hits for n in first.needles]
    assert [n.new for n in second.needles] == [0, 0]
    assert {name: view_ids(dataset, name) for name in dataset.list_saved_views()} == before


def test_a_new_needle_is_reported_and_one_that_left_is_forgotten(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    find_needles(dataset, pack=pack)
    ids = box_ids(dataset)
    plain, planted = dataset.values(f"ground_truth.detections.{FIELD}", unwind=True)[10:22:11]
    rows = dataset.values(["id", "ground_truth.detections.id"])
    sample_of = {label: sample for sample, labels in zip(*rows, strict=True) for label in labels}
    swapped = [
        {"sample_id": sample_of[ids[box]], "label_id": ids[box], "value": vector}
        for box, vector in ((10, planted), (21, plain))
    ]
    dataset.set_label_values(f"ground_truth.detections.{FIELD}", swapped)
    build_similarity_index(dataset, "demo-clip")
    bag = find_needles(dataset, pack=pack).needles[0]
    found = view_ids(dataset, bag.view)
    assert ids[10] in found and ids[21] not in found
    assert bag.new >= 1
    scored = dataset.values(
        "ground_truth.detections.litter_score_demo_clip_similarity", unwind=True
    )
    assert scored[10] is not None and scored[21] is None


def test_another_version_of_the_pack_starts_anew(
    make_dataset: Callable[..., Any], pack: str, tmp_path: Path
) -> None:
    dataset = make_dataset()
    first = find_needles(dataset, pack=pack)
    newer = write_pack(tmp_path, 2, PACK.replace("name: can", "name: tin can"))
    second = find_needles(dataset, pack=newer)
    assert [n.new for n in second.needles] == [n.hits for n in second.needles]
    views = dataset.list_saved_views()
    assert first.needles[1].view not in views, "the needle is not in this version"
    assert second.needles[1].view == "litter: tin can (demo_clip_similarity)"
    assert "version 2" in dataset.get_saved_view_info(second.needles[1].view)["description"]


def test_the_record_says_what_was_looked_for_and_found(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    result = find_needles(dataset, pack=pack)
    record = read_values(dataset, "needles_litter_demo_clip_similarity")
    assert record is not None
    assert (record["pack"], record["pack_version"], record["model"]) == ("litter", 1, "demo-clip")
    bag = record["needles"]["bag"]
    assert [hit["id"] for hit in bag["hits"]] == view_ids(dataset, result.needles[0].view)
    assert all(hit["score"] > bag["threshold"] for hit in bag["hits"])


def test_own_prompts_are_looked_for_one_after_the_other_and_keep_their_views(
    make_dataset: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Directions, "embed_prompts", lambda self, prompts: _vague(prompts))
    dataset = make_dataset()
    bag = find_needles(dataset, prompts=["a bag"]).needles
    can = find_needles(dataset, prompts=["a can"]).needles
    assert [needle.prompt for needle in bag + can] == ["a bag", "a can"]
    assert view_ids(dataset, bag[0].view)[:3] == ids_of(dataset, BAG)
    assert view_ids(dataset, can[0].view)[:1] == ids_of(dataset, CAN)
    assert find_needles(dataset, prompts=["a bag"]).needles[0].new == 0


def _vague(prompts: Sequence[str]) -> np.ndarray:
    return np.eye(6, dtype=np.float32)[[TEXTS.get(text, 2 + len(text) % 2) for text in prompts]]


def test_a_box_that_was_deleted_is_no_hit(make_dataset: Callable[..., Any], pack: str) -> None:
    dataset = make_dataset()
    best, *others = ids_of(dataset, BAG)
    find_needles(dataset, pack=pack)
    dataset.delete_labels(ids=[best])
    bag = find_needles(dataset, pack=pack, k=2).needles[0]
    assert view_ids(dataset, bag.view) == others
    assert bag.new == 0


def killed_at(report: int, name: str, pack: str) -> None:
    """Looks for needles, and dies at a report of progress."""
    reports = itertools.count()

    def progress(share: float, label: str) -> None:
        if next(reports) == report:
            os.kill(os.getpid(), signal.SIGKILL)

    needles.load_embedder = lambda name, progress: Directions()
    find_needles(fo.load_dataset(name), pack=pack, progress=progress)


@pytest.mark.fault(
    operator="find_needles",
    happens="it is killed at every report of its writing",
    end="each view is the old or the new one; run again, all are new",
)
def test_a_search_that_is_killed_leaves_old_or_new_views_and_the_next_repairs_them(
    make_dataset: Callable[..., Any], pack: str, tmp_path: Path
) -> None:
    dataset = make_dataset()
    newer = write_pack(tmp_path / "newer", 2, PACK.replace("name: can", "name: tin can"))
    labels: list[str] = []
    find_needles(dataset, pack=newer, progress=lambda share, label: labels.append(label))
    clean = {name: view_ids(dataset, name) for name in dataset.list_saved_views()}
    find_needles(dataset, pack=pack)
    old = {name: view_ids(dataset, name) for name in dataset.list_saved_views()}
    for report in range(labels.index("writing scores"), len(labels)):
        child = forking.Process(target=killed_at, args=(report, dataset.name, newer))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL, labels[report]
        dataset.reload()
        for name in dataset.list_saved_views():
            assert view_ids(dataset, name) in (old.get(name), clean.get(name)), labels[report]
        assert "litter: bag (demo_clip_similarity)" in dataset.list_saved_views()
    again = find_needles(dataset, pack=newer)
    assert {name: view_ids(dataset, name) for name in dataset.list_saved_views()} == clean
    # The last child died when all was written.
    assert [needle.new for needle in again.needles] == [0, 0]


def test_an_index_without_text_is_refused_and_those_with_text_are_named(
    make_dataset: Callable[..., Any], pack: str
) -> None:
    dataset = make_dataset()
    dataset.clone_sample_field(
        f"ground_truth.detections.{FIELD}", "ground_truth.detections.dinov2_embedding"
    )
    build_similarity_index(dataset, "dinov2")
    with pytest.raises(DatasetError, match=r"dinov2.*no text.*demo_clip_similarity"):
        find_needles(dataset, "dinov2_similarity", pack=pack)
    assert find_needles(dataset, pack=pack).needles, "the only index that knows text is taken"


def test_without_an_index_it_says_what_to_run_first(dataset_name: str, pack: str) -> None:
    dataset = fo.Dataset(dataset_name)
    with pytest.raises(DatasetError, match="build_similarity_index"):
        find_needles(dataset, pack=pack)
    with pytest.raises(DatasetError, match="no similarity index 'absent'"):
        find_needles(dataset, "absent", pack=pack)


@pytest.mark.fault(
    operator="find_needles",
    happens="the pack is malformed",
    end="refused with the place; no view is made",
)
def test_a_pack_with_faults_changes_nothing(
    make_dataset: Callable[..., Any], tmp_path: Path
) -> None:
    dataset = make_dataset()
    with pytest.raises(InputError, match=r"needles\[0\].prompts"):
        find_needles(dataset, pack=write_pack(tmp_path, 1, PACK.replace("[a bag]", "[]")))
    with pytest.raises(InputError, match="debris, rov, species"):
        find_needles(dataset, pack="absent")
    assert dataset.list_saved_views() == []


def test_crops_are_hits_as_they_are_and_get_another_name(
    crops: Any, pack: str, either_way: str
) -> None:
    index = build_similarity_index(crops, "demo-clip", "ground_truth")
    first = find_needles(crops, pack=pack)
    bag, can = first.needles
    ids = crops.values("id")
    assert view_ids(crops, bag.view)[:2] == [ids[3], ids[21]]
    assert view_ids(crops, can.view)[:1] == [ids[7]]
    score, needle = (f"litter_{one}_{index.brain_key}" for one in ("score", "needle"))
    (found,) = crops.match({"_id": ObjectId(ids[7])}).values(needle)
    assert found == "can" and crops.count(score) == len(crops.load_saved_view(first.view))
    assert [one.new for one in find_needles(crops, pack=pack).needles] == [0, 0]
    # They have a label, which is changed as any other.
    hits = crops.load_saved_view(can.view).limit(1)
    with pytest.raises(InputError, match="are crops, which have a label: relabel_boxes changes it"):
        label_hits(hits, "can", field="ground_truth", into="debris")
    relabel_boxes(hits, "Octopus rubescens")
    crops.reload()
    changed = crops.match(F("ground_truth.label") == "Octopus rubescens")
    assert changed.values("id") == [ids[7]]


def test_tiles_of_crops_are_searched_and_their_hits_are_boxes_beside_the_label(
    crops: Any, pack: str, either_way: str
) -> None:
    add_tiles(crops, columns=1, rows=2)
    tiles = f"tiles.detections.{FIELD}"
    crops.add_sample_field(tiles, fo.VectorField)
    vectors = _vectors()
    crops.set_values(tiles, [list(vectors[2 * at : 2 * at + 2]) for at in range(IMAGES)])
    index = build_similarity_index(crops, "demo-clip", "tiles")
    assert index.indexed == 2 * IMAGES
    result = find_needles(crops, brain_key=index.brain_key, pack=pack)
    hits = crops.load_saved_view(result.needles[1].view).limit(1)
    assert hits.values("sample_id") == [crops.values("id")[3]]  # its second tile, the can
    made = label_hits(hits, into="debris")
    crops.reload()
    assert (made.labelled, crops.values("debris.detections.label")[3]) == (1, ["can"])
    assert crops.count_values("ground_truth.label") == {"Sebastes": IMAGES}
    assert report_dataset(crops).markdown
    undo_relabel(crops, made.journal)
    crops.reload()
    assert crops.count("debris.detections") == 0
    # The same tiles once more keep their vectors; an annotated label is no tile.
    assert add_tiles(crops, columns=1, rows=2).changed == 0
    with pytest.raises(DatasetError, match="does not hold Detections"):
        add_tiles(crops, "ground_truth")
