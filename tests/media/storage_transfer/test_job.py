"""The files of a transfer job, and the renaming that ends one."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
import tracemalloc
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.media.storage_transfer import job as transfer_job
from fathomnet_voxel51.media.storage_transfer.job import (
    TransferJob,
    TransferObject,
    write_transfer_job,
)
from fathomnet_voxel51.media.storage_transfer.renaming import RenameResult, rename_transferred

from demo.emulator import Emulator, emulator

DESTINATION = "gs://deep-sea/fathomnet/train_images"
MD5 = "wHENa08V36iPYAsOa2JAdw=="
"""The one in Google's own example of a list."""

HOST = "https://images.example.org"


def job(tmp_path: Path, *items: TransferObject, destination: str = DESTINATION) -> TransferJob:
    return write_transfer_job(items, tmp_path, "train_images", destination)


def lists(result: TransferJob) -> list[list[str]]:
    return [Path(path).read_bytes().decode().split("\n") for path in result.lists]


def renames(result: TransferJob) -> list[tuple[str, str]]:
    with Path(result.rename_map).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["transferred_name", "object_name"]
    return [(before, after) for before, after in rows]


def test_a_list_is_as_the_service_documents_it(tmp_path: Path) -> None:
    result = job(
        tmp_path,
        TransferObject(f"{HOST}/b.png", "2.png", 2468, MD5),
        TransferObject(f"{HOST}/a.png", "1.png", 1357),
        TransferObject(f"{HOST}/B.png", "3.png"),
        TransferObject(f"{HOST}/c.png", "4.png", None, MD5),
    )
    assert lists(result) == [
        [
            "TsvHttpData-1.0",
            f"{HOST}/B.png",
            f"{HOST}/a.png\t1357",
            f"{HOST}/b.png\t2468\t{MD5}",
            f"{HOST}/c.png",
            "",
        ]
    ]
    assert (result.urls, result.left_out) == (4, ())


def test_what_the_service_names_by_host_and_path_is_mapped_to_the_datasets_names(
    tmp_path: Path,
) -> None:
    result = job(
        tmp_path,
        TransferObject("https://images.example.org:8443/m3/Doc%20Ricketts/a,b.png", "x/1.png"),
        TransferObject("http://other.example.org/é.png#view", 'a "b".png'),
    )
    assert lists(result)[0][1:-1] == [
        "http://other.example.org/%C3%A9.png",
        "https://images.example.org:8443/m3/Doc%20Ricketts/a,b.png",
    ]
    staging = "fathomnet/transfer/train_images"
    assert renames(result) == [
        (f"{staging}/other.example.org/%C3%A9.png", 'fathomnet/train_images/a "b".png'),
        (
            f"{staging}/images.example.org/m3/Doc%20Ricketts/a,b.png",
            "fathomnet/train_images/x/1.png",
        ),
    ]


def test_urls_are_sorted_by_their_bytes(tmp_path: Path) -> None:
    names = ["10", "9", "a~", "a-b", "a/b", "aé", "Ä", "Z", "a%20b", "a b", "深", "𝄞"]
    result = job(tmp_path, *(TransferObject(f"{HOST}/{name}.png", name) for name in names))
    lines = Path(result.lists[0]).read_bytes().splitlines()[1:]
    assert lines == sorted(lines)
    assert all(line.isascii() for line in lines)
    assert len(lines) == len(names) - 1  # a%20b is "a b"


