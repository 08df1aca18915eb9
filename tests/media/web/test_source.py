"""Reading images over real HTTP: what arrives, and what every failure is called."""

from __future__ import annotations

import asyncio
import email.utils
import json
import re
import socket
import threading
import time
import traceback
from pathlib import Path

import pytest
from async_timeout import timeout
from fathomnet_voxel51.errors import SetupError
from fathomnet_voxel51.media.moving.whole_image import ImageCheck
from fathomnet_voxel51.media.outcomes import (
    BusyError,
    ItemError,
    MissingError,
    RefusedError,
    RejectedError,
)
from fathomnet_voxel51.media.store import Digest, Incoming
from fathomnet_voxel51.media.web.source import UrlSource

from tests.media import origin
from tests.media.certificates import self_signed
from tests.media.origin import Origin, Reply, jpeg, png
from tests.media.proxy import Proxy

IMAGE = png(400_000, seed=3)
CRC32C = "yZRlqg=="
SECRET = "s3cret"
MD5 = "CY9rzUYh03PK3k6DJie09g=="


async def read(source: UrlSource, url: str) -> tuple[Digest, Incoming]:
    async with source.open(url) as incoming:
        chunks = [chunk async for chunk in incoming.chunks]
        check = ImageCheck(sum(map(len, chunks)) if incoming.size is None else incoming.size)
        for chunk in chunks:
            check.feed(chunk)
        return check.finish(), incoming


def fetch(url: str, **options: object) -> tuple[Digest, Incoming]:
    async def once() -> tuple[Digest, Incoming]:
        async with UrlSource(1, **{"allow_private_hosts": True, **options}) as source:
            return await asyncio.wait_for(read(source, url), 20)

    return asyncio.run(once())


def answered(*replies: Reply, **options: object) -> tuple[Digest, Incoming]:
    with Origin({"a.png": IMAGE}, {"a.png": replies}) as server:
        return fetch(server.url("a.png") + f"?X-Goog-Signature={SECRET}", **options)


def failure(*replies: Reply, **options: object) -> ItemError:
    with pytest.raises(ItemError) as caught:
        answered(*replies, **options)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize("image", [IMAGE, jpeg(500), png(5_000_000, seed=1)], ids=len)
def test_an_image_arrives_as_it_was_sent(image: bytes) -> None:
    with Origin({"a": image}) as server:
        digest, incoming = fetch(server.url("a"))
    check = ImageCheck(len(image))
    check.feed(image)
    assert digest == check.finish()
    assert (incoming.size, incoming.crc32c, incoming.md5) == (len(image), None, None)


def test_requests_are_honest_and_without_cookies() -> None:
    async def twice(server: Origin) -> None:
        async with UrlSource(1, allow_private_hosts=True) as source:
            await read(source, server.url("a.png"))
            await read(source, server.url("a.png"))

    cookie = Reply(headers=(("Set-Cookie", "id=1; Path=/"),))
    with Origin({"a.png": IMAGE}, {"a.png": [cookie]}) as server:
        asyncio.run(twice(server))
    headers = server.seen.headers["a.png"]
    assert headers["user-agent"].startswith("fathomnet-voxel51/")
    assert headers["accept-encoding"] == "identity"
    assert headers.keys() == {"host", "user-agent", "accept", "accept-encoding"}


def test_connections_are_used_again_and_bounded() -> None:
    async def many(server: Origin) -> None:
        async with UrlSource(4, allow_private_hosts=True) as source:
            await asyncio.gather(*(read(source, server.url("a.png")) for _ in range(40)))

    with Origin({"a.png": IMAGE}, latency=0.01) as server:
        asyncio.run(many(server))
    assert server.seen.requests["a.png"] == 40
    assert server.seen.connections == server.seen.most_at_once == 4


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("a%20b%2Fc.png", "/a%20b%2Fc.png"),
        ("a b/\u00fc%20\u00e9.png", "/a%20b/%C3%BC%20%C3%A9.png"),
        ("x/../a.png?t=a%2Bb+c%20d&u=1/2#part", "/x/../a.png?t=a%2Bb+c%20d&u=1/2"),
        ("100%.png", "/100%.png"),
    ],
)
def test_a_url_is_requested_as_it_is_written(name: str, target: str) -> None:
    with Origin({}) as server, pytest.raises(MissingError):
        fetch(f"http://127.0.0.1:{server.port}/{name}")
    assert server.seen.targets == [target]


