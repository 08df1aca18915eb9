"""Decides which network addresses may be fetched from, and how a URL may be shown."""

import ipaddress
import re
import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, urljoin

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ..outcomes import RejectedError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# For protocols, not for hosts; Python calls all of it private only since 3.12.4.
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")

_HOST: Final = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?", re.IGNORECASE)
# What getaddrinfo takes for an IPv4 address: 127.1, 0x7f.1, 017700000001, 2130706433.
_NUMERIC_HOST: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LEGAL_IN_PATH: Final = "%:/?#[]@!$&'()*+,;="
_USER_INFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*:)?(//)?[^/]*@", re.IGNORECASE)


class PrivateAddressError(OSError):
    """A host whose address is not one of the public internet."""


class GuardedResolver(AbstractResolver):
    """Looks up hosts in threads, as aiohttp does by default, and refuses what is not public.

    Connections are made to the very addresses that were checked here, so a name server gains
    nothing by answering differently the next time.

    Attributes:
        proxies: host and port of what the machine's owner has named as a proxy, wherever it is.
    """

    def __init__(self) -> None:
        self.proxies: set[tuple[str | None, int | None]] = set()
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            PrivateAddressError: at least one of them is not public.
            OSError: the host is not known.
        """
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            if (host, port) not in self.proxies and not is_public(result["host"]):
                raise PrivateAddressError(f"{host} leads to {result['host']}")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a single machine on the public internet.

    An IPv4 address that is wrapped in an IPv6 one (mapped, NAT64, 6to4, Teredo) is judged itself.
    Anything that is not an IP address is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    for each in _unwrapped(parsed):
        if isinstance(each, ipaddress.IPv6Address):
            public = each in _GLOBAL_UNICAST
        else:
            public = not (each.is_multicast or each.is_reserved or each in _PROTOCOLS)
        if not (public and each.is_global):
            return False
    return True


def fetchable_url(url: str, allow_private_hosts: bool = False) -> URL:
    """The address to request for a URL: as it is written, with illegal characters escaped.

    Hosts that are written as IP addresses are checked here, because they are never looked up; named
    hosts are left to :class:`GuardedResolver`.

    Args:
        url: absolute; its percent-encoding is left exactly as it is.
        allow_private_hosts: whether addresses that are not public are allowed.

    Raises:
        RejectedError: it may not be fetched, or is not a URL.
    """
    try:
        parsed, written = URL(url), URL(url, encoded=True)
        path = quote(written.raw_path_qs, safe=_LEGAL_IN_PATH, errors="surrogateescape")
    except ValueError:  # its message may repeat a password
        raise RejectedError("not a URL that can be understood", again=False) from None
    if parsed.scheme not in ("http", "https"):
        raise RejectedError("not a URL that begins with http:// or https://", again=False)
    if _CONTROL.search(url):
        raise RejectedError("a URL with control characters", again=False)
    if "@" in written.raw_authority:
        raise RejectedError("a URL with a user name or password", again=False)
    _check_host(parsed.raw_host or "", allow_private_hosts)
    return URL(f"{parsed.origin()}{path}", encoded=True)


def redirect_target(address: URL, location: str, allow_private_hosts: bool = False) -> URL:
    """The address to request after a redirect.

    Args:
        address: the request that was answered with the redirect.
        location: its ``Location``, absolute or relative to ``address``; empty for none.
        allow_private_hosts: whether addresses that are not public are allowed.

    Raises:
        RejectedError: the target may not be fetched, or leads from https down to http.
    """
    if not location:
        raise RejectedError("a redirect to nowhere")
    try:
        target = fetchable_url(urljoin(str(address), location), allow_private_hosts)
    except ValueError:
        raise RejectedError("a redirect to what is not a URL", again=False) from None
    except RejectedError as error:
        raise RejectedError(f"a redirect to {error.reason}", again=False) from None
    if address.scheme == "https" and target.scheme != "https":
        raise RejectedError(f"a redirect from https to {loggable_url(str(target))}", again=False)
    return target


def loggable_url(url: str) -> str:
    """A URL as a log may show it: on one line, without query, fragment, user name or password."""
    visible = re.split(r"[?#]", url, maxsplit=1)[0]
    visible = _USER_INFO.sub(r"\1\2", visible)
    return "".join(character if character.isprintable() else "?" for character in visible)


def _check_host(host: str, allow_private_hosts: bool) -> None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if _NUMERIC_HOST.fullmatch(host):
            raise RejectedError("an IP address in an unusual notation", again=False) from None
        if not _HOST.fullmatch(host):
            raise RejectedError("a URL without a proper host name", again=False) from None
        return
    if "%" in host:
        raise RejectedError("an IP address with a zone", again=False)
    if not allow_private_hosts and not is_public(host):
        raise RejectedError(f"{address} is not an address of the public internet", again=False)


def _unwrapped(address: _Address) -> Iterator[_Address]:
    """The IPv4 addresses that an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    else:
        yield address
