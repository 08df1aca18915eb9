"""What others do beside a run, or between two runs, neither loses an image nor moves one twice."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.transfer import TransferResult

from tests.media.jobs import write_coco
from tests.media.origin import Origin
from tests.media.sink import Sink
from tests.media.transfer.runs import FOLDER, counts, download, in_bucket, in_folder, upload

Move = Callable[[str], TransferResult]
Stored = Callable[[], dict[str, bytes]]


def upload_as(catalog: str, endpoint: str, ledgers: str) -> TransferResult:
    """Another person's upload, from a process and with ledgers of their own."""
    os.environ.update(STORAGE_EMULATOR_HOST=endpoint, FATHOMNET_LEDGERS=ledgers)
    return upload(catalog)


class TestBetweenTwoRuns:
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


class _IntoAStore:
    @pytest.fixture(params=["bucket", "folder"])
    def move(self, request: pytest.FixtureRequest, tmp_path: Path) -> Move:
        if request.param == "folder":
            return lambda catalog: download(catalog, tmp_path / "m")
        request.getfixturevalue("sink")
        return upload

    @pytest.fixture
    def there(self, request: pytest.FixtureRequest, move: Move, tmp_path: Path) -> Stored:
        if move is upload:
            sink = request.getfixturevalue("sink")
            return lambda: in_bucket(sink)
        return lambda: in_folder(tmp_path / "m")

    @pytest.fixture
    def urls(self, origin: Origin, images: dict[str, bytes]) -> dict[str, str]:
        return {name: origin.url(name) for name in images}


class TestTheAnnotationsFileWasCorrected(_IntoAStore):
    """Case B22, and its kind: the images are the same, or some have other URLs."""

    def test_no_image_is_read_again_where_only_the_file_is_new(
        self, catalog: str, move: Move, there: Stored, urls: dict[str, str], origin: Origin
    ) -> None:
        move(catalog)
        before, asked = there(), origin.seen.requests.copy()
        with Path(catalog).open("a") as file:
            file.write("\n")
        assert counts(move(catalog)) == {"present": len(urls)}
        assert origin.seen.requests == asked and there() == before

    def test_an_image_whose_url_was_corrected_is_fetched_again_and_no_other(
        self, catalog: str, move: Move, there: Stored, urls: dict[str, str], origin: Origin
    ) -> None:
        move(catalog)
        before, asked = there(), origin.seen.requests.copy()
        write_coco(Path(catalog), urls | {"02.png": origin.url("07.png")})
        assert counts(move(catalog)) == {"stored": 1, "present": len(urls) - 1}
        assert there() == before | {"02.png": before["07.png"]}
        assert origin.seen.requests - asked == Counter({"07.png": 1})
        assert counts(move(catalog)) == {"present": len(urls)}

    def test_a_missing_image_is_asked_for_at_its_corrected_url(
        self, catalog: str, move: Move, there: Stored, urls: dict[str, str], origin: Origin
    ) -> None:
        write_coco(Path(catalog), urls | {"02.png": origin.url("typing-error.png")})
        assert counts(move(catalog)) == {"missing": 1, "stored": len(urls) - 1}
        write_coco(Path(catalog), urls)
        assert counts(move(catalog)) == {"stored": 1, "present": len(urls) - 1}
        assert set(there()) == set(urls)

    def test_a_corrected_url_without_an_image_is_missing_whatever_is_stored(
        self, catalog: str, move: Move, there: Stored, urls: dict[str, str], origin: Origin
    ) -> None:
        move(catalog)
        before = there()
        write_coco(Path(catalog), urls | {"02.png": origin.url("nowhere.png")})
        for _ in range(3):
            assert counts(move(catalog)) == {"missing": 1, "present": len(urls) - 1}
        assert there() == before
        write_coco(Path(catalog), urls)
        assert move(catalog).missing == 0


class TestASplitHasSeveralFiles(_IntoAStore):
    """Case A06 on the move: the files of a split may have no image in common."""

    @pytest.fixture
    def parts(self, tmp_path: Path, urls: dict[str, str]) -> tuple[str, str]:
        names = sorted(urls)
        one, other = ({name: urls[name] for name in part} for part in (names[:3], names[3:]))
        return write_coco(tmp_path / "1.json", one), write_coco(tmp_path / "2.json", other)

    def test_one_after_the_other_they_go_into_one_ledger(
        self,
        parts: tuple[str, str],
        move: Move,
        there: Stored,
        urls: dict[str, str],
        origin: Origin,
    ) -> None:
        one, other = map(move, parts)
        assert one.ledger == other.ledger
        assert (counts(one), counts(other)) == ({"stored": 3}, {"stored": len(urls) - 3})
        asked, before = origin.seen.requests.copy(), there()
        assert set(before) == set(urls)
        assert [move(path).present for path in (*parts, *parts)] == [3, len(urls) - 3] * 2
        assert move("\n".join(parts)).present == len(urls)
        assert origin.seen.requests == asked and there() == before

    def test_together_they_are_one_job_that_goes_on_where_one_began(
        self,
        parts: tuple[str, str],
        move: Move,
        there: Stored,
        urls: dict[str, str],
        origin: Origin,
    ) -> None:
        move(parts[1])
        write_coco(Path(parts[0]), {"01.png": origin.url("nowhere.png")})
        result = move("\n".join(parts))
        assert counts(result) == {"missing": 1, "present": len(urls) - 3}
        listed = Path(result.ledger).with_suffix(".not-stored.csv").read_text().splitlines()
        assert [line.split(",")[0] for line in listed[1:]] == ["01.png"]
        assert set(there()) == set(sorted(urls)[3:])


class TestTwoRunsAtOnce:
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
