"""What is measured: stages in the order in which a user would run them.

Those of boxes are run as ``run_workflow`` runs them; it has no stages that bring in crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from fathomnet_voxel51.names import GROUND_TRUTH, MODEL_PREDICTIONS, similarity_key

from benchmarks.media.job import BUCKET, GCS, PREFIX, SPLIT
from benchmarks.scale.place import DATASET, Place

MODEL: Final = "demo-clip"
_OF_MODELS: Final = ("torch", "open_clip")

Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the table.

    Attributes:
        name: its title there.
        operator: the operator whose stage it is.
        parameters: of that stage.
        made: how many things it made or looked at, from its result.
        all_of: what these must be all of.
        needs_pixels: whether there must be images.
        libraries: what it imports, and this benchmark before it, since that does not grow.
        most: times the real size, or crops, up to which it is measured.
        of_crops: whether it is of crops.
    """

    name: str
    operator: str
    parameters: Callable[[Place], Parameters]
    made: Callable[[Any], int]
    all_of: Literal["images", "boxes", ""] = ""
    needs_pixels: bool = False
    libraries: tuple[str, ...] = ()
    most: float = float("inf")
    of_crops: bool = False

    def is_for(self, place: Place) -> bool:
        if self.of_crops != place.of_crops:
            return False
        return place.size <= self.most and (place.has_pixels or not self.needs_pixels)


def _moved(media_root: Callable[[Place], str]) -> Callable[[Place], Parameters]:
    def parameters(place: Place) -> Parameters:
        return {
            "annotations": str(place.catalog),
            "split": SPLIT,
            "media_root": media_root(place),
            "allow_private_hosts": True,
        }

    return parameters


def _always(**parameters: Any) -> Callable[[Place], Parameters]:
    return lambda _: parameters


def _ingest(place: Place) -> Parameters:
    return {
        "dataset_name": DATASET,
        "train_annotations": str(place.catalog),
        "media_root": str(place.media),
    }


def _predictions(place: Place) -> Parameters:
    return {"predictions": str(place.predictions), "split": SPLIT}


def _embedded(result: Any) -> int:
    return int(result.embedded + result.present)


INDEX: Final = similarity_key(MODEL, GROUND_TRUTH)
BOTH: Final = [GROUND_TRUTH, MODEL_PREDICTIONS]
WHOLE: Final = {"model": MODEL, "patches_field": "", "method": "none"}

OF_BOXES: Final = (
    Stage(
        "upload_images, into a bucket",
        "upload_images",
        _moved(lambda _: f"{GCS}{BUCKET}/{PREFIX}"),
        lambda result: int(result[SPLIT].stored),
        "images",
        needs_pixels=True,
    ),
    Stage(
        "upload_images, into a folder",
        "upload_images",
        _moved(lambda place: str(place.media)),
        lambda result: int(result[SPLIT].stored),
        "images",
        needs_pixels=True,
    ),
    Stage("ingest_dataset", "ingest_dataset", _ingest, lambda result: int(result.boxes), "boxes"),
    Stage(
        "add_primary_label",
        "add_primary_label",
        _always(),
        lambda result: int(result.labelled),
        "images",
    ),
    Stage(
        "import_predictions",
        "import_predictions",
        _predictions,
        lambda result: int(result.imported),
        "boxes",
    ),
    Stage(
        "add_taxonomy_ranks, of labels and predictions",
        "add_taxonomy_ranks",
        _always(label_fields=BOTH),
        lambda result: int(result.boxes),
    ),
    Stage(
        "evaluate_predictions",
        "evaluate_predictions",
        _always(),
        lambda result: int(result.boxes),
        "boxes",
    ),
    Stage(
        "find_label_errors, by predictions",
        "find_label_errors",
        _always(),
        lambda result: int(result.scored),
        "boxes",
        most=10,  # a hundred times need some 12 GB beside the database
    ),
    Stage(
        "split_by_dive",
        "split_by_dive",
        _always(),
        lambda result: int(result.train + result.val),
        "images",
    ),
    Stage("report_dataset", "report_dataset", _always(), lambda result: len(result.markdown)),
    Stage(
        "compute_embeddings, boxes",
        "compute_embeddings",
        _always(model=MODEL, method="none"),
        _embedded,
        "boxes",
        needs_pixels=True,
        libraries=_OF_MODELS,
    ),
    Stage(
        "compute_embeddings, their map by pca",
        "compute_embeddings",
        _always(model=MODEL, method="pca", brain_key="map_by_pca"),
        _embedded,
        "boxes",
        needs_pixels=True,
        libraries=(*_OF_MODELS, "sklearn.decomposition"),
    ),
    Stage(
        "compute_embeddings, their map by umap",
        "compute_embeddings",
        _always(model=MODEL, method="umap"),
        _embedded,
        "boxes",
        needs_pixels=True,
        libraries=(*_OF_MODELS, "umap"),
    ),
    Stage(
        "build_similarity_index",
        "build_similarity_index",
        _always(model=MODEL),
        lambda result: int(result.indexed),
        "boxes",
        needs_pixels=True,
    ),
    Stage(
        "find_needles",
        "find_needles",
        _always(brain_key=INDEX, pack="debris"),
        lambda result: sum(needle.hits for needle in result.needles),
        needs_pixels=True,
        libraries=_OF_MODELS,
    ),
    Stage(
        "find_label_errors, by predictions and look-alikes",
        "find_label_errors",
        _always(index_key=INDEX),
        lambda result: int(result.scored),
        "boxes",
        needs_pixels=True,
    ),
    Stage(
        "compute_embeddings, whole images",
        "compute_embeddings",
        _always(**WHOLE),
        _embedded,
        "images",
        needs_pixels=True,
        libraries=_OF_MODELS,
    ),
    Stage(
        "find_duplicates",
        "find_duplicates",
        _always(model=MODEL),
        lambda result: int(result.images),
        "images",
        needs_pixels=True,
    ),
    Stage(
        "report_dataset, with pictures",
        "report_dataset",
        lambda place: {"path": str(place.card)},
        lambda result: len(result.markdown),
        needs_pixels=True,
    ),
    Stage(
        "add_tiles",
        "add_tiles",
        _always(),
        lambda result: int(result.images),
        "images",
        most=10,
    ),
)
CROPS: Final = (
    Stage(
        "ingest_crops",
        "ingest_crops",
        lambda place: {"dataset_name": DATASET, "table": str(place.table)},
        lambda result: int(result.labels),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "import_predictions, onto crops",
        "import_predictions",
        _predictions,
        lambda result: int(result.imported),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "evaluate_predictions, of crops",
        "evaluate_predictions",
        _always(),
        lambda result: int(result.boxes),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "find_label_errors, of crops, by predictions",
        "find_label_errors",
        _always(),
        lambda result: int(result.scored),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "split_by_dive, of crops",
        "split_by_dive",
        _always(),
        lambda result: int(result.train + result.val),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "split_by_dive, of crops, by deployment",
        "split_by_dive",
        _always(by="field", field="deployment"),
        lambda result: int(result.train + result.val),
        "boxes",
        of_crops=True,
    ),
    Stage(
        "report_dataset, of crops",
        "report_dataset",
        _always(),
        lambda result: len(result.markdown),
        of_crops=True,
    ),
    Stage(
        "import_embeddings, of crops",
        "import_embeddings",
        lambda place: {"vectors": str(place.vectors), "key": "scaled", "method": "none"},
        lambda result: int(result.imported),
        "boxes",
        of_crops=True,
    ),
)
STAGES: Final = (*OF_BOXES, *CROPS)
STAGE_OF: Final = {stage.name: stage for stage in STAGES}
