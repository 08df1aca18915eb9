"""The ledger: what was recorded is there after any kill, and another job's is refused."""

from __future__ import annotations

import csv
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.media.ledger import (
    Entry,
    Job,
    known_outcomes,
    open_ledger,
    source_of,
    write_not_stored,
)

STORED = Entry("a.png", "stored", bytes=5, crc32c="AAAAAA==", generation=7, attempts=1)
GONE = Entry("b.png", "missing", "the source answered 404", attempts=1)


def job(root: Path, **changes: str) -> Job:
    values = {"split": "train", "annotations_sha256": "ab12", "source": "urls", "shard": ""}
    return Job(destination=str(root), **values | changes)


def recorded(*entries: Entry, into: Job) -> Path:
    with open_ledger(into) as ledger:
        for entry in entries:
            ledger.record(entry)
        return ledger.path


def without_time(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__slots__ if name != "time"}


def test_what_was_recorded_is_there_when_the_ledger_is_opened_again(tmp_path: Path) -> None:
    path = recorded(STORED, GONE, into=job(tmp_path))
    assert path == tmp_path / "ledgers" / "train_images.jsonl"
    with open_ledger(job(tmp_path)) as ledger:
        assert without_time(ledger.entries["a.png"]) == without_time(STORED)
        assert without_time(ledger.entries["b.png"]) == without_time(GONE)
        assert ledger.entries["b.png"].time.endswith("+00:00")


def test_a_person_can_read_it(tmp_path: Path) -> None:
    header, first, second = map(
        json.loads, recorded(STORED, GONE, into=job(tmp_path)).read_text().splitlines()
    )
    assert header["split"] == "train" and header["annotations_sha256"] == "ab12"
    assert (first["name"], first["outcome"], first["bytes"]) == ("a.png", "stored", 5)
    assert second["reason"] == "the source answered 404" and "bytes" not in second


def test_the_last_of_several_entries_counts(tmp_path: Path) -> None:
    recorded(Entry("a.png", "failed", "no answer"), STORED, into=job(tmp_path))
    with open_ledger(job(tmp_path)) as ledger:
        assert ledger.entries["a.png"].outcome == "stored"


@pytest.mark.fault(
    operator="upload_images",
    happens="the last line of the ledger is cut off, anywhere",
    end="as if it had never been written; the others count",
)
@pytest.mark.parametrize("kept", range(1, 40))
def test_a_line_that_was_cut_off_is_as_if_it_had_never_been_written(
    tmp_path: Path, kept: int
) -> None:
    path = recorded(STORED, GONE, into=job(tmp_path))
    content = path.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(content[: last + kept])
    recorded(Entry("c.png", "failed"), into=job(tmp_path))
    with open_ledger(job(tmp_path)) as ledger:
        assert set(ledger.entries) == {"a.png", "c.png"}


def test_a_ledger_whose_first_line_was_cut_off_begins_again(tmp_path: Path) -> None:
    path = recorded(into=job(tmp_path))
    path.write_bytes(path.read_bytes()[:20])
    recorded(STORED, into=job(tmp_path))
    with open_ledger(job(tmp_path)) as ledger:
        assert set(ledger.entries) == {"a.png"}


@pytest.mark.parametrize(
    ("changes", "place"),
    [({"annotations_sha256": "cd34"}, "annotations_sha256"), ({"source": "other"}, "source")],
)
def test_a_ledger_of_another_job_is_refused_with_what_differs(
    tmp_path: Path, changes: dict[str, str], place: str
) -> None:
    path = recorded(STORED, into=job(tmp_path))
    before = path.read_bytes()
    with pytest.raises(InputError, match=place), open_ledger(job(tmp_path, **changes)):
        pass
    assert path.read_bytes() == before


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    path = recorded(STORED, into=job(tmp_path))
    path.write_text(path.read_text().replace('"version": 2', '"version": 3'))
    with pytest.raises(InputError, match="version 3"), open_ledger(job(tmp_path)):
        pass


