"""Who asks Cloud Storage: found by the standard rules, with a token that never runs out."""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.files.credentials import using_secrets
from fathomnet_voxel51.media.gcs.access import GoogleAccess, Nobody, find_access, proof
from fathomnet_voxel51.media.outcomes import BusyError, ItemError

from tests.media.server import Fault
from tests.media.sink import Sink
from tests.media.sink_faults import TOKENS
from tests.media.sink_tokens import ACCOUNT, PROJECT

SECRET = "FATHOMNET_GCS_CREDENTIALS"


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that is not in Google's cloud, with nobody logged in."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    for name in ("STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink(tokens=True) as server:
        yield server


@pytest.fixture
def key(sink: Sink, tmp_path: Path) -> Path:
    file = tmp_path / "key.json"
    file.write_text(sink.key(), encoding="utf-8")
    return file


def expires_in(access: GoogleAccess, seconds: float) -> None:
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    access.credentials._credentials.expiry = now + datetime.timedelta(seconds=seconds)


# Whom it finds.


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("localhost:9023", "http://localhost:9023"),
        ("http://localhost:9023/", "http://localhost:9023"),
        ("https://emulator.example", "https://emulator.example"),
    ],
)
def test_an_emulator_needs_nobody_and_gets_no_token(
    monkeypatch: pytest.MonkeyPatch, key: Path, host: str, endpoint: str
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with using_secrets({SECRET: key.read_text()}):
        access = find_access()
    assert isinstance(access, Nobody)
    assert access.endpoint == endpoint
    assert asyncio.run(proof(access)) == {}


def test_a_key_file_is_found_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, sink: Sink, key: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    access = find_access()
    assert (access.account, access.project) == (ACCOUNT, PROJECT)
    assert access.member == f"serviceAccount:{ACCOUNT}"
    assert access.endpoint == "https://storage.googleapis.com"
    assert sink.office.accepts(asyncio.run(proof(access))["authorization"])


@pytest.mark.parametrize("as_path", [False, True])
def test_a_plugin_secret_comes_before_the_variable(
    monkeypatch: pytest.MonkeyPatch, sink: Sink, key: Path, as_path: bool
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key.with_name("absent.json")))
    with using_secrets({SECRET: str(key) if as_path else f"\n{key.read_text()}\n"}):
        access = find_access()
    assert (access.account, access.project) == (ACCOUNT, PROJECT)
    assert sink.office.accepts(asyncio.run(proof(access))["authorization"])
    with pytest.raises(SetupError):
        find_access()


def test_a_secret_that_fiftyone_looks_up_on_access_is_found(key: Path) -> None:
    from fiftyone.internal.secrets import UnencryptedSecret
    from fiftyone.plugins.secrets import SecretsDictionary

    def look_up(key: str, operator_uri: str) -> UnencryptedSecret:
        return UnencryptedSecret(key, content)

    content = key.read_text()
    secrets = SecretsDictionary({}, "@a/b", look_up, required_keys=[SECRET])
    with using_secrets(secrets):
        assert find_access().account == ACCOUNT
    content = ""
    absent = SecretsDictionary({}, "@a/b", look_up, required_keys=[SECRET])
    with using_secrets(absent), pytest.raises(SetupError, match="no credentials"):
        find_access()