@pytest.mark.parametrize(
    ("code", "kind", "again"),
    [
        (404, MissingError, False),
        (410, MissingError, False),
        (429, BusyError, True),
        (503, BusyError, True),
        *((code, ItemError, True) for code in (408, 425, 500, 501, 502, 504, 599)),
        *((code, ItemError, False) for code in (400, 402, 405, 406, 418, 451, 499)),
        *((code, RejectedError, True) for code in (201, 203, 206, 300, 304)),
    ],
)
def test_a_status_says_what_becomes_of_the_image(
    code: int, kind: type[ItemError], again: bool
) -> None:
    error = failure(origin.status(code))
    assert type(error) is kind
    assert error.again is again
    assert error.wait is None
    assert error.reason.startswith(f"the source answers {code}")


def in_seconds(asked: str | int) -> str:
    """The date so many seconds from now, where a number is given; made when it is needed."""
    if isinstance(asked, str):
        return asked
    return email.utils.formatdate(time.time() + asked, usegmt=True)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        ("0", 0, 0),
        ("7", 7, 7),
        (" 120 ", 120, 120),
        ("86400", 600, 600),
        (60, 30, 60),
        (86400, 600, 600),
    ],
)
def test_a_host_that_asks_to_wait_is_heard(
    code: int, asked: str | int, least: int, most: int
) -> None:
    error = failure(origin.status(code, Retry_After=in_seconds(asked)))
    assert isinstance(error, BusyError)
    assert error.wait is not None
    assert least <= error.wait <= most


@pytest.mark.parametrize(
    "asked", ["-5", "soon", "1e3", "NaN", "9" * 5000, "", -60, "Mon, 99 Foo 2026 25:61:61"]
)
def test_a_wait_that_makes_no_sense_is_ignored(asked: str | int) -> None:
    assert failure(origin.status(429, Retry_After=in_seconds(asked))).wait is None


def test_only_a_busy_host_is_asked_how_long() -> None:
    assert failure(origin.status(500, Retry_After="7")).wait is None


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_followed(code: int) -> None:
    hops = [origin.redirect(f"/a.png?hop={hop}", code) for hop in range(5)]
    assert answered(*hops)[0].size == len(IMAGE)


def test_a_redirect_may_lead_to_another_host_and_is_requested_as_written() -> None:
    with Origin({"b c.png": IMAGE}) as second:
        to = f"http://localhost:{second.port}/b%20c.png?X=1%2F2#part"
        assert answered(origin.redirect(to))[0].size == len(IMAGE)
    assert second.seen.targets == ["/b%20c.png?X=1%2F2"]


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://2130706433/", "unusual notation"),
        ("file:///etc/passwd", "http:// or https://"),
        ("http://s3cret:s3cret@127.0.0.1/", "user name"),
        ("", "nowhere"),
        ("/a.png?s3cret", "more than 5 redirects"),
    ],
)
def test_a_bad_redirect_is_refused(location: str, reason: str) -> None:
    error = failure(*[origin.redirect(location)] * 6)
    assert isinstance(error, RejectedError)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("reply", "reason", "again"),
    [
        (origin.html(), "an HTML page, not a PNG", True),
        (origin.gzipped(), "gzip-compressed data, not a PNG", True),
        (origin.empty(), "an empty answer", True),
        (origin.other(b"<?xml version='1.0'?><Error/>"), "an XML or HTML document", True),
        (Reply(headers=(("Content-Length", "many"),)), "not HTTP", True),
        (Reply(headers=(("Content-Length", "-5"),)), "not HTTP", True),
        (Reply(headers=(("Content-Length", "9" * 18),)), "more than the 1,073,741,824", False),
        (Reply(headers=(("Bad\x00Name", "x"),)), "not HTTP", True),
        (origin.wrong_length(-100), "(not HTTP|cut off|without its end)", True),
    ],
)
def test_what_is_no_image_is_rejected(reply: Reply, reason: str, again: bool) -> None:
    error = failure(reply)
    assert isinstance(error, RejectedError)
    assert error.again is again
    assert re.search(reason, error.reason)


def test_the_largest_image_is_up_to_the_caller() -> None:
    assert answered(largest=len(IMAGE))[0].size == len(IMAGE)
    error = failure(largest=len(IMAGE) - 1)
    assert isinstance(error, RejectedError)
    assert not error.again


