"""Only the public internet is fetched from, however an address is written."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from fathomnet_voxel51.media.outcomes import RejectedError
from fathomnet_voxel51.media.web.addresses import (
    GuardedResolver,
    PrivateAddressError,
    fetchable_url,
    is_public,
    loggable_url,
    redirect_target,
)
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

PUBLIC = ["8.8.8.8", "1.1.1.1", "192.0.1.1", "2606:4700::1111", "2a00:1450:4001::200e"]
NOT_PUBLIC = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "255.255.255.255"),
    *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.0.1"),
    *("169.254.169.254", "224.0.0.1", "239.1.1.1", "240.0.0.1", "198.18.0.1"),
    *("192.0.0.8", "192.0.2.1", "198.51.100.1", "203.0.113.1"),
    *("::1", "::", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1"),
    *("2001:db8::1", "100::1", "64:ff9b:1::1", "4000::1", "::127.0.0.1", "::8.8.8.8"),
    *("localhost", "", "127.1", "8.8.8.8.", "8.8.8.8/32"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_every_other_address_is_not(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4) | st.sampled_from([ipaddress.IPv4Address("10.1.2.3")]))
def test_an_address_in_an_address_is_judged_by_what_it_leads_to(v4: ipaddress.IPv4Address) -> None:
    number = int(v4)
    wrapped = {
        "mapped": 0xFFFF << 32 | number,
        "NAT64": 0x64FF9B << 96 | number,
        "6to4": 0x2002 << 112 | number << 80 | 1,
        # Teredo keeps its server as it is and its client with every bit turned.
        "Teredo": 0x20010000 << 96 | number << 64 | (number ^ 0xFFFFFFFF),
    }
    for way, address in wrapped.items():
        assert is_public(str(ipaddress.IPv6Address(address))) == is_public(str(v4)), way


@pytest.mark.parametrize(
    "host",
    [
        *("2130706433", "0x7f.1", "0x7f000001", "127.1", "127.0.1", "017700000001", "0177.0.0.1"),
        *("0", "0x0", "0x7F.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::1]"),
        *(
            "[::]",
            "\uff11\uff12\uff17.0.0.1",
            "\u2460\u2461\u2466.0.0.1",
            "127\u30020\u30020\u30021",
        ),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "2852039166"),
    ],
)
def test_every_way_to_write_this_machine_is_refused(host: str) -> None:
    leads_to = socket.getaddrinfo(host.strip("[]"), 80, type=socket.SOCK_STREAM)[0][4][0]
    assert not is_public(str(leads_to)), "the test holds an address that is harmless"
    for url in (f"http://{host}/a.png", f"https://{host}:8443/a.png"):
        with pytest.raises(RejectedError) as caught:
            fetchable_url(url)
        assert not caught.value.again


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "192.168.7.7"])
def test_a_private_address_may_be_allowed(host: str) -> None:
    assert (
        str(fetchable_url(f"http://{host}:81/a", allow_private_hosts=True)) == f"http://{host}:81/a"
    )


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "127.0.0.1."])
def test_an_unusual_notation_is_never_allowed(host: str) -> None:
    with pytest.raises(RejectedError, match="unusual notation"):
        fetchable_url(f"http://{host}/a", allow_private_hosts=True)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://example.org/a.png", "http:// or https://"),
        ("file:///etc/passwd", "http:// or https://"),
        ("gs://bucket/a.png", "http:// or https://"),
        ("data:image/png;base64,AAAA", "http:// or https://"),
        ("//example.org/a.png", "http:// or https://"),
        ("a.png", "http:// or https://"),
        ("", "http:// or https://"),
        ("http://user:secret@example.org/", "user name or password"),
        ("http://secret@example.org/", "user name or password"),
        ("http://@example.org/", "user name or password"),
        ("http://example.org/a\r\nX-Header: 1", "control characters"),
        ("http://example.org/a\tb", "control characters"),
        ("http://example.org:secret/", "understood"),
        ("http://example.org:99999/", "understood"),
        ("http://[::1/", "understood"),
        ("http://secret\\@example.org/", "understood"),
        ("http://example.org/\ud800", "understood"),
        ("http:///a.png", "host name"),
        ("http://exa mple.org/", "host name"),
        ("http://a..b/", "host name"),
        (f"http://{'a' * 64}.org/", "host name"),
        ("http://a%2eb/", "host name"),
        ("http://[2606:4700::1111%251]/", "zone"),
    ],
)
def test_what_is_no_proper_url_is_refused(url: str, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason) as caught:
        fetchable_url(url)
    assert not caught.value.again
    assert "secret" not in caught.value.reason


@pytest.mark.parametrize(
    ("url", "requested"),
    [
        ("https://example.org/a.png", "https://example.org/a.png"),
        ("HTTPS://Example.ORG/A.png", "https://example.org/A.png"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org:8080?x=1", "http://example.org:8080/?x=1"),
        (
            "http://example.org/a.png?s=1&t=a%2Bb+c/d#part",
            "http://example.org/a.png?s=1&t=a%2Bb+c/d",
        ),
        ("http://example.org/a%20b%2Fc%c3%a9", "http://example.org/a%20b%2Fc%c3%a9"),
        ("http://example.org/a b/\u00e9%20.png", "http://example.org/a%20b/%C3%A9%20.png"),
        ("http://example.org/100%.png", "http://example.org/100%.png"),
        ("http://example.org/x/../y//z.png", "http://example.org/x/../y//z.png"),
        ("http://m\u00fcnchen.example/a", "http://xn--mnchen-3ya.example/a"),
        ("http://[2606:4700::1111]:81/a", "http://[2606:4700::1111]:81/a"),
    ],
)
def test_a_url_is_requested_as_it_is_written(url: str, requested: str) -> None:
    assert str(fetchable_url(url)) == requested


@pytest.mark.parametrize(
    ("location", "requested"),
    [
        ("b%20c.png", "https://example.org/x/b%20c.png"),
        ("/b.png?s=1%2F2", "https://example.org/b.png?s=1%2F2"),
        ("//example.com/b.png", "https://example.com/b.png"),
        ("https://example.com:444/b c.png", "https://example.com:444/b%20c.png"),
        ("?v=2", "https://example.org/x/a.png?v=2"),
        ("/\udcfc.png", "https://example.org/%FC.png"),  # how aiohttp hands on a byte of Latin-1
    ],
)
def test_a_redirect_is_followed(location: str, requested: str) -> None:
    assert str(redirect_target(URL("https://example.org/x/a.png?old=1"), location)) == requested


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", "to nowhere"),
        ("http://example.org/a.png?s3cret", "from https to http://example.org/a.png$"),
        ("https://127.0.0.1/a.png?s3cret", "127.0.0.1 is not an address of the public internet"),
        ("//169.254.169.254/computeMetadata/v1/", "169.254.169.254 is not an address"),
        ("https://2130706433/", "unusual notation"),
        ("file:///etc/passwd", "not a URL that begins with http"),
        ("ftp://example.org/a.png", "not a URL that begins with http"),
        ("javascript:s3cret", "not a URL that begins with http"),
        ("https://s3cret:s3cret@example.org/", "user name or password"),
        ("https://[s3cret/", "not a URL"),
        ("/a\x00b", "control characters"),
    ],
)
def test_a_redirect_into_the_forbidden_is_refused(location: str, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason) as caught:
        redirect_target(URL("https://example.org/x/a.png"), location)
    assert "s3cret" not in caught.value.reason


@pytest.mark.parametrize(
    ("url", "visible"),
    [
        (
            "https://example.org:81/a/b.png?X-Goog-Signature=s3cret#s3cret",
            "https://example.org:81/a/b.png",
        ),
        ("https://s3cret:s3cret@example.org/a@b.png", "https://example.org/a@b.png"),
        ("https://s3cret:s3c@ret@example.org", "https://example.org"),
        ("https://s3cret\\@example.org/a", "https://example.org/a"),
        ("//s3cret@example.org/a", "//example.org/a"),
        ("https://example.org#s3cret?s3cret", "https://example.org"),
        ("?s3cret", ""),
        ("http://example.org/a\nb\x1b[31m", "http://example.org/a?b?[31m"),
    ],
)
def test_no_secret_of_a_url_is_shown(url: str, visible: str) -> None:
    assert loggable_url(url) == visible


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1"])
def test_a_name_that_leads_to_this_machine_is_refused(host: str) -> None:
    with pytest.raises(PrivateAddressError, match=f"{host} leads to 127.0.0.1"):
        asyncio.run(resolved(host))


def test_a_public_address_is_resolved() -> None:
    assert asyncio.run(resolved("8.8.8.8")) == ["8.8.8.8"]


async def resolved(host: str) -> list[str]:
    return [result["host"] for result in await GuardedResolver().resolve(host, 80)]
