"""What check_setup says about a bucket: who asks, what is allowed, and the command that helps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fathomnet_voxel51.files.credentials import using_secrets
from fathomnet_voxel51.media.gcs import store as bucket_store
from fathomnet_voxel51.media.gcs.access import Access, find_access
from fathomnet_voxel51.media.gcs.store import check_bucket
from fathomnet_voxel51.media.store import Check

from demo.emulator import emulator
from tests.media.sink import BUCKET, Sink
from tests.media.sink_faults import LISTING, TOKENS, answer
from tests.media.sink_tokens import ACCOUNT

ROOT = f"gs://{BUCKET}/fathomnet"
GRANT = (
    "gcloud storage buckets add-iam-policy-binding gs://deep-sea"
    f" --member=serviceAccount:{ACCOUNT} --role=roles/storage.objectAdmin"
)


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """Stands in for Google, tokens and all."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    with Sink(tokens=True) as server, using_secrets({"FATHOMNET_GCS_CREDENTIALS": server.key()}):
        yield server


def checked(sink: Sink | None = None, root: str = ROOT) -> tuple[Check, Check]:
    def find() -> Access:
        access = find_access()
        if sink is not None:
            access.endpoint = sink.url
        return access

    credentials, media_root = check_bucket(root, find)
    assert (credentials.name, media_root.name) == ("credentials", "media root")
    return credentials, media_root


def test_a_bucket_that_is_as_it_should_be(sink: Sink) -> None:
    sink.add("fathomnet/test_images/a.png", b"x")
    credentials, media_root = checked(sink)
    assert credentials.status == "ok"
    assert credentials.detail == f"{ACCOUNT}, project deep-sea-tests"
    assert media_root.status == "ok"
    detail = "bucket deep-sea can be listed and written; under fathomnet objects are there"
    assert media_root.detail == detail
    assert list(sink.objects) == ["fathomnet/test_images/a.png"]
    assert not sink.writes


def test_it_works_inside_an_event_loop_too(sink: Sink) -> None:
    async def in_a_notebook() -> Check:
        return checked(sink)[1]

    assert asyncio.run(in_a_notebook()).status == "ok"


@pytest.mark.fault(
    operator="check_setup",
    happens="a right to the bucket is missing",
    end="named, with the command that grants it",
)
@pytest.mark.parametrize(
    ("verb", "status", "says"),
    [
        ("create", "warn", "it can be read but not written"),
        ("delete", "warn", "nothing damaged can be replaced"),
        ("get", "fail", "it cannot be used"),
        ("list", "fail", "may not list the bucket deep-sea"),
    ],
)
def test_a_right_that_is_missing_comes_with_the_command_that_grants_it(
    sink: Sink, verb: str, status: str, says: str
) -> None:
    sink.refused.add(f"storage.objects.{verb}")
    media_root = checked(sink)[1]
    assert media_root.status == status
    assert says in media_root.detail and ACCOUNT in media_root.detail
    assert f"storage.objects.{verb}" in media_root.detail
    assert media_root.fix == GRANT


@pytest.mark.parametrize(
    ("verb", "status", "says", "left"),
    [
        (None, "ok", "can be listed and written; under fathomnet it is empty", 0),
        ("create", "warn", "it can be read but not written", 0),
        ("delete", "warn", "nothing damaged can be replaced", 1),
    ],
)
def test_where_rights_are_not_told_they_are_tried(
    sink: Sink, verb: str | None, status: str, says: str, left: int
) -> None:
    sink.grants = False
    sink.refused.add(f"storage.objects.{verb}")
    media_root = checked(sink)[1]
    assert media_root.status == status and says in media_root.detail
    assert len(sink.objects) == left
    assert all(name.startswith("fathomnet/.fathomnet-voxel51-") for name in sink.objects)


def test_a_bucket_that_is_not_there_comes_with_the_command_that_creates_it(sink: Sink) -> None:
    media_root = checked(sink, "gs://absent/fathomnet")[1]
    assert media_root.status == "fail" and "finds no bucket absent" in media_root.detail
    assert media_root.fix == (
        "gcloud storage buckets create gs://absent --project=deep-sea-tests --location=LOCATION"
        " --uniform-bucket-level-access --public-access-prevention"
    )


@pytest.mark.fault(
    operator="check_setup",
    happens="the credentials are refused",
    end="said, with how to get others",
)
def test_credentials_that_are_refused_say_how_to_get_others(sink: Sink) -> None:
    sink.faults[TOKENS] = [answer(400)]
    credentials, media_root = checked(sink)
    assert credentials.status == media_root.status == "fail"
    assert "invalid_grant" in credentials.detail
    assert "gcloud auth application-default login" in credentials.fix
    assert sink.requests["GET"] == 0


@pytest.mark.fault(
    operator="check_setup",
    happens="the bucket's server answers 503",
    end="told from missing rights",
)
def test_a_server_with_a_problem_is_told_from_missing_rights(sink: Sink) -> None:
    sink.faults[LISTING] = [answer(503)]
    media_root = checked(sink)[1]
    assert media_root.status == "fail" and "503" in media_root.detail
    assert "network" in media_root.fix


def test_a_server_that_does_not_answer_does_not_hold_up_the_report(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_store, "TIMEOUT_SECONDS", 0.5)
    sink.latency = 1.0
    credentials, _ = checked(sink)
    assert credentials.detail == "no answer within 0.5 seconds"


def test_an_emulator_is_named_and_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulator() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        credentials, media_root = checked()
        assert credentials.status == media_root.status == "ok"
        assert server.url in credentials.detail
        assert not [file for file in server.files.rglob("*") if file.is_file()]
        assert checked(root="gs://absent/x")[1].status == "fail"


def test_no_bucket_is_a_fault(sink: Sink) -> None:
    assert checked(sink, "gs://")[1].status == "fail"
