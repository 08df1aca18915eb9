"""The demo's story: from URLs to debris, wrong labels and a data card, chapter by chapter."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fathomnet_voxel51.names import GROUND_TRUTH, MODEL_PREDICTIONS, TILES, similarity_key

from demo.run import Chapter, Results, made_of_files

MODEL: Final = "demo-clip"
"""Trained on what the demo draws, and on nothing else: files of others are not searched by it."""

BUCKET: Final = "gs://deep-sea/fathomnet"
MIRROR: Final = "~/fathomnet-media/demo"
BOTH: Final = [GROUND_TRUTH, MODEL_PREDICTIONS]

Teller = Callable[[Results], Iterable[str]]
"""Says in sentences what a chapter's results are."""


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

    def media_and_labels(results: Results) -> Iterator[str]:
        splits = results["upload_images"].values()
        total, missing = (sum(split[key] for split in splits) for key in ("total", "missing"))
        yield f"{total - missing:,} images are in {BUCKET}; {missing:,} are gone at their source"
        yield from made_of_files(results)

    def predictions(results: Results) -> Iterator[str]:
        scores, split = results["evaluate_predictions"], results["split_by_dive"]
        far = scores["mean_taxonomic_distance"]
        off = "" if far is None else f", {far:.2f} steps off on the tree of life"
        yield f"{scores['boxes']:,} boxes: {scores['accuracy']:.0%} right{off}"
        yield (
            f"{split['train']:,} images to train on, {split['val']:,} of other dives to validate on"
        )
        for leak in (leak for leak in split["leaks"] if leak["dives"]):
            sides = " and ".join(leak["sides"])
            yield f"Dives in both {sides}, as the demo has planted them: {leak['dives']:,}"

    def search(results: Results) -> Iterator[str]:
        suspects = results["find_label_errors"]
        indexed = results["build_similarity_index"]["indexed"]
        yield f"{indexed:,} boxes can be searched by text and by example"
        yield f"{suspects['suspects']:,} labels are probably wrong: the view {suspects['view']}"

    def debris(results: Results) -> Iterator[str]:
        needles = results["find_needles"]
        hits = sum(needle["hits"] for needle in needles["needles"])
        yield f"{hits:,} hits of debris: the view {needles['view']}"

    def description(results: Results) -> Iterator[str]:
        found = results["find_duplicates"]
        yield f"{found['groups']:,} groups of images show the same"
        yield f"The data card is {files.card / 'data-card.html'}"

    tiles = {"model": MODEL, "patches_field": TILES}
    chapters: tuple[tuple[str, Teller, dict[str, dict[str, Any]]], ...] = (
        (
            "Images into a bucket, and a dataset of them",
            media_and_labels,
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
        ),
        (
            "A model's predictions, scored on the tree of life",
            predictions,
            {
                "import_predictions": {
                    "predictions": str(files.train_predictions.resolve()),
                    "split": "train",
                },
                "add_taxonomy_ranks": {"label_fields": BOTH},
                "evaluate_predictions": {},
                "split_by_dive": {},
            },
        ),
        (
            "Boxes to search for, and labels that are probably wrong",
            search,
            {
                "compute_embeddings": {"model": MODEL},
                "build_similarity_index": {"model": MODEL},
                "find_label_errors": {"index_key": similarity_key(MODEL, GROUND_TRUTH)},
            },
        ),
        (
            "Debris, which nobody has annotated",
            debris,
            {
                "add_tiles": {},
                "compute_embeddings": {**tiles, "method": "none"},
                "build_similarity_index": tiles,
                "find_needles": {"brain_key": similarity_key(MODEL, TILES), "pack": "debris"},
            },
        ),
        (
            "Images that repeat one another, and a data card",
            description,
            {
                "compute_embeddings": {"model": MODEL, "patches_field": "", "method": "none"},
                "find_duplicates": {"model": MODEL},
                "report_dataset": {"path": str(files.card.resolve())},
            },
        ),
    )
    return tuple(
        Chapter(title, {"stages": list(stages), **stages}, told) for title, told, stages in chapters
    )
