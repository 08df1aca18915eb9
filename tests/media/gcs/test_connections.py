"""Connections are few, used again and made only to a server that is vouched for."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.gcs.store import GcsStore
from fathomnet_voxel51.media.outcomes import BusyError

from tests.conftest import REPOSITORY
from tests.media.certificates import self_signed
from tests.media.gcs.jobs import IMAGE, SMALL, do, failure, put
from tests.media.origin import Origin
from tests.media.outgoing import Bytes
from tests.media.proxy import Proxy
from tests.media.sink import Sink


def test_an_image_is_one_request_and_connections_are_used_again(sink: Sink) -> None:
    async def work(store: GcsStore) -> None:
        for number in range(20):
            await store.put(f"{number}.png", Bytes(IMAGE))

    do(sink, work)
    assert dict(sink.requests) == {"POST": 20}
    assert len(sink.peers) == 1
    assert sink.content("fathomnet/7.png") == IMAGE
    assert sink.objects["fathomnet/7.png"].content_type == "image/png"


def test_there_are_as_many_connections_as_allowed_and_no_more() -> None:
    async def work(store: GcsStore) -> None:
        images = (store.put(f"{number}.png", Bytes(SMALL)) for number in range(300))
        await asyncio.gather(*images)

    with Sink(latency=0.3) as sink:
        do(sink, work, concurrency=130)
        assert len(sink.peers) == 130


def test_a_slow_upload_is_not_a_failure() -> None:
    with Sink(rate=400_000) as sink:
        assert put(sink).size == len(IMAGE)


@pytest.mark.fault(
    operator="upload_images",
    happens="the bucket cannot be reached",
    end="told as such: wait, then try again",
)
def test_a_server_that_cannot_be_reached_is_busy(sink: Sink) -> None:
    url = sink.url
    sink.__exit__()
    for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
        assert isinstance(failure(url, work), BusyError)
    sink.__init__()  # so that leaving the fixture is harmless
    sink.__enter__()


@pytest.mark.fault(
    operator="upload_images",
    happens="the bucket's certificate is vouched for by nobody",
    end="refused before anything is sent",
)
def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    _, context = self_signed(tmp_path)
    with Sink(tls=context) as sink:
        for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
            with pytest.raises(SetupError, match=r"certificate of 127\.0\.0\.1 is not valid\nSSL_"):
                do(sink, work)
        assert not sink.requests


def test_a_certificate_that_the_machine_trusts_is_enough(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from tests.media.gcs.jobs import IMAGE, do, put
stored = put(sys.argv[1])
print(stored.size == len(IMAGE), do(sys.argv[1], lambda store: store.find("a.png")) == stored)
"""
    file, context = self_signed(tmp_path)
    with Sink(tls=context) as sink:
        command = [sys.executable, "-c", script, sink.url]
        trusting = {**os.environ, "SSL_CERT_FILE": str(file)}
        found = subprocess.run(
            command, env=trusting, capture_output=True, text=True, check=False, cwd=REPOSITORY
        )
    assert found.stdout == "True True\n", found.stderr


def test_the_environment_s_proxy_is_used(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", sink.url)
    stored = do("http://storage.invalid", lambda store: store.put("a.png", Bytes(SMALL)))
    assert stored.size == 13 and sink.content("fathomnet/a.png") == SMALL
    assert do("http://storage.invalid", lambda store: store.find("a.png")) == stored
    monkeypatch.setenv("no_proxy", "storage.invalid")
    error = failure("http://storage.invalid", lambda store: store.find("a.png"))
    assert isinstance(error, BusyError)


@pytest.mark.parametrize(
    ("status", "words"), [(407, "login to the proxy"), (403, "may be reached")]
)
def test_a_proxy_that_lets_nothing_through_is_named_and_final(
    status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Origin({}) as origin, Proxy(origin, status) as proxy:
        monkeypatch.setenv("https_proxy", f"http://ada:s3cret@127.0.0.1:{proxy.port}")
        for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
            with pytest.raises(SetupError, match=f"proxy of https_proxy answers {status}") as told:
                do("https://storage.invalid", work)
            assert words in str(told.value) and "s3cret" not in str(told.value)


def test_a_proxy_that_is_not_reached_is_named_and_not_the_bucket_s_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://ada:s3cret@127.0.0.1:1")
    for work in (lambda store: store.put("a.png", Bytes(SMALL)), lambda store: store.find("a")):
        error = failure("https://storage.invalid", work)
        assert isinstance(error, BusyError)
        assert str(error).startswith("no connection to the proxy 127.0.0.1:1 of https_proxy")


@pytest.mark.fault(
    operator="upload_images",
    happens="Ctrl-C while the bucket does not answer",
    end="ended at once, not when the answer is given up",
)
def test_a_server_that_does_not_answer_does_not_hold_up_ctrl_c() -> None:
    # A shell that runs tests in the background has them ignore Ctrl-C.
    script = """
import signal, sys
from fathomnet_voxel51.media.event_loop import run_reporting
from fathomnet_voxel51.media.gcs.store import GcsStore
signal.signal(signal.SIGINT, signal.default_int_handler)
async def listing():
    async with GcsStore("gs://deep-sea/fathomnet", endpoint=sys.argv[1]) as store:
        await store.listing("x")
run_reporting(listing(), lambda: None)
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = [sys.executable, "-c", script, address]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=REPOSITORY) as asking:
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(4) == b"GET "
                asking.send_signal(signal.SIGINT)
                began = time.monotonic()
                asking.wait(timeout=25)
    assert time.monotonic() - began < 10
    assert asking.returncode != 0
