"""Plants wrong labels in a catalog: what an annotator in a hurry takes for something alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from demo import coco
from demo.concepts import TAXONOMY, Lineages, read_lineages
from demo.mistakes import mistaken
from demo.predicted import write_demo_predictions

SHARE: Final = 0.05
"""Of the labels that are made wrong."""


@dataclass(frozen=True, slots=True)
class Planted:
    """A catalog in which labels were made wrong, and a model's predictions of its boxes."""

    catalog: Path
    predictions: Path
    wrong: tuple[WrongLabel, ...]


@dataclass(frozen=True, slots=True)
class WrongLabel:
    """A label that was made wrong."""

    annotation_id: int
    true: str
    planted: str


def wrong_labels(
    labels: Sequence[str], lineages: Lineages, share: float, rng: np.random.Generator
) -> dict[int, str]:
    """Which labels are made wrong, and what they become.

    Most become a look-alike, the nearest on the tree of life among the concepts that occur; the
    others become any other one of these.

    Args:
        labels: the true concept of each box.
        lineages: every concept.
        share: of the labels, rounded to whole ones.
        rng: decides which, and what.

    Returns:
        The new concept by the label's position.
    """
    occurring = {name: lineages[name] for name in sorted(set(labels))}
    if len(occurring) < 2:
        return {}
    count = round(share * len(labels))
    chosen = np.sort(rng.choice(len(labels), count, replace=False)).tolist()
    planted = mistaken([labels[one] for one in chosen], occurring, accuracy=0.0, rng=rng)
    return dict(zip(chosen, planted, strict=True))


def plant_wrong_labels(
    catalog: Path, output: Path, share: float = SHARE, seed: int = 0
) -> tuple[WrongLabel, ...]:
    """Writes a copy of a COCO catalog in which some labels are wrong.

    Args:
        catalog: a labelled catalog of the demo.
        output: the file to write.
        share: of the labels.
        seed: the same seed gives the same bytes.

    Returns:
        What was made wrong, in the catalog's order.
    """
    document = json.loads(catalog.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in document["categories"]}
    numbers = {name: number for number, name in names.items()}
    boxes = document["annotations"]
    labels = [names[box["category_id"]] for box in boxes]
    rng = np.random.default_rng([seed, *b"wrong labels"])
    wrong = wrong_labels(labels, read_lineages(), share, rng)
    for position, planted in wrong.items():
        boxes[position]["category_id"] = numbers[planted]
    coco.write_json(output, document, indent=4)
    return tuple(
        WrongLabel(boxes[position]["id"], labels[position], planted)
        for position, planted in wrong.items()
    )


def plant(catalog: Path, folder: Path, seed: int = 0, share: float = SHARE) -> Planted:
    """Makes labels wrong, and has a model predict the boxes that has never seen these labels.

    Args:
        catalog: a labelled catalog of the demo.
        folder: for what is written.
        seed: the same seed gives the same bytes.
        share: of the labels.
    """
    planted, run = folder / f"planted-{seed}.json", folder / f"predictions-{seed}"
    wrong = plant_wrong_labels(catalog, planted, share, seed)
    document = json.loads(catalog.read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in document["categories"]}
    boxes = [
        (box["id"], box["image_id"], names[box["category_id"]]) for box in document["annotations"]
    ]
    write_demo_predictions(run, boxes, read_lineages(), planted, TAXONOMY, seed)
    return Planted(planted, run, wrong)
