"""A small dataset that every operator can work on, and all that it holds, to be compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fiftyone as fo
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.names import RELABELLINGS as PREFIX
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import relabel_boxes
from fathomnet_voxel51.relabelling.journal import journals_of
from fathomnet_voxel51.similarity import build_similarity_index
from fathomnet_voxel51.taxonomy import load_taxonomy

from demo.generate import Settings, make
from demo.story import MODEL
from demo.synthetic import write_predictions_csv
from tests.support.stored import DICE_AND_TIMES, documents, settings, strict

IMAGES: Final = 12
OF_A_RUN: Final = DICE_AND_TIMES | {
    *("time", "timestamp", "found_at", "searched_at"),
    *("embedded", "present"),
}
"""What records say of a run rather than of the dataset: when it was, and what was left to do."""


@dataclass(frozen=True)
class Files:
    """What the dataset is made of."""

    catalog: str
    predictions: str
    media: str
    names: str
    renamed: str


def write_files(folder: Path) -> Files:
    """The demo's images and labels, and a prediction for each box."""
    made = make(folder, Settings(train=IMAGES, test=0))
    predictions = write_predictions_csv(folder / "predictions.csv", made.train)
    rows = ["name,parent,rank,status", "detritus,,,special"]
    rows += [f"{one.name},{one.parent or ''},{one.rank}," for one in load_taxonomy().taxa]
    names, renamed = folder / "names.csv", folder / "renamed.csv"
    names.write_text("\n".join(rows))
    renamed.write_text("old,new\nSebastes diploproa,Sebastes\n")
    media = str(made.media_root)
    return Files(str(made.train), str(predictions), media, str(names), str(renamed))


def prepare(name: str, files: Files) -> Any:
    """A dataset with predictions, vectors, an index and a relabelling, and nothing else."""
    ingest_dataset(name, train_annotations=files.catalog, media_root=files.media)
    dataset = fo.load_dataset(name)
    import_predictions(dataset, files.predictions, split="train")
    for patches_field in ("ground_truth", ""):
        compute_embeddings(dataset, MODEL, patches_field, method="none")
    build_similarity_index(dataset, MODEL)
    relabel_boxes(dataset.limit(6), "Sebastes diploproa")
    return dataset


def content(name: str) -> dict[str, Any]:
    """All that a dataset holds, less what tells of one run."""
    dataset = fo.load_dataset(name, reload=True)
    return {
        **settings(dataset),
        "runs": _runs(dataset),
        "documents": documents(dataset, DICE_AND_TIMES),
    }


def _runs(dataset: Any) -> dict[str, Any]:
    """What was run on a dataset: brain, evaluations and the project's records, with results."""
    # The key of a relabelling is drawn at random; its place among the others says as much.
    names = {one.key: f"{PREFIX}{place}" for place, one in enumerate(journals_of(dataset))}
    return {
        f"{kind} {names.get(key, key)}": (strict(document.config, OF_A_RUN), _results(document))
        for kind in ("brain_methods", "evaluations", "runs")
        for key, document in getattr(dataset._doc, kind).items()
    }


def _results(document: Any) -> Any:
    if not document.results:
        return None
    document.results.seek(0)
    return strict(json.loads(document.results.read()), OF_A_RUN)