def test_one_url_for_several_images_is_fetched_once_and_named_for_each(tmp_path: Path) -> None:
    result = job(
        tmp_path,
        TransferObject(f"{HOST}/a.png", "1.png", 10, MD5),
        TransferObject(f"{HOST}/a.png", "2.png", 10, MD5),
        TransferObject(f"{HOST}/b.png", "3.png", 10, MD5),
        TransferObject(f"{HOST}/b.png", "4.png", 11, MD5),
    )
    # What is known of b.png contradicts itself, and a wrong size would keep it from coming at all.
    assert lists(result)[0][1:-1] == [f"{HOST}/a.png\t10\t{MD5}", f"{HOST}/b.png"]
    assert [after.rpartition("/")[2] for _, after in renames(result)] == [
        "1.png",
        "2.png",
        "3.png",
        "4.png",
    ]
    assert result.urls == 2


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "no URL"),
        ("", "no URL"),
        ("ftp://images.example.org/a.png", "not a URL that begins with http:// or https://"),
        ("https://user:pw@images.example.org/a.png", "user name or password"),
        ("https://127.0.0.1/a.png", "not an address of the public internet"),
        ("https://[::1/a.png", "not a URL that can be understood"),
        (f"{HOST}/a.png?X-Goog-Signature=SECRET", "a signature or token"),
        (f"{HOST}/a.png?x-amz-security-token=SECRET", "a signature or token"),
        (f"{HOST}/a.png?sv=2022&sig=SECRET", "a signature or token"),
        (f"{HOST}/a.png?access_token=SECRET", "a signature or token"),
        (f"{HOST}/image?id=7", "a query"),
        (f"{HOST}/", "without a file name"),
        (HOST, "without a file name"),
        (f"{HOST}/folder/", "without a file name"),
        (f"{HOST}/{'x' * 1_024}.png", "exceed 1024 bytes"),
    ],
)
def test_what_the_service_cannot_fetch_is_left_out_with_a_reason(
    tmp_path: Path, url: str | None, reason: str
) -> None:
    result = job(
        tmp_path, TransferObject(f"{HOST}/sound.png", "1.png"), TransferObject(url, "2.png")
    )
    assert [left.file_name for left in result.left_out] == ["2.png"]
    assert reason in result.left_out[0].reason
    assert lists(result)[0][1:-1] == [f"{HOST}/sound.png"]
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "SECRET" not in written + result.left_out[0].reason + "".join(result.commands)


def test_of_urls_that_would_get_the_same_name_one_is_listed(tmp_path: Path) -> None:
    result = job(
        tmp_path,
        TransferObject(f"{HOST}/a.png", "1.png"),
        TransferObject("http://images.example.org/a.png", "2.png"),
        TransferObject("https://images.example.org:8443/a.png", "3.png"),
    )
    assert lists(result)[0][1:-1] == [f"{HOST}/a.png"]
    assert [left.file_name for left in result.left_out] == ["2.png", "3.png"]
    assert "the same name, images.example.org/a.png" in result.left_out[0].reason


@pytest.mark.parametrize("md5", ["", "c0710d6b4f15dfa88f600b0e6b624077", "AAAA", "é", "!" * 24])
def test_what_is_no_md5_is_not_listed(tmp_path: Path, md5: str) -> None:
    result = job(tmp_path, TransferObject(f"{HOST}/a.png", "1.png", 5, md5))
    assert lists(result)[0][1:-1] == [f"{HOST}/a.png\t5"]


def test_lists_have_at_most_the_size_that_the_service_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [TransferObject(f"{HOST}/{n:03}.png", f"{n}.png", n, MD5) for n in range(1, 41)]
    whole = job(tmp_path, *items)
    monkeypatch.setattr(transfer_job, "LARGEST_LIST", 500)
    parts = job(tmp_path, *items)
    sizes = [Path(path).stat().st_size for path in parts.lists]
    assert max(sizes) <= 500
    assert min(sizes[:-1]) > 400
    assert [Path(path).name for path in parts.lists] == [
        f"train_images.urls-{number}.tsv" for number in range(1, len(sizes) + 1)
    ]
    assert all(lines[0] == "TsvHttpData-1.0" for lines in lists(parts))
    listed = [line for lines in lists(parts) for line in lines[1:-1]]
    assert listed == sorted(f"{item.url}\t{item.size}\t{MD5}" for item in items)
    assert parts.urls == whole.urls == 40
    assert sum("jobs create" in command for command in parts.commands) == len(sizes)


def test_a_later_job_leaves_no_list_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "train_images.1-of-4.urls-2.tsv"
    other.touch()
    items = [TransferObject(f"{HOST}/{n}.png", f"{n}.png") for n in range(9)]
    monkeypatch.setattr(transfer_job, "LARGEST_LIST", 150)
    job(tmp_path, *items)
    monkeypatch.undo()
    result = job(tmp_path, items[0])
    assert {path.name for path in tmp_path.iterdir()} == {
        other.name,
        Path(result.rename_map).name,
        Path(result.lists[0]).name,
    }


def test_a_job_with_nothing_to_fetch_says_so(tmp_path: Path) -> None:
    result = job(tmp_path, TransferObject(None, "1.png"))
    assert (result.lists, result.urls, result.commands) == ((), 0, ())
    assert renames(result) == []