def test_a_length_that_is_not_announced_is_left_open() -> None:
    digest, incoming = answered(origin.no_length())
    assert (digest.size, incoming.size) == (len(IMAGE), None)
    error = failure(Reply(length=None, stop_at=0.5, stop="close"))
    assert re.fullmatch(r"the source broke off after [\d,]+ bytes", error.reason)


def test_headers_longer_than_most_are_read() -> None:
    policy = Reply(headers=(("Content-Security-Policy", "img-src 'self'; " * 3000),))
    assert answered(policy)[0].size == len(IMAGE)


def test_a_login_goes_to_its_own_host_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with Origin({"a.png": IMAGE}) as elsewhere, Origin({"a.png": IMAGE, "b.png": IMAGE}) as server:
        login = {f"http://127.0.0.1:{server.port}": {"Authorization": f"Bearer {SECRET}"}}
        monkeypatch.setenv("FATHOMNET_LOGINS", json.dumps(login))
        server.script = {"b.png": [origin.redirect(elsewhere.url("a.png"))]}
        fetch(server.url("a.png"))
        fetch(server.url("b.png"))
        assert server.seen.headers["a.png"]["authorization"] == f"Bearer {SECRET}"
        assert server.seen.headers["b.png"]["authorization"] == f"Bearer {SECRET}"
        assert "authorization" not in elsewhere.seen.headers["a.png"]


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ('{"host": "s3cret"}', "no headers by host"),
        ('{"host": {"Cookie": 7, "X": "s3cret"}}', "no headers by host"),
        ('{"s3cret', "no headers by host"),
        ("/no/such/file.json", "cannot be read"),
    ],
)
def test_logins_that_cannot_be_read_are_refused_without_showing_them(
    named: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FATHOMNET_LOGINS", named)
    with pytest.raises(SetupError, match=problem) as caught:
        UrlSource(1)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "http://localhost:{port}"])
