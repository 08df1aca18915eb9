"""What transfers have found out about images stands on their samples."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import fiftyone as fo
import pytest
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.media.ledger import Entry, Job, open_ledger

from tests.media.jobs import write_coco


def test_what_a_transfer_found_missing_or_rejected_is_marked_and_kept(
    tmp_path: Path, dataset_name: str
) -> None:
    names = ("there.png", "gone.png", "page.png", "never.png")
    catalog = write_coco(
        tmp_path / "coco.json", {name: f"https://images.example.org/{name}" for name in names}
    )
    digest = sha256(Path(catalog).read_bytes()).hexdigest()
    media = tmp_path / "media"
    (media / "train_images").mkdir(parents=True)

    def statuses() -> dict[str, str]:
        ingest_dataset(dataset_name, train_annotations=catalog, media_root=str(media))
        values = fo.load_dataset(dataset_name, reload=True).values(["file_name", "media_status"])
        return dict(zip(*values, strict=True))

    assert set(statuses().values()) == {"missing"}
    with open_ledger(Job("train", digest, "urls", str(media))) as ledger:
        ledger.record(Entry("gone.png", "missing", "404"))
        ledger.record(Entry("page.png", "rejected", "an HTML page"))
        ledger.record(Entry("never.png", "failed", "no answer"))
    (media / "train_images" / "there.png").write_bytes(b"an image")
    expected = {
        "there.png": "ok",
        "gone.png": "missing",
        "page.png": "rejected",
        "never.png": "missing",
    }
    assert statuses() == expected, "a dataset that is there already learns it too"
    fo.delete_dataset(dataset_name)
    assert statuses() == expected
    missing = fo.load_dataset(dataset_name).match(fo.ViewField("media_status") == "missing")
    assert missing.values("file_name") == ["gone.png", "never.png"]


def test_a_root_that_is_not_there_says_nothing_about_images(
    tmp_path: Path, dataset_name: str
) -> None:
    catalog = write_coco(tmp_path / "coco.json", {"a.png": "https://images.example.org/a.png"})
    media = tmp_path / "media"
    (media / "train_images").mkdir(parents=True)
    (media / "train_images" / "a.png").write_bytes(b"an image")
    assert ingest_dataset(dataset_name, catalog, media_root=str(media)).media_found == 1
    media.rename(tmp_path / "not mounted")
    result = ingest_dataset(dataset_name, catalog, media_root=str(media))
    assert (result.media_found, result.media_missing) == (0, 0)
    assert "0 of 1 image is" in result.notes[0] and "not there" in result.notes[0]
    assert fo.load_dataset(dataset_name).values("media_status") == ["ok"]


def test_what_is_in_a_bucket_is_known_from_its_ledger(
    tmp_path: Path, dataset_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
    root = "gs://deep-sea/fathomnet"
    catalog = write_coco(tmp_path / "coco.json", {"a.png": "https://images.example.org/a.png"})
    digest = sha256(Path(catalog).read_bytes()).hexdigest()
    with open_ledger(Job("test", digest, "urls", root)) as ledger:
        ledger.record(Entry("a.png", "stored", bytes=3, crc32c="AAAAAA=="))
    ingest_dataset(dataset_name, test_annotations=catalog, media_root=root)
    assert fo.load_dataset(dataset_name).values("media_status") == ["ok"]