def old_ledger(root: Path) -> Path:
    """A ledger as version 1 wrote it, literally: its entries name no URL."""
    path = job(root).ledger
    path.parent.mkdir()
    header = {"format": "fathomnet-voxel51 transfer ledger", "version": 1}
    header |= job(root).header() | {"version": 1}
    line = {"time": "2025-05-01T12:00:00+00:00", "name": "a.png", "outcome": "stored"}
    line |= {"bytes": 5, "crc32c": "AAAAAA==", "generation": 7, "attempts": 1}
    path.write_text(json.dumps(header) + "\n" + json.dumps(line) + "\n")
    return path


def test_a_ledger_of_the_first_version_goes_on_for_the_same_file(tmp_path: Path) -> None:
    old_ledger(tmp_path)
    with open_ledger(job(tmp_path), {"a.png": source_of("https://x/a")}) as ledger:
        assert ledger.entries["a.png"].digest is not None
        ledger.record(GONE)
    known = known_outcomes(str(tmp_path), "train", "ab12", {"a.png": source_of("https://x/a")})
    assert known["a.png"].outcome == "stored"


def test_a_ledger_of_the_first_version_is_refused_for_a_corrected_file(tmp_path: Path) -> None:
    path = old_ledger(tmp_path)
    before, sources = path.read_bytes(), {"a.png": source_of("https://x/a")}
    corrected = job(tmp_path, annotations_sha256="cd34")
    with pytest.raises(InputError, match="0 are known"), open_ledger(corrected, sources):
        pass
    assert path.read_bytes() == before


URLS = {f"{name}.png": f"https://ocean.example/{name}.png" for name in "abcd"}


def hashed(urls: dict[str, str]) -> dict[str, str]:
    return {name: source_of(url) for name, url in urls.items()}


def recorded_with_urls(root: Path) -> Path:
    entries = (
        Entry(name, "stored", bytes=5, crc32c="AAAAAA==", generation=7, source=source)
        for name, source in hashed(URLS).items()
    )
    return recorded(*entries, into=job(root))


def test_a_ledger_goes_on_when_the_annotations_file_was_corrected(tmp_path: Path) -> None:
    path = recorded_with_urls(tmp_path)
    before = path.read_bytes()
    now = hashed(URLS | {"b.png": "https://ocean.example/right.png"})
    corrected = job(tmp_path, annotations_sha256="cd34")
    with open_ledger(corrected, now) as ledger:
        assert set(ledger.entries) == set(URLS)
    assert path.read_bytes().startswith(before)
    assert set(known_outcomes(str(tmp_path), "train", "cd34", now)) == set(URLS) - {"b.png"}
    # and back: what is known of a URL stays known
    with open_ledger(job(tmp_path), hashed(URLS)) as ledger:
        assert set(ledger.entries) == set(URLS)
    assert set(known_outcomes(str(tmp_path), "train", "ab12", hashed(URLS))) == set(URLS)


def test_outcomes_are_known_for_a_corrected_file_before_anything_moves(tmp_path: Path) -> None:
    recorded_with_urls(tmp_path)
    now = hashed(URLS | {"b.png": "https://ocean.example/right.png"})
    assert set(known_outcomes(str(tmp_path), "train", "cd34", now)) == set(URLS) - {"b.png"}


def test_a_file_of_another_set_with_the_same_names_is_refused(tmp_path: Path) -> None:
    path = recorded_with_urls(tmp_path)
    before = path.read_bytes()
    others = hashed({name: f"https://other.example/{name}" for name in URLS})
    other = job(tmp_path, annotations_sha256="cd34")
    with pytest.raises(InputError, match=r"4 images.*0 are known"), open_ledger(other, others):
        pass
    assert path.read_bytes() == before


MORE = {f"{name}.png": f"https://ocean.example/{name}.png" for name in "wxyz"}


