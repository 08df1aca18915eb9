"""Images move whole, once, and each is accounted for; over real HTTP into real stores."""

from __future__ import annotations

import base64
import csv
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import google_crc32c
import pytest
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.ledger import Entry, Job, open_ledger
from fathomnet_voxel51.transfer import (
    TransferResult,
    download_images,
    upload_images,
)
from fathomnet_voxel51.transfer_lists import emit_transfer_job

from tests.media import origin as replies
from tests.media.jobs import QUICK, write_coco
from tests.media.origin import Origin, Reply, jpeg, png
from tests.media.sink import BUCKET, Sink
from tests.media.sink_faults import answer

ROOT = f"gs://{BUCKET}/fathomnet"
FOLDER = "fathomnet/train_images"


@pytest.fixture
def images() -> dict[str, bytes]:
    made = {f"{number:02d}.png": png(20_000 + 997 * number, number) for number in range(12)}
    return made | {"deep/photo.jpg": jpeg(128, 5)}


@pytest.fixture
def origin(images: dict[str, bytes]) -> Iterator[Origin]:
    with Origin(images) as server:
        yield server


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sink]:
    with Sink() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path / "ledgers"))
        yield server


@pytest.fixture
def catalog(origin: Origin, images: dict[str, bytes], tmp_path: Path) -> str:
    return write_coco(tmp_path / "coco.json", {name: origin.url(name) for name in images})


def upload(catalog: str, root: str = ROOT, **options: object) -> TransferResult:
    values = {"allow_private_hosts": True, "policy": QUICK} | options
    return upload_images(catalog, "train", root, **values)


def upload_as(catalog: str, endpoint: str, ledgers: str) -> TransferResult:
    """Another person's upload, from a process and with ledgers of their own."""
    os.environ.update(STORAGE_EMULATOR_HOST=endpoint, FATHOMNET_LEDGERS=ledgers)
    return upload(catalog)


def download(catalog: str, folder: Path, **options: object) -> TransferResult:
    values = {"allow_private_hosts": True, "policy": QUICK} | options
    return download_images(catalog, "train", str(folder), **values)


def counts(result: TransferResult) -> dict[str, int]:
    named = ("stored", "present", "missing", "rejected", "failed")
    found = {name: getattr(result, name) for name in named if getattr(result, name)}
    assert sum(found.values()) == result.total
    return found


def in_bucket(sink: Sink) -> dict[str, bytes]:
    return {name.removeprefix(f"{FOLDER}/"): sink.content(name) for name in sink.objects}


