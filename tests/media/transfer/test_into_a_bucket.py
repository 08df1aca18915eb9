"""Images move into a bucket whole, once, and each is accounted for."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path

import google_crc32c
import pytest
from fathomnet_voxel51.media.ledger import Entry, Job, open_ledger
from fathomnet_voxel51.media.storage_transfer.job import emit_transfer_job

from tests.media import origin as replies
from tests.media.jobs import write_coco
from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.media.transfer.runs import FOLDER, ROOT, counts, in_bucket, outcomes, upload


class TestFromUrlsToABucket:
    def test_every_image_is_there_byte_for_byte(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        result = upload(catalog)
        assert counts(result) == {"stored": len(images)}
        assert result.bytes == sum(map(len, images.values()))
        assert in_bucket(sink) == images
        types = {name: stored.content_type for name, stored in sink.objects.items()}
        assert types[f"{FOLDER}/00.png"] == "image/png"
        assert types[f"{FOLDER}/deep/photo.jpg"] == "image/jpeg"

    def test_the_ledger_holds_the_digest_of_every_image(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        lines = outcomes(upload(catalog))
        for name, content in images.items():
            crc = google_crc32c.value(content).to_bytes(4, "big")
            assert lines[name]["outcome"] == "stored"
            assert lines[name]["bytes"] == len(content)
            assert lines[name]["crc32c"] == base64.b64encode(crc).decode()

    def test_a_second_run_asks_for_nothing(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        first = upload(catalog)
        ledger = Path(first.ledger).read_text()
        asked = origin.seen.requests.copy()
        again = upload(catalog)
        assert counts(again) == {"present": len(images)} and again.bytes == 0
        assert origin.seen.requests == asked
        assert set(sink.writes.values()) == {1}
        assert Path(first.ledger).read_text() == ledger

    def test_somebody_else_s_object_is_kept_where_it_is_the_image_and_replaced_where_not(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.add(f"{FOLDER}/00.png", images["00.png"])
        sink.add(f"{FOLDER}/01.png", images["01.png"][:-100])
        sink.add(f"{FOLDER}/02.png", bytes(len(images["02.png"])))
        result = upload(catalog)
        assert counts(result) == {"stored": len(images) - 1, "present": 1}
        assert in_bucket(sink) == images
        assert sink.writes[f"{FOLDER}/00.png"] == 0

    def test_shards_share_the_work_without_overlap(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        parts = [upload(catalog, shard=f"{number}/3") for number in (1, 2, 3)]
        assert sum(part.stored for part in parts) == sum(part.total for part in parts) == 13
        assert len({part.ledger for part in parts}) == 3
        assert in_bucket(sink) == images
        assert counts(upload(catalog)) == {"present": len(images)}

    def test_a_limit_takes_the_first_images_and_a_later_run_the_rest(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        assert counts(upload(catalog, limit=5)) == {"stored": 5}
        assert set(in_bucket(sink)) == set(list(images)[:5])
        assert counts(upload(catalog)) == {"present": 5, "stored": len(images) - 5}

    def test_no_more_connections_than_allowed(
        self, images: dict[str, bytes], sink: Sink, tmp_path: Path
    ) -> None:
        with Origin(images, latency=0.05) as origin:
            catalog = write_coco(tmp_path / "c.json", {name: origin.url(name) for name in images})
            upload(catalog, concurrency=3)
            assert origin.seen.most_at_once == 3
            assert origin.seen.connections == 3, "connections are used again"

    def test_progress_says_what_is_done_and_ends_with_a_summary(
        self, catalog: str, sink: Sink, origin: Origin
    ) -> None:
        origin.script["00.png"] = [replies.status(404)]
        labels: list[str] = []
        result = upload(catalog, progress=lambda share, label: labels.append(label))
        assert any(label.startswith("uploading ") and "/13" in label for label in labels)
        assert "12 stored" in labels[-1] and "1 missing" in labels[-1]
        assert str(Path(result.ledger).with_suffix(".not-stored.csv")) in labels[-1]


def test_a_transfer_job_lists_what_earlier_runs_have_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
    names = [f"{number}.png" for number in range(5)]
    catalog = write_coco(
        tmp_path / "coco.json", {name: f"https://images.example.org/d/{name}" for name in names}
    )
    job = Job("train", sha256(Path(catalog).read_bytes()).hexdigest(), "urls", ROOT)
    with open_ledger(job) as ledger:
        md5 = base64.b64encode(bytes(16)).decode()
        ledger.record(Entry("3.png", "stored", bytes=7, crc32c="AAAAAA==", md5=md5))
    made = emit_transfer_job(catalog, "train", ROOT)
    header, *lines = Path(made.lists[0]).read_text().splitlines()
    assert header == "TsvHttpData-1.0"
    assert [line.split("\t")[0].rpartition("/")[2] for line in lines] == names
    assert lines[3].split("\t")[1:] == ["7", md5]
    assert all(len(line.split("\t")) == 1 for line in lines[:3])