def test_a_further_file_of_a_split_goes_on_in_the_same_ledger_and_back(tmp_path: Path) -> None:
    path = recorded_with_urls(tmp_path)
    further = job(tmp_path, annotations_sha256="cd34")
    with open_ledger(further, hashed(MORE)) as ledger:
        assert set(ledger.entries) == set(URLS)
        for name, source in hashed(MORE).items():
            ledger.record(Entry(name, "stored", source=source))
    before = path.read_bytes()
    for again, urls in ((job(tmp_path), URLS), (further, MORE)):
        with open_ledger(again, hashed(urls)) as ledger:
            assert set(ledger.entries) == set(URLS) | set(MORE)
    assert path.read_bytes() == before
    for sha256, urls in (("ab12", URLS), ("cd34", MORE)):
        assert set(known_outcomes(str(tmp_path), "train", sha256, hashed(urls))) == set(urls)
    # One of them is corrected: what is known of all URLs stays.
    with open_ledger(job(tmp_path, annotations_sha256="ef56"), hashed(URLS)) as ledger:
        assert set(ledger.entries) == set(URLS) | set(MORE)


@pytest.mark.parametrize("named", [("ab12", "cd34"), ("cd34", "ab12")])
def test_several_files_named_together_go_on_where_one_began(
    tmp_path: Path, named: tuple[str, ...]
) -> None:
    old_ledger(tmp_path)
    urls = {"a.png": "https://x/a", **MORE}
    together = Job("train", "the hash of both", "urls", str(tmp_path), files=named)
    for _ in range(2):
        with open_ledger(together, hashed(urls)) as ledger:
            assert ledger.entries["a.png"].source == "", "an entry of the first version holds"
    known = known_outcomes(str(tmp_path), "train", "cd34", hashed(urls))
    assert set(known) == {"a.png"}
    with open_ledger(job(tmp_path), {"a.png": source_of("https://x/a")}) as ledger:
        assert set(ledger.entries) == {"a.png"}


@pytest.mark.parametrize("knows", ["the file", "the images"])
def test_a_file_of_another_split_is_no_further_one(tmp_path: Path, knows: str) -> None:
    path = recorded_with_urls(tmp_path)
    before = path.read_bytes()
    test = job(tmp_path, split="test", annotations_sha256="cd34")
    with open_ledger(test, hashed(MORE)) as ledger:
        for name, source in hashed(MORE).items() if knows == "the images" else ():
            ledger.record(Entry(name, "stored", source=source))
    wrong = job(tmp_path, annotations_sha256="cd34" if knows == "the file" else "ef56")
    with (
        pytest.raises(InputError, match="moved as those of the test split"),
        open_ledger(wrong, hashed(MORE)),
    ):
        pass
    assert path.read_bytes() == before


def test_an_entry_without_a_url_no_longer_holds_once_the_file_was_corrected(tmp_path: Path) -> None:
    path = recorded_with_urls(tmp_path)
    old = '{"time": "2025-05-01T12:00:00+00:00", "name": "old.png", "outcome": "missing"}\n'
    with path.open("a") as file:
        file.write(old)
    now = hashed(URLS | {"old.png": "https://ocean.example/old.png"})
    for _ in range(2):
        with open_ledger(job(tmp_path, annotations_sha256="cd34"), now) as ledger:
            assert ledger.entries["old.png"].source not in ("", now["old.png"])
    assert "old.png" not in known_outcomes(str(tmp_path), "train", "cd34", now)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://x/1.png", "https://x/1.png", True),
        ("https://x/1.png?id=1", "https://x/1.png?id=2", False),
        ("https://x/1.png?id=1&Expires=5&Signature=a", "https://x/1.png?id=1", True),
        ("https://x/1.png?X-Amz-Date=1&X-Amz-Signature=2", "https://x/1.png?X-Amz-Date=9", True),
        ("https://x/1.png?sv=2022&se=2025&sr=b&sp=r&sig=q", "https://x/1.png", True),
        ("https://me:pw@x/1.png", "https://x/1.png", True),
        ("https://x/1.png#top", "https://x/1.png", True),
        ("http://x/1.png", "https://x/1.png", False),
        ("", "https://x/1.png", False),
    ],
)
def test_a_url_is_known_without_what_signs_it(one: str, other: str, is_same: bool) -> None:
    assert (source_of(one) == source_of(other)) is is_same


