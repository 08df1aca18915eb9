"""Makes the whole demo set: images, catalogs, the truth behind them and predictions."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from fathomnet_voxel51.names import SPLITS, Split, images_folder
from fathomnet_voxel51.progress import Progress, silent

from demo import coco
from demo.concepts import TAXONOMY, Lineages, read_lineages
from demo.needles import NEEDLES, Needle
from demo.pictures import Picture, draw_pictures
from demo.predicted import write_demo_predictions
from demo.recipes import RECIPES, Recipe
from demo.render import render
from demo.scenes import Scene, dive_key, plan_scenes
from demo.staging import Thing

DRAWING_VERSION: Final = 1
"""Raised when the same settings give other pictures than before, so that old ones are redrawn."""
PLACES: Final = {"sediment": "on soft sediment", "rock": "on rock", "midwater": "in open water"}


@dataclass(frozen=True)
class Settings:
    """What decides every byte of a demo set: numbers of images, and the seed."""

    train: int = 120
    test: int = 40
    seed: int = 0
    drawing_version: int = DRAWING_VERSION


@dataclass(frozen=True, slots=True)
class DemoSet:
    """A demo set on disk: its files, and how many images were drawn and found."""

    folder: Path
    train: Path
    test: Path
    test_truth: Path
    predictions: Path
    truth: Path
    media_root: Path
    drawn: int
    present: int


def make(
    output: Path,
    settings: Settings | None = None,
    workers: int = 1,
    progress: Progress = silent,
    taxonomy: Path = TAXONOMY,
) -> DemoSet:
    """Makes a demo set, or completes one that was interrupted; a complete one is left alone.

    Args:
        output: the folder for it.
        settings: numbers and seed; a folder made with others is made anew.
        workers: number of processes that draw.
        progress: called with the share done and a label.
        taxonomy: the csv with the concepts.

    Raises:
        InputError: the taxonomy cannot be read.
    """
    settings = settings or Settings()
    lineages = read_lineages(taxonomy)
    marker = output / "demo.json"
    if _recorded(marker).get("settings") != asdict(settings):
        # Images of other settings go; only images, and only where this module puts them.
        for split in SPLITS:
            for image in (output / "media" / images_folder(split)).glob("*.png*"):
                image.unlink()
    elif _recorded(marker)["complete"]:
        return _demo_set(output, 0, settings.train + settings.test)
    coco.write_json(marker, {"settings": asdict(settings), "complete": False}, indent=4)
    scenes = plan_scenes(settings.train, settings.test, settings.seed)
    _write_tables(output, scenes, lineages, taxonomy, settings.seed)
    pictures = [
        Picture(
            output / "media" / images_folder(scene.split) / scene.frame.file_name,
            (scene.frame.width, scene.frame.height),
            partial(render, scene),
        )
        for scene in scenes
    ]
    drawn = draw_pictures(pictures, workers, progress)
    coco.write_json(marker, {"settings": asdict(settings), "complete": True}, indent=4)
    return _demo_set(output, drawn.drawn, drawn.present)


def caption(thing: Thing, scene: Scene) -> str:
    """What a person would say of a thing: ``a pink sea pig ... on soft sediment``."""
    look = _look(thing)
    first = look.colours[0]
    article = "an" if first[0] in "aeiou" else "a"
    return f"{article} {' and '.join(look.colours)} {look.noun} {PLACES[scene.habitat]}"


def _demo_set(output: Path, drawn: int, present: int) -> DemoSet:
    return DemoSet(
        folder=output,
        train=output / "dataset_train.json",
        test=output / "dataset_test.json",
        test_truth=output / "dataset_test_truth.json",
        predictions=output / "predictions",
        truth=output / "truth.json",
        media_root=output / "media",
        drawn=drawn,
        present=present,
    )


def _recorded(marker: Path) -> dict[str, Any]:
    return dict(json.loads(marker.read_text(encoding="utf-8"))) if marker.is_file() else {}


def _write_tables(
    output: Path, scenes: Sequence[Scene], lineages: Lineages, taxonomy: Path, seed: int
) -> None:
    files = _demo_set(output, 0, 0)
    train = [scene for scene in scenes if scene.split == "train"]
    test = [scene for scene in scenes if scene.split == "test"]
    coco.write_json(files.train, _catalog(train, lineages, labelled=True), indent=4)
    coco.write_json(files.test, _catalog(test, lineages, labelled=False), indent=4)
    coco.write_json(files.test_truth, _catalog(test, lineages, labelled=True), indent=4)
    coco.write_json(files.truth, _truth(scenes), indent=1)
    boxes = [
        (thing.annotation_id or 0, scene.image_id, thing.name) for scene, thing in _animals(test)
    ]
    write_demo_predictions(files.predictions, boxes, lineages, files.test, taxonomy, seed)


def _animals(scenes: Sequence[Scene]) -> list[tuple[Scene, Thing]]:
    return [(scene, thing) for scene in scenes for thing in scene.things if thing.kind == "animal"]


def _catalog(scenes: Sequence[Scene], lineages: Lineages, labelled: bool) -> coco.Record:
    numbers = coco.category_ids(lineages)
    annotations = [
        coco.annotation_record(
            thing.annotation_id or 0,
            scene.image_id,
            thing.bbox,
            numbers[thing.name] if labelled else None,
        )
        for scene, thing in _animals(scenes)
    ]
    images = [coco.image_record(scene.image_id, scene.frame) for scene in scenes]
    return coco.document(images, annotations, lineages)


def _truth(scenes: Sequence[Scene]) -> coco.Record:
    """What no catalog says: what all things are, which frames repeat, which dives straddle."""
    dives: dict[Split, set[str]] = {
        split: {dive_key(scene.dive) for scene in scenes if scene.split == split}
        for split in SPLITS
    }
    return {
        "objects": [
            {
                "split": scene.split,
                "image_id": scene.image_id,
                "file_name": scene.frame.file_name,
                "annotation_id": thing.annotation_id,
                "kind": thing.kind,
                "name": thing.name,
                "colours": _look(thing).colours,
                "caption": caption(thing, scene),
                "bbox": thing.bbox,
            }
            for scene in scenes
            for thing in scene.things
        ],
        "near_duplicates": [
            {"split": scene.split, "image_id": scene.image_id, "repeats_image_id": scene.repeats}
            for scene in scenes
            if scene.repeats
        ],
        "dives_in_both_splits": sorted(dives["train"] & dives["test"]),
    }


def _look(thing: Thing) -> Recipe | Needle:
    return RECIPES[thing.name] if thing.kind == "animal" else NEEDLES[thing.name]
