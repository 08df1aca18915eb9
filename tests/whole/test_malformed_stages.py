"""Every malformed file, through the stages: imported, or refused with nothing written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.predictions import import_predictions

from tests.support.malformed import MALFORMED_COCO, MALFORMED_PREDICTIONS, MalformedFile
from tests.support.malformed_coco import coco_bytes
from tests.support.stored import documents, settings

EVERYTHING: frozenset[str] = frozenset()


@pytest.mark.fault(
    operator="ingest_dataset",
    happens="the annotation file is malformed in one of many ways",
    end="ingested where it is sound, else refused with the place and no dataset",
)
@pytest.mark.parametrize("file", MALFORMED_COCO, ids=lambda file: file.name)
def test_a_catalog_is_ingested_or_no_dataset_is_made(file: MalformedFile, tmp_path: Path) -> None:
    name = "test-malformed-coco"
    path = str(file.write(tmp_path))
    before = fo.list_datasets()
    if file.accepted:
        result = ingest_dataset(name, train_annotations=path)
        fo.delete_dataset(name)
        assert (result.samples, result.boxes) == (2, 3)
    else:
        with pytest.raises(InputError) as refusal:
            ingest_dataset(name, train_annotations=path)
        assert not [place for place in file.places if place not in str(refusal.value)]
    assert fo.list_datasets() == before


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two images with the boxes 1, 2 and 3, which the predictions files are about."""
    path = tmp_path_factory.mktemp("sound") / "coco.json"
    path.write_bytes(coco_bytes())
    ingest_dataset("test-malformed-predictions", test_annotations=str(path))
    dataset = fo.load_dataset("test-malformed-predictions")
    yield dataset
    dataset.delete()


@pytest.mark.fault(
    operator="import_predictions",
    happens="the predictions file is malformed in one of many ways",
    end="imported where it is sound, else refused with the line and nothing written",
)
@pytest.mark.parametrize("file", MALFORMED_PREDICTIONS, ids=lambda file: file.name)
def test_predictions_are_imported_or_the_dataset_stays_as_it_was(
    file: MalformedFile, dataset: Any, tmp_path: Path
) -> None:
    path = str(file.write(tmp_path))
    before = documents(dataset, EVERYTHING), settings(dataset)
    if file.accepted:
        result = import_predictions(dataset, path)
        imported = dataset.count("model_predictions.detections")
        dataset.delete_sample_field("model_predictions")
        dataset.delete_run("import_model_predictions_test")
        assert (result.imported, imported, result.unmatched_rows) == (3, 3, 0)
    else:
        with pytest.raises(InputError) as refusal:
            import_predictions(dataset, path)
        assert not [place for place in file.places if place not in str(refusal.value)]
        dataset.reload()
        assert (documents(dataset, EVERYTHING), settings(dataset)) == before