@pytest.mark.parametrize(
    "content",
    [
        b"no newline at all",
        b"not json\n",
        b"[1, 2]\n",
        b'{"format": "something else"}\n',
        b"\x00\xff\n",
    ],
)
def test_a_file_that_is_no_ledger_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    path = job(tmp_path).ledger
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1"), open_ledger(job(tmp_path)):
        pass
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"name": "x"}', b'{"name": 3, "outcome": "stored"}', b'{"a": 1}']
)
def test_a_damaged_line_is_named_by_its_number(tmp_path: Path, line: bytes) -> None:
    path = recorded(STORED, GONE, into=job(tmp_path))
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, *lines[1:]]) + b"\n")
    with pytest.raises(InputError, match="line 2"), open_ledger(job(tmp_path)):
        pass


@pytest.mark.fault(
    operator="upload_images",
    happens="a second run of the same job begins",
    end="refused, in words, while the first runs",
)
def test_one_run_at_a_time_holds_it(tmp_path: Path) -> None:
    with (
        open_ledger(job(tmp_path)),
        pytest.raises(SetupError, match="another run"),
        open_ledger(job(tmp_path)),
    ):
        pass
    recorded(STORED, into=job(tmp_path))


def test_a_run_that_is_killed_gives_it_free_with_all_that_it_recorded(tmp_path: Path) -> None:
    script = f"""
import os, signal
from fathomnet_voxel51.media.ledger import Entry, Job, open_ledger
with open_ledger({job(tmp_path)!r}) as ledger:
    for number in range(100):
        ledger.record(Entry(str(number), "stored", bytes=number, crc32c="x"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    with open_ledger(job(tmp_path)) as ledger:
        assert len(ledger.entries) == 100


def test_shards_have_ledgers_of_their_own_which_read_as_one(tmp_path: Path) -> None:
    recorded(STORED, into=job(tmp_path, shard="0-of-2"))
    recorded(GONE, into=job(tmp_path, shard="1-of-2"))
    recorded(Entry("z.png", "stored"), into=job(tmp_path, split="test"))
    merged = known_outcomes(str(tmp_path), "train", "ab12")
    assert {name: entry.outcome for name, entry in merged.items()} == {
        "a.png": "stored",
        "b.png": "missing",
    }
    assert known_outcomes(str(tmp_path), "train", "another file") == {}
    assert known_outcomes(str(tmp_path / "absent"), "train", "ab12") == {}


def test_a_bucket_s_ledger_lies_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOMNET_LEDGERS", str(tmp_path))
    path = recorded(GONE, into=Job("test", "ab", "urls", "gs://deep-sea/fathomnet"))
    assert path == tmp_path / "deep-sea" / "fathomnet" / "test_images.jsonl"
    assert set(known_outcomes("gs://deep-sea/fathomnet", "test", "ab")) == {"b.png"}


def test_a_folder_that_moves_takes_its_ledger_along(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    recorded(STORED, into=job(tmp_path / "old"))
    (tmp_path / "old").rename(tmp_path / "new")
    with open_ledger(job(tmp_path / "new")) as ledger:
        assert set(ledger.entries) == {"a.png"}


def test_everything_that_is_not_stored_is_listed(tmp_path: Path) -> None:
    images = [("a.png", "https://x/a"), ("b.png", "https://x/b"), ("c.png", "https://x/c")]
    with open_ledger(job(tmp_path)) as ledger:
        ledger.record(STORED)
        ledger.record(GONE)
        path = write_not_stored(ledger, images)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file_name"], row["outcome"]) for row in rows] == [
        ("b.png", "missing"),
        ("c.png", ""),
    ]
    assert rows[0]["reason"] == "the source answered 404" and rows[0]["source"] == "https://x/b"


@pytest.mark.fault(
    operator="upload_images",
    happens="the disk takes no more of the ledger",
    end="said as such; all but the last entry are kept",
)
def test_a_disk_that_takes_no_more_is_told_as_such_and_costs_no_more_than_the_last_entry(
    tmp_path: Path,
) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_ledger(job(tmp_path)) as ledger:
        ledger.record(STORED)
        limit = ledger.path.stat().st_size + 10
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(SetupError, match=r"cannot be written"):
                ledger.record(GONE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    with open_ledger(job(tmp_path)) as ledger:
        assert set(ledger.entries) == {"a.png"}
