"""Images in and out in the real App: downloaded from a form and seen, uploaded by a worker."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fathomnet_voxel51 import delegation

from demo.generate import DemoSet
from tests.e2e.app import App, figures
from tests.e2e.queued import newest_operation
from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.support.drawn import MEDIUM, Drawn


@pytest.fixture(scope="module")
def demo_set(drawn: Drawn) -> DemoSet:
    return drawn(MEDIUM)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A bucket on this machine, for the App and the worker that are started after it."""
    with Sink() as sink:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", sink.url)
        yield sink


def images_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def published(annotations: Path, origin: Origin, path: Path) -> list[str]:
    """Writes a catalog anew, with its images at the origin; their names in its order."""
    catalog = json.loads(annotations.read_text())
    for image in catalog["images"]:
        image["coco_url"] = image["flickr_url"] = origin.url(image["file_name"])
    path.write_text(json.dumps(catalog))
    return [image["file_name"] for image in catalog["images"]]


def test_images_are_downloaded_from_a_form_and_seen(
    app: App, demo_set: DemoSet, no_dataset: str, pictures: Path, tmp_path: Path
) -> None:
    images = images_in(demo_set.media_root / "test_images")
    catalog, media = tmp_path / "dataset_test.json", tmp_path / "media"
    with Origin(images) as origin:
        gone = published(demo_set.test, origin, catalog)[0]
        del origin.images[gone]

        app.open_home()
        app.open_operator("FathomNet: download images")
        app.wait_until_blocked("split is still to be chosen")
        app.browse("Annotations", catalog)
        app.choose("Split", "test")
        app.wait_until_blocked("name a folder")
        app.fill("Destination", str(media))
        app.fill("Limit", "0")
        app.wait_until_blocked("input should be greater than or equal to 1")
        app.fill("Limit", "")
        app.fill("Shard", "9/4")
        app.wait_until_blocked("there is no part 9 of 4")
        app.fill("Shard", "")
        app.tick("Allow private hosts")
        app.wait_for_text(f"12 images are downloaded to {media}/test_images")
        app.submit("Execute")
        first = figures(app.result())
        app.wait_for_text(
            f"Not stored: 1, with the reasons in {media}/ledgers/test_images.not-stor"
        )
        app.screenshot(pictures / "download-result.png")
        app.close()

        app.open_operator("FathomNet: download images")
        app.fill("Annotations", str(catalog))
        app.choose("Split", "test")
        app.fill("Destination", str(media))
        app.tick("Allow private hosts")
        app.wait_for_text("11 there already")
        app.wait_for_text("1 missing at the source, asked again only with Recheck")
        app.submit("Execute")
        second = figures(app.result())
        app.close()

        assert origin.seen.requests.total() == 12, "the second run has nothing to ask for"
    counts = {"Total": "12", "Missing": "1", "Rejected": "0", "Failed": "0"}
    assert first.items() >= {**counts, "Stored": "11", "Present": "0"}.items()
    assert second.items() >= {**counts, "Stored": "0", "Present": "11"}.items()
    there = {name: image for name, image in images.items() if name != gone}
    assert images_in(media / "test_images") == there
    with Path(first["Ledger"]).with_suffix(".not-stored.csv").open() as lines:
        assert [(row["file_name"], row["outcome"]) for row in csv.DictReader(lines)] == [
            (gone, "missing")
        ]

    app.open_operator("FathomNet: ingest a dataset")
    app.fill("Test annotations", str(catalog))
    app.fill("Dataset name", no_dataset)
    app.fill("Media root", str(media))
    app.submit("Execute")
    app.result()
    app.follow("Open the dataset")
    app.wait_for_samples(12)
    app.filter("media_status", "ok")
    app.wait_for_samples(11)
    app.wait_until_drawn()
    app.open_dataset(no_dataset, 12)
    app.filter("media_status", "missing")
    app.wait_for_samples(1)


def test_images_are_uploaded_by_a_worker_that_tells_how_far_it_is(
    bucket: Sink, app: App, worker: None, demo_set: DemoSet, pictures: Path, tmp_path: Path
) -> None:
    images = images_in(demo_set.media_root / "train_images")
    catalog = tmp_path / "dataset_train.json"
    # Two at a time, half a second each: the upload takes long enough to be watched.
    with Origin(images, latency=0.5) as origin:
        gone = published(demo_set.train, origin, catalog)[0]
        del origin.images[gone]

        app.open_home()
        app.open_operator("FathomNet: upload images")
        app.browse("Annotations", catalog)
        app.choose("Split", "train")
        app.fill("Media root", "gs://deep-sea/fathomnet")
        app.wait_for_text("32 images are uploaded to gs://deep-sea/fathomnet/train_images")
        app.wait_until_ready()
        app.screenshot(pictures / "upload-form.png")
        app.fill("Connections", "2")
        app.tick("Allow private hosts")
        app.submit("Schedule")

        said: list[str] = []
        operation = newest_operation("upload_images")
        result = delegation.follow(operation, lambda share, label: said.append(label))
    under_way = [label for label in said if re.match(r"uploading \d+/32, 1 missing, ", label)]
    assert under_way, said
    assert result["total"] == 32
    assert (result["stored"], result["missing"]) == (31, 1)
    del images[gone]
    stored = {name: bucket.content(name) for name in bucket.objects}
    assert stored == {f"fathomnet/train_images/{name}": image for name, image in images.items()}


def test_what_stands_in_the_way_of_a_run_is_said(bucket: Sink, app: App, demo_set: DemoSet) -> None:
    app.open_home()
    app.open_operator("FathomNet: upload images")
    app.fill("Annotations", str(demo_set.test))
    app.choose("Split", "test")
    app.fill("Media root", "gs://no-such-bucket/fathomnet")
    app.submit("Execute")
    app.result()
    app.open_details()
    app.wait_for_text("finds no bucket no-such-bucket")
    app.close()
    assert not bucket.objects
