"""Sets in other formats, which FiftyOne itself imports: the operators work on what it makes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.embeddings import compute, compute_embeddings
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.label_errors import find_label_errors
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.relabelling import relabel_boxes, undo_relabel
from fathomnet_voxel51.relabelling.export import export_dataset
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.splits import split_by_dive
from fathomnet_voxel51.taxonomy import load_taxonomy
from PIL import Image

from tests.embeddings.tiny import TinyEmbedder

FORMATS = {
    "VOC": fo.types.VOCDetectionDataset,
    "YOLO": fo.types.YOLOv5Dataset,
    "CVAT": fo.types.CVATImageDataset,
    "FiftyOne": fo.types.FiftyOneImageDetectionDataset,
}
IMAGES, BOXES = 12, 4
NAMES = ("Sebastes", "Peniagone", "Elpidia")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same set in each format, written by FiftyOne's own exporters."""
    folder, made = tmp_path_factory.mktemp("sets"), random.Random(15)
    dataset = fo.Dataset()
    for number in range(IMAGES):
        file = folder / f"dive{number % 3}_{number:02d}.png"
        Image.effect_noise((200, 100), 40 + number).convert("RGB").save(file)
        boxes = [
            fo.Detection(
                label=made.choice(NAMES),
                bounding_box=[made.uniform(0, 0.6), made.uniform(0, 0.6), 0.3, 0.3],
            )
            for _ in range(BOXES)
        ]
        dataset.add_sample(fo.Sample(str(file), ground_truth=fo.Detections(detections=boxes)))
    places = {}
    for name, kind in FORMATS.items():
        places[name] = folder / name
        dataset.export(str(places[name]), dataset_type=kind, label_field="ground_truth")
    dataset.delete()
    return places


@pytest.fixture(params=FORMATS)
def imported(request: pytest.FixtureRequest, exported: dict[str, Path]) -> Iterator[Any]:
    dataset = fo.Dataset.from_dir(
        dataset_dir=str(exported[request.param]),
        dataset_type=FORMATS[request.param],
        # CVAT has several kinds of labels.
        label_field={"detections": "ground_truth"} if request.param == "CVAT" else "ground_truth",
    )
    dataset.persistent = True
    yield dataset
    dataset.delete()


@pytest.mark.parametrize("public", [False, True], ids=["collection", "public API"])
def test_operators_work_on_what_fiftyone_imports(
    imported: Any, public: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case C15."""
    if public:
        monkeypatch.setenv(PUBLIC_API, "1")
    boxes = imported.count("ground_truth.detections")
    assert boxes == IMAGES * BOXES
    assert add_primary_label(imported).labelled == IMAGES
    assert add_taxonomy_ranks(imported).unknown_concepts == ()
    assert set(imported.distinct("ground_truth.detections.genus")) == set(NAMES)
    # Predictions that FiftyOne imported too, or that a model of its zoo made.
    imported.clone_sample_field("ground_truth", "guesses")
    first = imported.first()
    first.guesses.detections[0].label = "Porifera"
    first.save()
    result = evaluate_predictions(imported, pred_field="guesses", eval_key="e")
    assert (result.boxes, result.accuracy) == (boxes, (boxes - 1) / boxes)
    wrong = load_taxonomy().distance(first.ground_truth.detections[0].label, "Porifera")
    assert result.mean_taxonomic_distance == pytest.approx(wrong / boxes)
    assert find_label_errors(imported, pred_field="guesses").scored == boxes
    one = first.ground_truth.detections[0].label
    changed = relabel_boxes(imported.select(first.id), "Caridea")
    assert changed.changed == BOXES
    assert undo_relabel(imported, changed.journal).restored == BOXES
    assert imported.first().ground_truth.detections[0].label == one
    imported.tag_samples("train")  # as the message of the operator says
    parts = split_by_dive(imported, by="pattern", pattern=r"(dive\d)_", val_ratio=0.34)
    assert (parts.train + parts.val, parts.dives) == (IMAGES, 3)
    monkeypatch.setattr(compute, "load_embedder", lambda *_, **__: TinyEmbedder())
    assert compute_embeddings(imported, method="none").embedded == boxes
    assert f"{boxes} |" in report_dataset(imported).markdown
    (file,) = export_dataset(imported, str(tmp_path / "out")).files
    again = ingest_dataset(f"{imported.name}-again", train_annotations=file)
    assert (again.samples, again.boxes) == (IMAGES, boxes)
    fo.delete_dataset(again.dataset)