def test_a_proxy_is_asked_for_public_hosts_wherever_it_is(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is found by the proxy: this machine may not know it at all."""
    with Origin({"a.png": IMAGE}) as server, Proxy(server) as proxy:
        monkeypatch.setenv("http_proxy", form.format(port=proxy.port))
        monkeypatch.setenv("no_proxy", "other.example")
        digest, _ = fetch("http://images.invalid/a.png", allow_private_hosts=False)
        assert digest.size == len(IMAGE)
        assert proxy.asked == ["GET http://images.invalid/a.png"]
        with pytest.raises(RejectedError, match="not an address of the public internet"):
            fetch(server.url("a.png"), allow_private_hosts=False)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        fetch(server.url("a.png"))
        assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("http://images.invalid/a.png", 407, "login to the proxy"),
        ("https://images.invalid/a.png", 407, "login to the proxy"),
        # Over http nobody can tell it from the host's own answer.
        ("https://images.invalid/a.png", 403, "may be reached"),
    ],
)
def test_a_proxy_that_refuses_is_named_and_not_the_host(
    url: str, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Origin({}) as server, Proxy(server, status) as proxy:
        scheme = url.partition(":")[0]
        monkeypatch.setenv(f"{scheme}_proxy", f"user:{SECRET}@127.0.0.1:{proxy.port}")
        with pytest.raises(RefusedError) as caught:
            fetch(url)
    assert caught.value.reason == f"the proxy of {scheme}_proxy answers {status}"
    assert words in caught.value.advice and not caught.value.again
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("127.0.0.1:1", r"no connection to the proxy 127\.0\.0\.1:1 of"),
        ("no-proxy.invalid:3128", r"the proxy no-proxy\.invalid:3128 of .* cannot be found"),
    ],
)
@pytest.mark.parametrize("variable", ["{scheme}_proxy", "all_proxy"])
def test_a_proxy_that_is_not_reached_is_named_and_not_the_host(
    scheme: str, proxy: str, words: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = variable.format(scheme=scheme)
    monkeypatch.setenv(variable, f"http://user:{SECRET}@{proxy}")
    with pytest.raises(BusyError, match=words) as caught:
        fetch(f"{scheme}://images.invalid/a.png")
    assert variable in caught.value.reason and "images.invalid" not in caught.value.reason
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("proxy", ["socks5://s3cret@127.0.0.1:1080", "ftp://s3cret:21", "http://"])
def test_a_proxy_of_another_kind_is_told_before_anything_is_asked(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SetupError, match="https_proxy names a proxy of the kind") as caught:
        fetch("https://images.invalid/a.png")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_of_one_s_own_is_trusted_by_each_variable(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    with Origin({"a.png": IMAGE}, tls=certificate[1]) as server:
        monkeypatch.setenv(variable, str(certificate[0]))
        assert fetch(server.url("a.png"))[0].size == len(IMAGE)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/no/such/bundle")
    with pytest.raises(SetupError, match="CURL_CA_BUNDLE names /no/such/bundle"):
        fetch("https://images.invalid/a.png")


@pytest.mark.parametrize(
    ("reply", "received"),
    [
        (origin.truncated(0.5), 200_000),
        (origin.truncated(0.0), 0),
        (origin.reset(0.25), 100_000),
        (origin.wrong_length(+1), len(IMAGE)),
    ],
)
def test_a_body_that_breaks_off_is_counted(reply: Reply, received: int) -> None:
    error = failure(reply)
    assert type(error) is ItemError
    assert error.again
    words = error.reason.removeprefix("the source broke off after ").split()
    assert words[1:3] == ["of", f"{len(IMAGE) + (reply.length or 0):,}"]
    count = int(words[0].replace(",", ""))
    # A reset may overtake bytes that were sent before it.
    assert count == received or (reply.stop == "reset" and count < received)


def test_a_reset_before_the_answer_may_be_tried_again() -> None:
    # aiohttp itself asks a second time where a connection is closed before the answer.
    error = failure(origin.reset(), origin.reset())
    assert type(error) is ItemError
    assert error.again
    assert answered(origin.reset())[0].size == len(IMAGE)


@pytest.mark.fault(
    operator="download_images",
    happens="the source's host cannot be reached or found",
    end="told as such: wait, then try again",
)
def test_a_host_that_does_not_answer_is_busy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but does not listen
        with pytest.raises(BusyError, match=r"no connection to 127.0.0.1 \(.*refused"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/a.png?s3cret")
    with pytest.raises(BusyError, match=r"host nowhere.invalid cannot be found"):
        fetch("http://nowhere.invalid/a.png?s3cret")


def test_connecting_takes_no_longer_than_allowed() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        started = time.monotonic()
        with pytest.raises(BusyError, match=r"no connection to 127.0.0.1 \(no answer\)"):
            fetch(f"http://127.0.0.1:{full.getsockname()[1]}/a.png?s3cret", connect_seconds=0.3)
        assert 0.2 < time.monotonic() - started < 5
        for client in waiting:
            client.close()


def test_a_broken_encryption_is_no_busy_host(tmp_path: Path) -> None:
    with Origin({"a.png": IMAGE}, tls=self_signed(tmp_path)[1]) as server:
        error = encrypted_failure(server.url("a.png"))
    assert error.reason == "the certificate of 127.0.0.1 is not valid"
    assert not error.again
    assert not server.seen.requests

    with socket.create_server(("127.0.0.1", 0)) as plain:
        answering = threading.Thread(target=answer_in_plain_text, args=(plain,))
        answering.start()
        error = encrypted_failure(f"https://127.0.0.1:{plain.getsockname()[1]}/a.png")
        answering.join()
    assert error.reason.startswith("no secure connection to 127.0.0.1")
    assert error.again


def answer_in_plain_text(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def encrypted_failure(url: str) -> ItemError:
    with pytest.raises(ItemError) as caught:
        fetch(url)
    assert type(caught.value) in (ItemError, RefusedError)
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
def test_this_machine_is_not_read_from_unless_allowed(host: str) -> None:
    with Origin({"a.png": IMAGE}) as server, pytest.raises(RejectedError) as caught:
        fetch(f"http://{host}:{server.port}/a.png", allow_private_hosts=False)
    assert not caught.value.again
    assert server.seen.connections == 0


def test_many_at_once_are_refused_alike() -> None:
    async def many() -> list[object]:
        async with UrlSource(10) as source:
            reads = (read(source, "http://localhost:1/a.png") for _ in range(30))
            return await asyncio.gather(*reads, return_exceptions=True)

    assert {type(result) for result in asyncio.run(many())} == {RejectedError}


def test_leaving_early_drops_the_connection() -> None:
    image = png(100_000_000)

    async def begin(server: Origin) -> float:
        async with UrlSource(1, allow_private_hosts=True) as source:
            async with source.open(server.url("big")) as incoming:
                assert await anext(aiter(incoming.chunks))
            started = time.monotonic()
            await read(source, server.url("small"))
            return time.monotonic() - started

    with Origin({"big": image, "small": IMAGE}) as server:
        assert asyncio.run(begin(server)) < 5
    assert server.seen.sent["big"] < len(image) / 4
    assert server.seen.connections == 2


@pytest.mark.parametrize("at", [None, 0.0, 0.5])
def test_a_stalled_source_is_left_by_cancelling(at: float | None) -> None:
    async def wait(server: Origin) -> Digest:
        async with UrlSource(1, allow_private_hosts=True) as source:
            with pytest.raises(asyncio.TimeoutError):
                async with timeout(0.2):
                    await read(source, server.url("a.png"))
            return (await read(source, server.url("a.png")))[0]

    with Origin({"a.png": IMAGE}, {"a.png": [origin.stall(at)]}) as server:
        assert asyncio.run(wait(server)).size == len(IMAGE)
    assert server.seen.connections == 2


def test_an_error_of_the_reader_passes_through() -> None:
    async def fail(server: Origin) -> None:
        source = UrlSource(1, allow_private_hosts=True)
        async with source, source.open(server.url("a.png")):
            raise ConnectionResetError("the store's own")

    with Origin({"a.png": IMAGE}) as server, pytest.raises(ConnectionResetError, match="own"):
        asyncio.run(fail(server))


@pytest.mark.parametrize(
    ("headers", "crc32c", "md5"),
    [
        ([("x-goog-hash", f"crc32c={CRC32C},md5={MD5}")], CRC32C, MD5),
        ([("X-Goog-Hash", f"crc32c={CRC32C}"), ("X-Goog-Hash", f"md5={MD5}")], CRC32C, MD5),
        ([("x-goog-hash", f"MD5={MD5} , CRC32C={CRC32C}")], CRC32C, MD5),
        ([("Content-MD5", MD5)], None, MD5),
        ([("Content-MD5", MD5), ("x-goog-hash", f"crc32c={CRC32C}")], CRC32C, MD5),
        ([("x-goog-hash", "crc32c=AAAA,md5=nonsense!")], None, None),
        ([("x-goog-hash", ",,=,crc32c")], None, None),
        ([("Content-MD5", "d41d8cd98f00b204e9800998ecf8427e")], None, None),
        ([], None, None),
    ],
)
def test_announced_digests_are_handed_on(
    headers: list[tuple[str, str]], crc32c: str | None, md5: str | None
) -> None:
    _, incoming = answered(Reply(headers=tuple(headers)))
    assert (incoming.crc32c, incoming.md5) == (crc32c, md5)


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_the_origin_trickles_delays_and_leaves_nothing_behind() -> None:
    threads, files = threading.active_count(), open_files()
    for _ in range(5):
        with Origin({"a.png": IMAGE}, {"a.png": [origin.trickle(2e6)]}, latency=0.1) as server:
            started = time.monotonic()
            assert fetch(server.url("a.png"))[0].size == len(IMAGE)
            assert 0.28 < time.monotonic() - started < 3
    assert threading.active_count() == threads
    assert open_files() == files


def test_a_mixture_of_faults_with_many_connections() -> None:
    faults = [
        *(origin.status(code) for code in (403, 404, 408, 429, 500, 502, 503)),
        *(origin.reset(), origin.reset(0.5), origin.truncated(), origin.no_length()),
        *(origin.wrong_length(-50), origin.wrong_length(50), origin.html(), origin.empty()),
        *(origin.gzipped(), origin.other(jpeg(30)), origin.redirect("/nothing")),
    ]
    image = png(20_000)
    images = {f"{at}.png": image for at in range(300)}
    script = {name: [faults[at % len(faults)]] for at, name in enumerate(images)}

    async def attempt(source: UrlSource, url: str) -> bool:
        try:
            digest, _ = await read(source, url)
        except ItemError:
            return False
        return digest.size in (len(image), len(jpeg(30)))

    async def all_of(server: Origin) -> list[bool]:
        async with UrlSource(50, allow_private_hosts=True) as source:
            urls = [server.url(name) for name in images]
            await asyncio.gather(*(attempt(source, url) for url in urls))
            return await asyncio.gather(*(attempt(source, url) for url in urls))

    with Origin(images, script) as server:
        assert all(asyncio.run(all_of(server)))
    assert not any(server.script.values())
