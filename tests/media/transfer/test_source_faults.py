"""A source that misbehaves costs time, or the image concerned and no other."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import SetupError
from PIL import Image

from tests.media import origin as replies
from tests.media.jobs import QUICK, write_coco
from tests.media.origin import Origin, Reply
from tests.media.sink import Sink
from tests.media.transfer.runs import (
    FOLDER,
    counts,
    download,
    in_bucket,
    in_folder,
    outcomes,
    upload,
)


def still(form: str) -> bytes:
    encoded = io.BytesIO()
    Image.effect_noise((60, 40), 80).convert("RGB").save(encoded, form)
    return encoded.getvalue()


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
        assert origin.seen.requests["05.png"] == 2

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
            (replies.status(401), "failed", "401"),
            (replies.other(b"GIF89a" + bytes(500)), "rejected", "GIF"),
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
        origin.script["05.png"] = [replies.html()] * 2
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


AS_THEY_COME = {
    "a text's header": Reply(headers=(("Content-Type", "text/html"),)),
    "an encoding's header": Reply(headers=(("Content-Encoding", "gzip"),)),
    "no length": replies.no_length(),
    "a JPEG with a trailer": replies.other(replies.jpeg(90) + b"<x:xmpmeta>" + bytes(70_000)),
    "a padded PNG": replies.other(replies.png(5_000) + bytes(512)),
    "a TIFF": replies.other(still("TIFF")),
    "a WebP": replies.other(still("WEBP")),
    "a BMP": replies.other(still("BMP")),
}


@pytest.mark.parametrize("reply", AS_THEY_COME.values(), ids=AS_THEY_COME.keys())
def test_what_is_an_image_is_stored_as_it_comes_at_the_first_request(
    reply: Reply, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
) -> None:
    origin.script["05.png"] = [reply]
    result = upload(catalog)
    assert counts(result) == {"stored": len(images)}
    assert in_bucket(sink)["05.png"] == (images["05.png"] if reply.body is None else reply.body)
    assert origin.seen.requests["05.png"] == 1
    follows = re.search(
        r"[\d,]+ bytes follow the end", str(outcomes(result)["05.png"].get("reason"))
    )
    assert bool(follows) == (reply.body is not None and b"\0" * 512 in reply.body[-512:])


def test_the_same_bytes_twice_are_what_the_source_has(
    catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
) -> None:
    cut_off, damaged = images["05.png"][:-100], images["06.png"][:40] + bytes(30_000)
    page = replies.HTML + bytes(range(32, 127)) * 20
    origin.script = {
        "05.png": [replies.other(cut_off)] * 9,
        "06.png": [replies.other(damaged)] * 9,
        "07.png": [replies.other(page + bytes([n])) for n in range(9)],
        "08.png": [replies.other(cut_off[: -n - 1]) for n in range(9)],
    }
    result = download(catalog, tmp_path / "m")
    assert counts(result) == {"stored": len(images) - 4, "rejected": 4}
    asked = [origin.seen.requests[f"0{n}.png"] for n in (5, 6, 7, 8)]
    assert asked == [2, 2, 2, QUICK.attempts], "what differs each time may come whole at last"


def test_what_is_no_image_is_final_when_the_source_says_it_again(
    catalog: str, tmp_path: Path, origin: Origin, images: dict[str, bytes]
) -> None:
    origin.script = {
        "05.png": [replies.empty()] * 9,
        "06.png": [replies.status(206)] * 9,
        "07.png": [replies.gzipped()] * 9,
        "08.png": [replies.empty(), replies.html(), replies.empty()],
    }
    result = download(catalog, tmp_path / "m")
    assert counts(result) == {"stored": len(images) - 3, "rejected": 3}
    assert [origin.seen.requests[f"0{n}.png"] for n in (5, 6, 7, 8)] == [2, 2, 2, 4]


@pytest.mark.fault(
    operator="upload_images",
    happens="a source asks for a login, for every image",
    end="the run ends after some images and says how to name a login; nothing is lost",
)
@pytest.mark.parametrize("status", [401, 403])
def test_a_source_that_lets_nobody_in_ends_the_run(
    status: int, catalog: str, sink: Sink, origin: Origin, images: dict[str, bytes]
) -> None:
    origin.script = {name: [replies.status(status)] * 50 for name in images}
    with pytest.raises(SetupError, match=rf"answers {status}.*\n.*FATHOMNET_LOGINS"):
        upload(catalog)
    assert sum(origin.seen.requests.values()) <= 3 * len(images)
    origin.script = {}
    assert counts(upload(catalog)) == {"stored": len(images)}


def test_what_is_there_is_present_where_its_source_cannot_be_reached(
    catalog: str, tmp_path: Path, images: dict[str, bytes], origin: Origin
) -> None:
    folder = tmp_path / "m" / "train_images"
    for name, content in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    nobody = write_coco(tmp_path / "gone.json", {n: "http://nowhere.invalid/" + n for n in images})
    result = download(nobody, tmp_path / "m")
    assert counts(result) == {"present": len(images)}
    said = {str(entry["reason"]) for entry in outcomes(result).values()}
    assert said == {"not compared: its source does not answer"}
    assert in_folder(tmp_path / "m") == images


def test_the_number_of_tries_is_the_policy_s(catalog: str, tmp_path: Path, origin: Origin) -> None:
    origin.script["05.png"] = [replies.status(500)] * 20
    result = download(catalog, tmp_path / "m", policy=replace(QUICK, attempts=3))
    assert outcomes(result)["05.png"]["attempts"] == 3
    assert origin.seen.requests["05.png"] == 3
