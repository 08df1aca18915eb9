"""The demo's prediction run: what a decent model might have said of the test boxes."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from fathomnet_voxel51.names import ANNOTATION_ID, OWN_RANK, RANKS
from fathomnet_voxel51.prediction_files import write_predictions

from demo.concepts import Lineages
from demo.mistakes import mistaken, probabilities

ACCURACY: Final = 0.8
"""Share of the predictions that is right, about."""


def write_demo_predictions(
    folder: Path,
    boxes: Sequence[tuple[int, int, str]],
    lineages: Lineages,
    annotations: Path,
    taxonomy: Path,
    seed: int,
) -> None:
    """Writes a prediction run in the project's format, its mistakes decided by ``seed``.

    Args:
        folder: for the csv, the parquet file and the manifest.
        boxes: annotation id, image id and true concept of each box.
        lineages: every concept, in the order of the probabilities.
        annotations: the COCO file that was predicted, for its hash.
        taxonomy: the csv with the concepts, for its hash.
        seed: the same seed gives the same bytes.
    """
    rng = np.random.default_rng([seed, *b"predictions"])
    labels = [concept for _, _, concept in boxes]
    predicted = mistaken(labels, lineages, ACCURACY, rng)
    shares = probabilities(predicted, labels, lineages, rng)
    rows = {
        ANNOTATION_ID: [annotation for annotation, _, _ in boxes],
        "image_id": [image for _, image, _ in boxes],
        "concept_name": predicted,
        "confidence": shares.max(axis=1, initial=0.0),
        OWN_RANK: [
            [rank for rank, name in zip(RANKS, lineages[concept], strict=True) if name][-1]
            for concept in predicted
        ],
    }
    # It has no times and no device, because no model ran.
    manifest = {
        "concepts": list(lineages),
        "model": "demo: labels with planted mistakes, no model ran",
        "checkpoint": None,
        "settings": {"accuracy": ACCURACY, "seed": seed},
        "decision": "argmax",
        "taxonomy_sha256": hashlib.sha256(taxonomy.read_bytes()).hexdigest(),
        "annotations_sha256": hashlib.sha256(annotations.read_bytes()).hexdigest(),
        "counts": {"boxes": len(boxes), "predicted": len(boxes)},
        "not_predicted": [],
    }
    write_predictions(folder, rows, manifest, shares)