def in_folder(root: Path) -> dict[str, bytes]:
    folder = root / "train_images"
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def outcomes(result: TransferResult) -> dict[str, dict[str, object]]:
    lines = map(json.loads, Path(result.ledger).read_text().splitlines()[1:])
    return {line["name"]: line for line in lines}


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

    @pytest.mark.fault(
        operator="upload_images",
        happens="the ledger is lost",
        end="nothing is moved again",
    )
    def test_a_lost_ledger_costs_nothing_but_itself(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        Path(upload(catalog).ledger).unlink()
        asked = origin.seen.requests.copy()
        assert counts(upload(catalog)) == {"present": len(images)}
        assert origin.seen.requests == asked

    def test_what_vanished_from_the_bucket_is_stored_again(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        upload(catalog)
        del sink.objects[f"{FOLDER}/03.png"]
        sink._names.remove(f"{FOLDER}/03.png")
        assert counts(upload(catalog)) == {"stored": 1, "present": len(images) - 1}
        assert in_bucket(sink) == images

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

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket stores, and its answer is lost",
        end="each object is written once",
    )
    def test_an_answer_that_is_lost_after_storing_stores_nothing_twice(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        from tests.media.sink_faults import LOST

        sink.faults = {f"{FOLDER}/{name}": [LOST] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images and set(sink.writes.values()) == {1}

    def test_a_store_that_damages_images_keeps_none_of_them(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        from tests.media.sink_faults import CORRUPT

        sink.faults = {f"{FOLDER}/{name}": [CORRUPT] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images

    @pytest.mark.fault(
        operator="upload_images",
        happens="two people upload the same images at once",
        end="each object is written once, and nobody fails",
    )
    def test_two_people_at_once_store_every_image_once(
        self, catalog: str, sink: Sink, images: dict[str, bytes], tmp_path: Path
    ) -> None:
        people = [(catalog, sink.url, str(tmp_path / name)) for name in ("one", "two")]
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            one, two = pool.map(upload_as, *zip(*people, strict=True))
        assert one.stored + two.stored == len(images)
        assert one.failed + two.failed == 0
        assert set(sink.writes.values()) == {1} and in_bucket(sink) == images

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

    def test_a_bucket_that_is_not_there_is_told_at_once(
        self, catalog: str, sink: Sink, origin: Origin
    ) -> None:
        with pytest.raises(SetupError, match="no-such-bucket"):
            upload(catalog, "gs://no-such-bucket/x")
        assert not origin.seen.requests


PASSING = {
    "403 once": replies.status(403),
    "408": replies.status(408),
    "429 with Retry-After": replies.status(429, **{"Retry-After": "0"}),
    "500": replies.status(500),
    "502": replies.status(502),
    "503": replies.status(503),
    "reset": replies.reset(),
    "reset in the middle": replies.reset(0.5),
    "stall": replies.stall(),
    "stall in the middle": replies.stall(0.5),
    "truncated": replies.truncated(),
    "too short a length": replies.wrong_length(-10),
    "too long a length": replies.wrong_length(10),
    "HTML with 200": replies.html(),
    "empty": replies.empty(),
    "gzip": replies.gzipped(),
    "no length": replies.no_length(),
}


class TestASourceThatMisbehaves:
    @pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
    def test_what_passes_costs_nothing_but_time(
        self, reply: Reply, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [reply]
        result = upload(catalog)
        assert counts(result) == {"stored": len(images)}
        assert in_bucket(sink) == images
        assert outcomes(result)["05.png"]["attempts"] >= 2 or "429" in str(reply) or "503"

    @pytest.mark.fault(
        operator="upload_images",
        happens="a source answers 404, 403, 500, HTML as PNG, too few bytes or none, for ever",
        end="that image alone is missing, rejected or failed, and listed with the reason",
    )
    @pytest.mark.parametrize(
        ("reply", "outcome", "words"),
        [
            (replies.status(404), "missing", "404"),
            (replies.status(410), "missing", "410"),
            (replies.status(403), "failed", "403"),
            (replies.status(500), "failed", "500"),
            (replies.status(451), "failed", "451"),
            (replies.reset(0.5), "failed", ""),
            (replies.truncated(), "failed", ""),
            (replies.html(), "rejected", "HTML"),
            (replies.empty(), "rejected", ""),
            (replies.wrong_length(-10), "rejected", ""),
            (replies.gzipped(), "rejected", "compressed"),
            (replies.no_length(), "rejected", "long"),
            (replies.redirect("ftp://elsewhere/x.png"), "rejected", "http"),
            (replies.redirect("file:///etc/passwd"), "rejected", "http"),
        ],
        ids=str,
    )
    def test_what_lasts_costs_that_image_only_and_is_listed(
        self,
        reply: Reply,
        outcome: str,
        words: str,
        catalog: str,
        sink: Sink,
        origin: Origin,
        images: dict[str, bytes],
    ) -> None:
        origin.script["05.png"] = [reply] * 40
        result = upload(catalog)
        assert counts(result) == {"stored": len(images) - 1, outcome: 1}
        assert "05.png" not in in_bucket(sink)
        with Path(result.ledger).with_suffix(".not-stored.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["file_name"], row["outcome"]) == ("05.png", outcome)
        assert words.lower() in row["reason"].lower() and row["reason"]

    def test_a_rerun_tries_again_what_may_have_healed(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [replies.html()] * QUICK.attempts
        origin.script["06.png"] = [replies.status(500)] * QUICK.attempts
        assert counts(upload(catalog)) == {"stored": 11, "rejected": 1, "failed": 1}
        assert counts(upload(catalog)) == {"present": 11, "stored": 2}
        assert in_bucket(sink) == images

    def test_a_missing_image_is_a_tombstone_until_a_recheck(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [replies.status(404)]
        result = upload(catalog)
        assert counts(result) == {"stored": 12, "missing": 1}
        assert outcomes(result)["05.png"]["time"].startswith("20")
        asked = origin.seen.requests["05.png"]
        assert counts(upload(catalog)) == {"present": 12, "missing": 1}
        assert origin.seen.requests["05.png"] == asked == 1
        assert counts(upload(catalog, recheck=True)) == {"present": 12, "stored": 1}

    @pytest.mark.fault(
        operator="upload_images",
        happens="the source refuses every image for a while",
        end="every image is stored",
    )
    def test_an_origin_that_refuses_everybody_for_a_while_costs_no_image(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        busy = replies.status(503)
        origin.script = {name: [busy] * 4 for name in images}
        result = upload(catalog, policy=replace(QUICK, attempts=2))
        assert counts(result) == {"stored": len(images)}, "more refusals than tries"

    def test_another_image_s_bytes_under_the_name_are_replaced_once_the_source_is_right(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        sink.add(f"{FOLDER}/05.png", images["06.png"])
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images


class TestAStoreThatMisbehaves:
    @pytest.mark.parametrize(
        "fault",
        [answer(403), answer(408), answer(429, "0"), answer(500), answer(502), answer(503)],
        ids=str,
    )
    def test_what_passes_costs_nothing_but_time(
        self, fault: object, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [fault] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images and set(sink.writes.values()) == {1}

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket refuses every image for ever",
        end="every image is failed, with the reason",
    )
    def test_a_store_that_refuses_to_write_fails_every_image_and_says_why(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [answer(403)] * 20 for name in images}
        result = upload(catalog)
        assert counts(result) == {"failed": len(images)}
        assert "403" in str(outcomes(result)["05.png"]["reason"])


class TestIntoAFolder:
    def test_from_urls_byte_for_byte_and_not_again(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        assert counts(download(catalog, tmp_path / "m")) == {"stored": len(images)}
        assert in_folder(tmp_path / "m") == images
        asked = origin.seen.requests.copy()
        assert counts(download(catalog, tmp_path / "m")) == {"present": len(images)}
        assert counts(upload(catalog, str(tmp_path / "m"))) == {"present": len(images)}
        assert origin.seen.requests == asked

    def test_from_the_bucket(
        self, catalog: str, sink: Sink, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [replies.status(404)]
        upload(catalog)
        asked = origin.seen.requests.copy()
        result = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(result) == {"stored": len(images) - 1, "missing": 1}
        assert in_folder(tmp_path / "m") == {n: c for n, c in images.items() if n != "05.png"}
        assert origin.seen.requests == asked
        again = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(again) == {"present": len(images) - 1, "missing": 1}

    def test_what_somebody_downloaded_before_is_compared_and_kept(
        self, catalog: str, tmp_path: Path, images: dict[str, bytes]
    ) -> None:
        folder = tmp_path / "m" / "train_images"
        folder.mkdir(parents=True)
        (folder / "00.png").write_bytes(images["00.png"])
        (folder / "01.png").write_bytes(images["01.png"][:5_000])
        before = (folder / "00.png").stat().st_ino
        result = download(catalog, tmp_path / "m")
        assert counts(result) == {"present": 1, "stored": len(images) - 1}
        assert in_folder(tmp_path / "m") == images
        assert (folder / "00.png").stat().st_ino == before

    @pytest.mark.fault(
        operator="download_images",
        happens="a file that was downloaded is changed since",
        end="noticed, and fetched again",
    )
    def test_a_file_that_was_changed_since_is_noticed_and_fetched_again(
        self, catalog: str, tmp_path: Path, images: dict[str, bytes]
    ) -> None:
        download(catalog, tmp_path / "m")
        path = tmp_path / "m" / "train_images" / "02.png"
        path.write_bytes(bytes(len(images["02.png"])))
        touched = tmp_path / "m" / "train_images" / "03.png"
        os.utime(touched, (1, 1))
        assert counts(download(catalog, tmp_path / "m")) == {
            "present": len(images) - 1,
            "stored": 1,
        }
        assert in_folder(tmp_path / "m") == images

    @pytest.mark.fault(
        operator="download_images",
        happens="a source always breaks off in the middle of an image",
        end="that image is failed and no part of it is left",
    )
    def test_a_failing_image_leaves_nothing_behind(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        origin.script["05.png"] = [replies.truncated()] * 20
        assert counts(download(catalog, tmp_path / "m"))["failed"] == 1
        assert set(in_folder(tmp_path / "m")) == set(images) - {"05.png"}

    def test_an_image_that_its_source_has_lost_since_stays(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        folder = tmp_path / "m" / "train_images"
        folder.mkdir(parents=True)
        (folder / "05.png").write_bytes(images["05.png"])
        origin.script["05.png"] = [replies.status(404)] * 20
        assert counts(download(catalog, tmp_path / "m")) == {"present": 1, "stored": 12}
        assert in_folder(tmp_path / "m") == images


class TestSafety:
    def test_private_hosts_are_refused_unless_allowed(
        self, catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
    ) -> None:
        result = download(catalog, tmp_path / "m", allow_private_hosts=False)
        assert counts(result) == {"rejected": len(images)}
        assert "public internet" in str(outcomes(result)["00.png"]["reason"])
        assert not origin.seen.requests
        assert outcomes(result)["00.png"]["attempts"] == 1

    def test_no_signature_is_written_down(
        self, origin: Origin, images: dict[str, bytes], tmp_path: Path
    ) -> None:
        urls = {
            name: f"{origin.url(name)}?X-Goog-Signature=secret{n}" for n, name in enumerate(images)
        }
        origin.script["05.png"] = [replies.html()] * 20
        catalog = write_coco(tmp_path / "coco.json", urls)
        labels: list[str] = []
        download(catalog, tmp_path / "m", progress=lambda share, label: labels.append(label))
        written = [path.read_bytes() for path in (tmp_path / "m" / "ledgers").iterdir()]
        assert not any(b"secret" in text for text in written)
        assert not any("secret" in label for label in labels)

    @pytest.mark.parametrize("name", ["../x.png", "/etc/x.png", "a/../../x.png", "..\\x.png"])
    def test_names_that_would_leave_the_folder_are_refused_before_anything_moves(
        self, name: str, origin: Origin, tmp_path: Path
    ) -> None:
        catalog = write_coco(tmp_path / "coco.json", {name: origin.url("00.png")})
        with pytest.raises(InputError, match="file_name"):
            download(catalog, tmp_path / "m")
        assert not (tmp_path / "m").exists() and not origin.seen.requests

    def test_a_link_that_leads_out_of_the_folder_is_not_followed(
        self, catalog: str, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (tmp_path / "m" / "train_images").mkdir(parents=True)
        (tmp_path / "m" / "train_images" / "deep").symlink_to(outside)
        assert counts(download(catalog, tmp_path / "m")) == {"stored": 12, "rejected": 1}
        assert not list(outside.iterdir())


class TestWrongParameters:
    @pytest.mark.parametrize(
        ("values", "place"),
        [
            ({"split": "val"}, "split"),
            ({"media_root": ""}, "media_root"),
            ({"media_root": "s3://bucket/x"}, "media_root"),
            ({"media_root": "gs://UPPER/x"}, "media_root"),
            ({"annotations": ""}, "annotations"),
            ({"limit": 0}, "limit"),
            ({"concurrency": 0}, "concurrency"),
            ({"shard": "5"}, "shard"),
            ({"shard": "5/4"}, "shard"),
            ({"shard": "a/b"}, "shard"),
        ],
    )
    def test_are_named_before_anything_moves(
        self, values: dict[str, object], place: str, catalog: str, tmp_path: Path
    ) -> None:
        given = {"annotations": catalog, "split": "train", "media_root": str(tmp_path / "m")}
        with pytest.raises(InputError, match=place):
            upload_images(**given | values)
        assert not (tmp_path / "m").exists()

    def test_a_bucket_is_no_destination_of_a_download(self, catalog: str) -> None:
        with pytest.raises(InputError, match="destination"):
            download_images(catalog, "train", "gs://bucket/x")

    def test_a_source_is_urls_or_a_bucket(self, catalog: str, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="source"):
            download_images(catalog, "train", str(tmp_path / "m"), source=str(tmp_path))

    def test_an_image_without_a_url_is_told(self, tmp_path: Path) -> None:
        catalog = write_coco(tmp_path / "coco.json", {"a.png": ""})
        result = download(catalog, tmp_path / "m")
        assert counts(result) == {"failed": 1}
        assert "URL" in str(outcomes(result)["a.png"]["reason"])


@pytest.mark.fault(
    operator="download_images",
    happens="a second run begins on the same job while the first is at work",
    end="the second says so and moves nothing; the first moves every image",
)
def test_a_run_at_work_keeps_others_from_its_job(images: dict[str, bytes], tmp_path: Path) -> None:
    with Origin(images, latency=0.3) as origin:
        catalog = write_coco(tmp_path / "c.json", {name: origin.url(name) for name in images})
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(download, catalog, tmp_path / "m", concurrency=1)
            while not origin.seen.requests:
                time.sleep(0.01)
            with pytest.raises(SetupError, match="another run"):
                download(catalog, tmp_path / "m")
            assert counts(first.result()) == {"stored": len(images)}


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


def test_the_number_of_tries_is_the_policy_s(catalog: str, tmp_path: Path, origin: Origin) -> None:
    origin.script["05.png"] = [replies.status(500)] * 20
    result = download(catalog, tmp_path / "m", policy=replace(QUICK, attempts=3))
    assert outcomes(result)["05.png"]["attempts"] == 3
    assert origin.seen.requests["05.png"] == 3
