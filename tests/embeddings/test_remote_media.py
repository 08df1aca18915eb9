"""Media in a bucket that cannot be brought cost their own boxes, and nothing else.

FiftyOne Enterprise gives its samples a ``local_path``, which fetches the media when it is asked
for; a property that raises stands in for it, because Enterprise itself cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.dataset.records import read_values
from fathomnet_voxel51.dataset.vectors import read_vectors
from fathomnet_voxel51.embeddings import compute as embeddings
from fathomnet_voxel51.embeddings import compute_embeddings
from fathomnet_voxel51.names import embedding_run_key
from fathomnet_voxel51.pictures.decoding import PictureError
from fathomnet_voxel51.pictures.local import LocalMedia
from fathomnet_voxel51.report import report_dataset

from .tiny import TinyEmbedder, write_images

COUNTS = (2, 3, 1, 2)
GONE = 1
"""The image whose object is not in the bucket any more."""
PROBLEM = "404 the object is not in the bucket"


def fails_with(error: Exception, files: dict[str, str], gone: str) -> property:
    def fetch(sample: Any) -> str:
        if sample.filepath == gone:
            raise error
        return files[sample.filepath]

    return property(fetch)


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path) -> Any:
    made = fo.Dataset(dataset_name, persistent=True)
    made.add_samples(write_images(tmp_path, COUNTS))
    return made


@pytest.fixture(params=[OSError, RuntimeError, AttributeError, KeyError])
def in_bucket(request: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Puts the images into a bucket from which all but one can be fetched."""
    local = dataset.values("filepath")
    remote = [f"gs://bucket/{Path(path).name}" for path in local]
    dataset.set_values("filepath", remote)
    files = dict(zip(remote, local, strict=True))
    fetching = fails_with(request.param(PROBLEM), files, remote[GONE])
    monkeypatch.setattr(fo.Sample, "local_path", fetching, raising=False)
    return remote


@pytest.fixture
def use_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        embeddings, "load_embedder", lambda name, device, precision, progress: TinyEmbedder()
    )


def test_an_image_that_cannot_be_brought_costs_its_own_boxes(
    dataset: Any, in_bucket: list[str], use_tiny: None
) -> None:
    result = compute_embeddings(dataset, method="none")
    assert (result.embedded, result.skipped) == (sum(COUNTS) - COUNTS[GONE], COUNTS[GONE])
    have_some = set(read_vectors(dataset, "ground_truth", "clip_embedding").sample_ids)
    ids = dataset.values("id")
    assert have_some == {*ids} - {ids[GONE]}
    record = read_values(dataset, embedding_run_key("clip", "ground_truth")) or {}
    (example,) = record["examples"]
    assert example.startswith(f"{in_bucket[GONE]}: cannot be fetched: ")


def test_a_data_card_says_which_examples_could_not_be_brought(
    dataset: Any, in_bucket: list[str], tmp_path: Path
) -> None:
    labels = [[f"concept {number}"] * count for number, count in enumerate(COUNTS)]
    dataset.set_values("ground_truth.detections.label", labels)
    card = report_dataset(dataset, tmp_path / "card").markdown
    told = [line for line in card.splitlines() if "cannot be shown" in line]
    assert len(told) == 1
    assert "1 example cannot be shown: cannot be fetched" in told[0], "one an image"


@pytest.mark.parametrize("missing", [lambda sample: None, lambda sample: "/no/such/file.png"])
def test_a_copy_that_is_no_file_costs_its_boxes_too(
    dataset: Any, use_tiny: None, missing: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.set_values("filepath", [f"gs://bucket/{number}.png" for number in range(len(COUNTS))])
    monkeypatch.setattr(fo.Sample, "local_path", property(missing), raising=False)
    result = compute_embeddings(dataset, method="none")
    assert (result.embedded, result.skipped) == (0, sum(COUNTS))


def test_a_sample_that_was_deleted_meanwhile_is_one_image_less(
    dataset: Any, in_bucket: list[str]
) -> None:
    ids = dataset.values("id")
    dataset.delete_samples(ids[:1])
    with pytest.raises(PictureError, match="cannot be fetched"):
        LocalMedia(dataset).file(ids[0], in_bucket[0])