def test_a_result_is_plain_data(tmp_path: Path) -> None:
    result = job(tmp_path, TransferObject(f"{HOST}/a.png", "1.png"), TransferObject("", "2.png"))
    assert json.loads(json.dumps(asdict(result)))["left_out"] == [
        {"file_name": "2.png", "reason": "no URL"}
    ]


@pytest.mark.parametrize("destination", ["", "/media", "gs://", "gs://bucket", "gs:///images"])
def test_a_destination_outside_of_buckets_is_refused(tmp_path: Path, destination: str) -> None:
    with pytest.raises(InputError, match="destination: "):
        job(tmp_path, destination=destination)
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="No such file or directory"):
        write_transfer_job([], tmp_path / "nowhere", "train_images", DESTINATION)
    (tmp_path / "train_images.urls-1.tsv").mkdir()
    with pytest.raises(SetupError, match="cannot be written"):
        job(tmp_path, TransferObject(f"{HOST}/a.png", "1.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["train_images.urls-1.tsv"]


def test_the_commands_name_the_files_and_places_of_the_job(tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    result = job(folder, TransferObject(f"{HOST}/a.png", "1.png"))
    complete, copy, create, rename, remove = result.commands
    (url_list,) = result.lists
    remote = "gs://deep-sea/fathomnet/transfer/train_images.lists/train_images.urls-1.tsv"
    assert complete.startswith("SIGNER=")
    assert shlex.split(copy) == ["gcloud", "storage", "cp", url_list, remote]
    words = shlex.split(create)
    assert words[:4] == ["gcloud", "transfer", "jobs", "create"]
    assert words[4].startswith(f"$(gcloud storage sign-url {remote} ")
    assert words[5] == "gs://deep-sea/fathomnet/transfer/train_images/"
    assert shlex.split(rename) == [
        "fathomnet-voxel51",
        "rename-transferred",
        result.rename_map,
        "gs://deep-sea",
    ]
    assert shlex.split(remove) == ["gcloud", "storage", "rm", remote]


def test_the_shell_passes_the_signed_list_and_the_destination_on(tmp_path: Path) -> None:
    """The commands, run by a real shell with a gcloud that writes down what it is asked."""
    log = tmp_path / "log"
    gcloud = tmp_path / "bin/gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> {shlex.quote(str(log))}\n'
        'case "$2" in sign-url) echo "https://signed.example/list?a=1&b=2";; esac\n'
    )
    gcloud.chmod(0o755)
    result = job(tmp_path, TransferObject(f"{HOST}/a.png", "1.png"))
    script = "set -eu\n" + "\n".join(
        c for c in result.commands if not c.startswith(transfer_job.RENAMING)
    )
    environment = {"PATH": f"{gcloud.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", script], check=True, env=environment)
    asked = log.read_text().splitlines()
    assert any("--impersonate-service-account=NAME@PROJECT.iam" in line for line in asked)
    created = "transfer jobs create https://signed.example/list?a=1&b=2 gs://deep-sea/fathomnet/"
    assert any(line.startswith(created) for line in asked)


def test_memory_is_that_of_the_names(tmp_path: Path) -> None:
    count = 5_000
    items = (TransferObject(f"{HOST}/{n:0100}.png", f"{n}.png", 10, MD5) for n in range(count))
    tracemalloc.start()
    result = write_transfer_job(items, tmp_path, "train_images", DESTINATION)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.urls == count
    assert peak / count < 1_200


# Renaming, against the emulator


@pytest.fixture(scope="module")
def storage() -> Iterator[Emulator]:
    with emulator("transferred") as running:
        yield running


@pytest.fixture
def bucket(storage: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
    for name in objects(storage):
        url = f"{storage.url}/storage/v1/b/{storage.bucket}/o/{quote(name, safe='')}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
    return storage


def upload(storage: Emulator, name: str, content: bytes) -> None:
    url = f"{storage.url}/upload/storage/v1/b/{storage.bucket}/o?uploadType=media&name="
    urllib.request.urlopen(url + quote(name, safe=""), data=content).close()


def objects(storage: Emulator) -> dict[str, bytes]:
    listing = f"{storage.url}/storage/v1/b/{storage.bucket}/o"
    with urllib.request.urlopen(listing) as answer:
        items = json.load(answer).get("items", [])
    contents = {}
    for item in items:
        url = f"{listing}/{quote(item['name'], safe='')}?alt=media"
        with urllib.request.urlopen(url) as answer:
            contents[item["name"]] = answer.read()
    return contents


def transferred(tmp_path: Path, bucket: Emulator, *items: TransferObject) -> TransferJob:
    return job(tmp_path, *items, destination=f"gs://{bucket.bucket}/p/train_images")


STAGING = "p/transfer/train_images/images.example.org"


def test_what_was_transferred_gets_its_names(tmp_path: Path, bucket: Emulator) -> None:
    result = transferred(
        tmp_path,
        bucket,
        TransferObject(f"{HOST}/a.png", "1.png"),
        TransferObject(f"{HOST}/a.png", "x/2.png"),
        TransferObject(f"{HOST}/b%20c.png", "3.png"),
        TransferObject(f"{HOST}/d%20e.png", "4.png"),
        TransferObject(f"{HOST}/gone.png", "5.png"),
    )
    upload(bucket, f"{STAGING}/a.png", b"a")
    upload(bucket, f"{STAGING}/b%20c.png", b"named as in the URL")
    upload(bucket, f"{STAGING}/d e.png", b"named with a space")
    upload(bucket, "p/other.png", b"not ours")
    names = {
        "p/train_images/1.png": b"a",
        "p/train_images/x/2.png": b"a",
        "p/train_images/3.png": b"named as in the URL",
        "p/train_images/4.png": b"named with a space",
        "p/other.png": b"not ours",
    }
    absent = ("p/train_images/5.png",)
    renamed = rename_transferred(result.rename_map, f"gs://{bucket.bucket}")
    assert renamed == RenameResult(4, 0, absent)
    assert objects(bucket) == names
    again = rename_transferred(result.rename_map, f"gs://{bucket.bucket}")
    assert again == RenameResult(0, 4, absent)
    assert objects(bucket) == names


@pytest.mark.fault(
    operator="upload_images",
    happens="renaming what Storage Transfer Service has moved is stopped half-way",
    end="run again, every object has its name, none is twice",
)
def test_a_renaming_that_was_stopped_goes_on(tmp_path: Path, bucket: Emulator) -> None:
    items = [TransferObject(f"{HOST}/{n}.png", f"{n}.png") for n in range(30)]
    result = transferred(tmp_path, bucket, *items)
    for number in range(30):
        if number >= 10:  # the first ten have been dealt with, the next ten copied only
            upload(bucket, f"{STAGING}/{number}.png", str(number).encode())
        if number < 20:
            upload(bucket, f"p/train_images/{number}.png", str(number).encode())
    renamed = rename_transferred(result.rename_map, bucket.bucket)
    assert renamed.renamed + renamed.present == 30
    assert objects(bucket) == {f"p/train_images/{n}.png": str(n).encode() for n in range(30)}


def test_the_program_says_what_is_absent_and_refuses_what_is_no_map(
    tmp_path: Path, bucket: Emulator
) -> None:
    name, command = transfer_job.RENAMING.split()
    program = Path(sys.executable).with_name(name)

    def run(rename_map: str) -> tuple[int, str]:
        done = subprocess.run(
            [program, command, rename_map, f"gs://{bucket.bucket}"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    result = transferred(tmp_path, bucket, TransferObject(f"{HOST}/a.png", "1.png"))
    status, said = run(result.rename_map)
    assert (status, "p/train_images/1.png" in said) == (3, True)
    upload(bucket, f"{STAGING}/a.png", b"a")
    assert run(result.rename_map) == (0, "1 renamed, 0 there before\n")
    status, said = run(result.lists[0])
    assert (status, "line 1: is not transferred_name,object_name" in said) == (2, True)


def test_a_map_with_a_bad_row_renames_nothing(tmp_path: Path, bucket: Emulator) -> None:
    upload(bucket, "a", b"a")
    rename_map = tmp_path / "map.csv"
    rename_map.write_text("transferred_name,object_name\na,b\nc\n")
    with pytest.raises(InputError, match="line 3"):
        rename_transferred(rename_map, bucket.bucket)
    assert objects(bucket) == {"a": b"a"}


def test_a_bucket_that_is_not_there_is_said_not_to_be(tmp_path: Path, bucket: Emulator) -> None:
    rename_map = tmp_path / "map.csv"
    rename_map.write_text("transferred_name,object_name\na,b\n")
    with pytest.raises(SetupError, match="renaming in gs://no-such-bucket stopped"):
        rename_transferred(rename_map, "gs://no-such-bucket")
