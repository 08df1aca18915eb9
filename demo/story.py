"""The demo's story: from URLs to debris, wrong labels and a data card, chapter by chapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fathomnet_voxel51.names import GROUND_TRUTH, MODEL_PREDICTIONS, TILES, similarity_key
from fathomnet_voxel51.parameters.workflow import StageName

from demo.run import Chapter, Results, made_of_files

MODEL: Final = "demo-clip"
"""Trained on what the demo draws, and on nothing else: files of others are not searched by it."""

BUCKET: Final = "gs://deep-sea/fathomnet"
MIRROR: Final = "~/fathomnet-media/demo"
BOTH: Final = [GROUND_TRUTH, MODEL_PREDICTIONS]


@dataclass(frozen=True)
class StoryFiles:
    """What the story is told with.

    Attributes:
        train: COCO file of the training split, some of whose labels are wrong.
        test: COCO file of the test split, without labels.
        train_predictions: what a model says of the training boxes.
        test_predictions: what it says of the test boxes.
        card: folder for the data card.
    """

    train: Path
    test: Path
    train_predictions: Path
    test_predictions: Path
    card: Path


def story(files: StoryFiles, dataset: str) -> tuple[Chapter, ...]:
    """The chapters.

    Args:
        files: see there.
        dataset: name of the dataset that the first one makes.
    """
    return (
        _media_and_labels(files, dataset),
        _predictions(files),
        _search(),
        _debris(),
        _description(files),
    )


def _chapter(
    title: str, told: Callable[[Results], Iterable[str]], stages: dict[StageName, dict[str, Any]]
) -> Chapter:
    return Chapter(title, {"stages": list(stages), **stages}, told)


def _media_and_labels(files: StoryFiles, dataset: str) -> Chapter:
    return _chapter(
        "Images into a bucket, and a dataset of them",
        _tell_media_and_labels,
        {
            # The demo's images and its bucket are on this machine.
            "upload_images": {"allow_private_hosts": True},
            "download_images": {"allow_private_hosts": True},
            "ingest_dataset": {
                "dataset_name": dataset,
                "train_annotations": str(files.train.resolve()),
                "test_annotations": str(files.test.resolve()),
                "media_root": BUCKET,
                "mirror": MIRROR,
            },
            "add_primary_label": {},
            "import_predictions": {
                "predictions": str(files.test_predictions.resolve()),
                "split": "test",
            },
            # Ranks come last, so that the predictions have theirs too.
            "add_taxonomy_ranks": {"label_fields": BOTH},
        },
    )


def _tell_media_and_labels(results: Results) -> Iterator[str]:
    splits = results["upload_images"].values()
    total, missing = (sum(split[key] for split in splits) for key in ("total", "missing"))
    yield f"{total - missing:,} images are in {BUCKET}; {missing:,} are gone at their source"
    yield from made_of_files(results)


def _predictions(files: StoryFiles) -> Chapter:
    return _chapter(
        "A model's predictions, scored on the tree of life",
        _tell_predictions,
        {
            "import_predictions": {
                "predictions": str(files.train_predictions.resolve()),
                "split": "train",
            },
            "add_taxonomy_ranks": {"label_fields": BOTH},
            "evaluate_predictions": {},
            "split_by_dive": {},
        },
    )


def _tell_predictions(results: Results) -> Iterator[str]:
    scores, split = results["evaluate_predictions"], results["split_by_dive"]
    yield (
        f"{scores['boxes']:,} boxes: {scores['accuracy']:.0%} right, "
        f"{scores['mean_taxonomic_distance']:.2f} steps off on the tree of life"
    )
    yield f"{split['train']:,} images to train on, {split['val']:,} of other dives to validate on"
    for leak in split["leaks"]:
        sides = " and ".join(leak["sides"])
        yield f"Dives in both {sides}, as the demo has planted them: {leak['dives']:,}"


def _search() -> Chapter:
    return _chapter(
        "Boxes to search for, and labels that are probably wrong",
        _tell_search,
        {
            "compute_embeddings": {"model": MODEL},
            "build_similarity_index": {"model": MODEL},
            "find_label_errors": {"index_key": similarity_key(MODEL, GROUND_TRUTH)},
        },
    )


def _tell_search(results: Results) -> Iterator[str]:
    suspects = results["find_label_errors"]
    indexed = results["build_similarity_index"]["indexed"]
    yield f"{indexed:,} boxes can be searched by text and by example"
    yield f"{suspects['suspects']:,} labels are probably wrong: the view {suspects['view']}"


def _debris() -> Chapter:
    tiles = {"model": MODEL, "patches_field": TILES}
    return _chapter(
        "Debris, which nobody has annotated",
        _tell_debris,
        {
            "add_tiles": {},
            "compute_embeddings": {**tiles, "method": "none"},
            "build_similarity_index": tiles,
            "find_needles": {"brain_key": similarity_key(MODEL, TILES), "pack": "debris"},
        },
    )


def _tell_debris(results: Results) -> Iterator[str]:
    needles = results["find_needles"]
    hits = sum(needle["hits"] for needle in needles["needles"])
    yield f"{hits:,} hits of debris: the view {needles['view']}"


def _description(files: StoryFiles) -> Chapter:
    images = {"model": MODEL, "patches_field": "", "method": "none"}
    return _chapter(
        "Images that repeat one another, and a data card",
        lambda results: _tell_description(results, files.card),
        {
            "compute_embeddings": images,
            "find_duplicates": {"model": MODEL},
            "report_dataset": {"path": str(files.card.resolve())},
        },
    )


def _tell_description(results: Results, card: Path) -> Iterator[str]:
    found = results["find_duplicates"]
    yield f"{found['groups']:,} groups of images show the same"
    yield f"The data card is {card / 'data-card.html'}"
