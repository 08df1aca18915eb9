"""A store that misbehaves keeps nothing damaged and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.files.places import place
from fathomnet_voxel51.media.gcs.store import check_bucket

from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.media.sink_faults import CORRUPT, LOST, answer
from tests.media.transfer.runs import FOLDER, ROOT, counts, download, in_bucket, outcomes, upload


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
        end="the run ends after some images, with the command that grants the right",
    )
    def test_a_store_that_refuses_to_write_ends_the_run_and_says_why(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [answer(403)] * 50 for name in images}
        with pytest.raises(SetupError, match=r"answers 403.*\ngcloud storage buckets add-iam"):
            upload(catalog)
        assert sum(origin.seen.requests.values()) <= 3 * len(images)
        sink.faults = {}
        assert counts(upload(catalog)) == {"stored": len(images)}

    def test_a_right_that_is_lacking_is_told_before_the_first_image(
        self, catalog: str, sink: Sink, origin: Origin
    ) -> None:
        sink.grants, sink.refused = True, {"storage.objects.create"}
        with pytest.raises(SetupError, match=r"lacks storage.objects.create.*\ngcloud storage"):
            upload(catalog)
        assert not origin.seen.requests

    def test_objects_without_a_checksum_in_the_listing_are_asked_for(
        self, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes], tmp_path: Path
    ) -> None:
        """Those that others put there, in a bucket whose keys are the customer's."""
        for name, content in images.items():
            sink.add(f"{FOLDER}/{name}", content)
            hidden = ("list",) if name < "06" else ("list", "get")
            sink.without_checksum[f"{FOLDER}/{name}"] = hidden
        assert counts(upload(catalog)) == {"present": len(images)}
        there = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(there) == {"stored": len(images)}

    def test_an_object_that_is_stored_compressed_is_told_as_such(
        self, catalog: str, sink: Sink, images: dict[str, bytes], tmp_path: Path
    ) -> None:
        for name, content in images.items():
            sink.add(f"{FOLDER}/{name}", content)
        sink.compressed = {f"{FOLDER}/05.png"}
        result = download(catalog, tmp_path / "m", source=ROOT)
        assert counts(result) == {"stored": len(images) - 1, "failed": 1}
        assert "Content-Encoding gzip" in str(outcomes(result)["05.png"]["reason"])

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket stores, and its answer is lost",
        end="each object is written once",
    )
    def test_an_answer_that_is_lost_after_storing_stores_nothing_twice(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [LOST] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images and set(sink.writes.values()) == {1}

    def test_a_store_that_damages_images_keeps_none_of_them(
        self, catalog: str, sink: Sink, images: dict[str, bytes]
    ) -> None:
        sink.faults = {f"{FOLDER}/{name}": [CORRUPT] for name in images}
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images

    @pytest.mark.fault(
        operator="upload_images",
        happens="the bucket's readers pay, and nobody is named who does",
        end="said before the first image, with the variable that names the project",
    )
    def test_a_bucket_whose_readers_pay_is_used_once_a_project_pays(
        self,
        catalog: str,
        sink: Sink,
        origin: Origin,
        images: dict[str, bytes],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Case B16."""
        sink.payers = {"the-lab"}
        with pytest.raises(SetupError, match=r"requester pays.*\n.*FATHOMNET_BILLING_PROJECT"):
            upload(catalog)
        assert not origin.seen.requests
        monkeypatch.setenv("FATHOMNET_BILLING_PROJECT", "another")
        with pytest.raises(SetupError, match=r"projects add-iam-policy-binding another .*Consumer"):
            upload(catalog)
        monkeypatch.setenv("FATHOMNET_BILLING_PROJECT", "the-lab")
        assert counts(upload(catalog)) == {"stored": len(images)}
        assert in_bucket(sink) == images
        assert counts(download(catalog, tmp_path / "m", source=ROOT)) == {"stored": len(images)}
        assert counts(upload(catalog)) == {"present": len(images)}

    def test_files_and_checks_of_such_a_bucket_say_so_too(
        self, sink: Sink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink.add("sets/train.json", b"{}")
        sink.payers = {"the-lab"}
        file = place(f"{ROOT.rpartition('/')[0]}/sets/train.json")
        with pytest.raises(OSError, match="FATHOMNET_BILLING_PROJECT"):
            file.read_bytes()
        (root,) = [check for check in check_bucket(ROOT) if check.name == "media root"]
        assert root.status == "fail" and "FATHOMNET_BILLING_PROJECT" in f"{root.detail} {root.fix}"
        monkeypatch.setenv("FATHOMNET_BILLING_PROJECT", "the-lab")
        assert file.read_bytes() == b"{}"
        (root,) = [check for check in check_bucket(ROOT) if check.name == "media root"]
        assert root.status == "ok"