def test_an_empty_secret_is_none(monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with using_secrets({SECRET: ""}):
        assert find_access().account == ACCOUNT


def test_a_secret_reaches_the_threads_and_tasks_that_are_started_inside(key: Path) -> None:
    async def found() -> str:
        return (await asyncio.create_task(asyncio.to_thread(find_access))).account

    with using_secrets({SECRET: key.read_text()}):
        assert asyncio.run(found()) == ACCOUNT


def test_the_environment_s_project_comes_before_the_key_s(
    monkeypatch: pytest.MonkeyPatch, key: Path
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "another")
    with using_secrets({SECRET: key.read_text()}):
        assert find_access().project == "another"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    assert find_access().project == "another"


def test_a_user_is_named_as_far_as_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    login = {
        "type": "authorized_user",
        "client_id": "1",
        "client_secret": "2",
        "refresh_token": "3",
        "quota_project_id": "billed",
    }
    file = tmp_path / "user.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    file.write_text(json.dumps(login))
    access = find_access()
    assert access.account == "the user of the application default credentials"
    assert access.member == "user:YOUR_ACCOUNT"
    file.write_text(json.dumps({**login, "account": "diver@example.org"}))
    access = find_access()
    assert (access.account, access.member) == ("diver@example.org", "user:diver@example.org")


# What it says when it finds none.


def test_nobody_logged_in_says_which_command_does_it() -> None:
    with pytest.raises(SetupError, match="gcloud auth application-default login"):
        find_access()


@pytest.mark.parametrize(
    "content",
    [
        None,
        "not JSON: hidden",
        "[]",
        json.dumps({"type": "service_account", "private_key": "hidden"}),
        json.dumps({"type": "hidden"}),
        "{}",
    ],
)
def test_a_key_file_that_is_no_key_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "broken.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(SetupError) as raised:
        find_access()
    assert f"GOOGLE_APPLICATION_CREDENTIALS is {file}: " in str(raised.value)
    assert "gcloud auth application-default login" in str(raised.value)


def test_a_key_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    with pytest.raises(SetupError, match=f"is {tmp_path}: Is a directory"):
        find_access()


def test_a_key_file_whose_key_is_damaged_is_named(
    monkeypatch: pytest.MonkeyPatch, key: Path
) -> None:
    damaged = json.loads(key.read_text())
    damaged["private_key"] = damaged["private_key"][:200] + "\n-----END PRIVATE KEY-----\n"
    key.write_text(json.dumps(damaged))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(SetupError) as raised:
        find_access()
    assert str(key) in str(raised.value)
    assert_hidden(raised.value, damaged["private_key"][30:100])


@pytest.mark.parametrize(
    "secret",
    [
        "c2VjcmV0LWtleQ==" * 300,
        "/c2VjcmV0/c2VjcmV0LWtleQ==",
        '{"private_key": "c2VjcmV0LWtleQ==", ',
        '{"type": "service_account", "private_key": "c2VjcmV0LWtleQ=="}',
        '{"client_email": "a@b", "token_uri": "http://x", "private_key": "c2VjcmV0LWtleQ=="}',
    ],
)
def test_a_broken_secret_is_named_and_never_shown(secret: str) -> None:
    with using_secrets({SECRET: secret}), pytest.raises(SetupError, match=SECRET) as raised:
        find_access()
    assert_hidden(raised.value, "c2VjcmV0")


def test_a_secret_that_names_a_broken_file_names_it_too(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text("hidden")
    with using_secrets({SECRET: str(file)}), pytest.raises(SetupError) as raised:
        find_access()
    assert str(file) in str(raised.value)
    assert_hidden(raised.value, "hidden")


def assert_hidden(error: BaseException, secret: str) -> None:
    """Neither what is printed nor what is kept for a debugger to print holds a secret."""
    assert secret not in "".join(traceback.format_exception(error))
    assert secret not in repr(error.__cause__)


# Tokens.


def with_access(sink: Sink, work: Any) -> Any:
    async def run() -> Any:
        with using_secrets({SECRET: sink.key()}):
            access = find_access()
        return await work(access)

    return asyncio.run(run())


def test_a_token_is_got_once_and_kept(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        first = await proof(access)
        assert set(first) == {"authorization"}
        assert all(headers == first for headers in [await proof(access) for _ in range(10)])

    with_access(sink, work)
    assert sink.office.given == 1


def test_many_at_once_get_one_token(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        headers = await asyncio.gather(*(proof(access) for _ in range(50)))
        assert all(one == headers[0] for one in headers)

    with_access(sink, work)
    assert sink.office.given == 1


def test_an_expired_token_is_replaced_before_it_is_used(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        first = await proof(access)
        for seconds in (-60, 5):
            expires_in(access, seconds)
            second = await proof(access)
            assert second != first and sink.office.accepts(second["authorization"])

    with_access(sink, work)
    assert sink.office.given == 3


def test_a_token_that_soon_expires_is_replaced_while_it_is_used(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        first = await proof(access)
        access.credentials._not_before = 0.0
        expires_in(access, 240)
        assert await proof(access) == first
        access.credentials._renewal.join()
        assert await proof(access) != first

    with_access(sink, work)
    assert sink.office.given == 2


def test_a_token_that_still_works_outlives_a_failing_token_server(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        first = await proof(access)
        access.credentials._not_before = 0.0
        expires_in(access, 240)
        sink.faults[TOKENS] = [Fault("answer", 400)] * 100
        for _ in range(3):
            assert await proof(access) == first
            access.credentials._renewal.join()
        assert len(sink.faults[TOKENS]) == 99
        expires_in(access, 0)
        with pytest.raises(SetupError):
            await proof(access)

    with_access(sink, work)


def test_a_short_lived_token_is_not_replaced_at_every_request() -> None:
    async def work(access: GoogleAccess) -> None:
        for _ in range(20):
            await proof(access)
            await asyncio.sleep(0.01)

    with Sink(tokens=True, token_seconds=60) as sink:
        with_access(sink, work)
        assert sink.office.given == 1


def test_renewing_what_others_have_renewed_is_done_already(sink: Sink) -> None:
    together, others_done = threading.Barrier(51), threading.Event()

    def refused(late: bool) -> None:
        """What google-auth does in the thread of a request that is answered with 401."""
        access.credentials.before_request(None, "GET", "", {})
        together.wait()
        if late:
            others_done.wait()
        access.credentials.refresh(None)

    with using_secrets({SECRET: sink.key()}):
        access = find_access()
    first = asyncio.run(proof(access))
    with ThreadPoolExecutor(51) as threads:
        late = threads.submit(refused, True)
        list(threads.map(refused, [False] * 50))
        others_done.set()
        late.result()
    assert asyncio.run(proof(access)) != first
    assert sink.office.given == 2


def test_one_that_stops_waiting_does_not_stop_the_others(sink: Sink) -> None:
    sink.latency = 0.2

    async def work(access: GoogleAccess) -> None:
        first, second = (asyncio.create_task(proof(access)) for _ in range(2))
        await asyncio.sleep(0.05)
        first.cancel()
        assert sink.office.accepts((await second)["authorization"])

    with_access(sink, work)
    assert sink.office.given == 1


def test_credentials_that_were_revoked_need_a_person(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        sink.faults[TOKENS] = [Fault("answer", 400)]
        with pytest.raises(SetupError, match="invalid_grant") as raised:
            await proof(access)
        assert ACCOUNT in str(raised.value) and "gcloud auth" in str(raised.value)

    with_access(sink, work)


def test_a_token_server_with_a_problem_is_worth_another_try(sink: Sink) -> None:
    async def work(access: GoogleAccess) -> None:
        sink.faults[TOKENS] = [Fault("answer", 503)] * 20
        with pytest.raises(ItemError) as raised:
            await proof(access)
        assert raised.value.again

    with_access(sink, work)


def test_a_token_server_that_cannot_be_reached_is_busy(sink: Sink) -> None:
    key = json.loads(sink.key())
    key["token_uri"] = "http://127.0.0.1:1/token"

    async def work() -> None:
        with using_secrets({SECRET: json.dumps(key)}):
            access = find_access()
        with pytest.raises(BusyError):
            await proof(access)

    asyncio.run(work())


def test_what_moves_images_loads_google_s_client_only_for_a_bucket() -> None:
    script = """
import asyncio, os, sys
sys.path.insert(0, "plugins")
os.environ["STORAGE_EMULATOR_HOST"] = "http://127.0.0.1:1"
from fathomnet.media.outcomes import BusyError
from fathomnet.media.transfer import FolderStore, GcsStore
HEAVY = {"google.cloud.storage", "requests", "fiftyone", "pandas"}
async def ask(store):
    async with store:
        await store.find("a.png")
asyncio.run(ask(FolderStore("/")))
print("folder:", sorted(HEAVY & set(sys.modules)))
try:
    asyncio.run(ask(GcsStore("gs://deep-sea/x")))
except BusyError:
    print("bucket:", sorted(HEAVY & set(sys.modules)))
"""
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    told = "folder: []\nbucket: ['google.cloud.storage', 'requests']\n"
    assert found.stdout == told, found.stderr
