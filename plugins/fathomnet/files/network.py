"""The network as the machine's owner has set it up: certificates, proxies, logins of hosts."""

import os
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.request import getproxies, proxy_bypass

from pydantic import TypeAdapter
from yarl import URL

from ..errors import SetupError

LOGINS: Final = "FATHOMNET_LOGINS"
"""Environment variable: a JSON file with headers for hosts, or that JSON itself."""
_HEADERS: Final = TypeAdapter(dict[str, dict[str, str]])
TRUST: Final = "SSL_CERT_FILE or REQUESTS_CA_BUNDLE names the certificates that this machine trusts"
"""The advice where nobody vouches for a server."""


def machine_trust() -> ssl.SSLContext:
    """The certificates that this machine trusts, and those of the variables that people know.

    ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` stand in place of the system's; what
    ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE`` names is trusted too.

    Raises:
        SetupError: such a variable names no file of certificates.
    """
    trust = ssl.create_default_context()
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if place := os.environ.get(variable):
            try:
                is_folder = Path(place).is_dir()
                trust.load_verify_locations(**{"capath" if is_folder else "cafile": place})
            except (OSError, ssl.SSLError) as error:
                problem = (
                    f"{variable} names {place}, which holds no certificates ({error.strerror})"
                )
                raise SetupError(f"{problem}\nname a file of certificates in PEM form") from None
    return trust


def needs_trust(address: URL, proxy: URL | None) -> bool:
    """Whether a connection, or the way to its proxy, is secret, so that certificates are read.

    To read them all takes as long as to fetch thirty images.

    Examples:
        >>> needs_trust(URL("http://ocean.example"), None)
        False
        >>> needs_trust(URL("http://ocean.example"), URL("https://proxy.example"))
        True
    """
    return "https" in (address.scheme, proxy and proxy.scheme)


def proxy_for(address: URL) -> URL | None:
    """The proxy that the environment names for an address, by ``https_proxy`` and ``no_proxy``.

    ``host:port`` is an HTTP proxy, as everywhere.

    Raises:
        SetupError: it is a proxy of a kind that is not spoken here.
    """
    if proxy_bypass(address.host or ""):
        return None
    variable, written = _proxy_variable(address)
    if not written:
        return None
    try:
        proxy = URL(written if "://" in written else f"http://{written}")
        usable = proxy.scheme in ("http", "https") and bool(proxy.host) and proxy.port is not None
    except ValueError:
        usable = False
    if not usable:  # the value is not shown: it may hold a password
        kind = written.partition("://")[0] if "://" in written else "unknown"
        problem = f"{variable} names a proxy of the kind {kind}, which is not supported"
        raise SetupError(f"{problem}\nname an HTTP proxy, http://host:port, or unset the variable")
    return proxy


def _proxy_variable(address: URL) -> tuple[str, str]:
    """The environment variable that counts for an address, and what it says; "" for nothing."""
    named = getproxies()
    kind = address.scheme if address.scheme in named else "all"
    return f"{kind}_proxy", named.get(kind, "")


def next_hop(address: URL) -> str:
    """What a connection to an address is made to, for messages: its host, or the proxy before it.

    Examples:
        >>> next_hop(URL("https://ocean.example/a.png"))
        'ocean.example'
    """
    proxy = proxy_for(address)
    if proxy is None:
        return str(address.host)
    return f"the proxy {proxy.host}:{proxy.port} of {_proxy_variable(address)[0]}"


def proxy_refusal(status: int, address: URL) -> tuple[str, str]:
    """What a proxy says that does not let a request through, and what to do.

    Examples:
        >>> proxy_refusal(403, URL("https://ocean.example"))[1]
        'ask who keeps the proxy whether ocean.example may be reached, or set no_proxy'
    """
    advice = "ask for a login to the proxy, and name it: http://user:password@host:port"
    if status != HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        advice = f"ask who keeps the proxy whether {address.host} may be reached, or set no_proxy"
    return f"the proxy of {_proxy_variable(address)[0]} answers {status}", advice


def read_logins() -> dict[str, dict[str, str]]:
    """The headers for hosts that ask who is there: ``{"images.example.org": {"Cookie": "..."}}``.

    A host alone is asked over https only; ``http://host:port`` says otherwise.

    Returns:
        Headers by origin.

    Raises:
        SetupError: what ``FATHOMNET_LOGINS`` names is no such file; nothing of it is shown.
    """
    written = os.environ.get(LOGINS, "").strip()
    if not written:
        return {}
    advice = f'{LOGINS} names a JSON file such as {{"host": {{"Authorization": "Bearer ..."}}}}'
    try:
        is_file = not written.startswith("{")
        text = Path(written).expanduser().read_text("utf-8") if is_file else written
        return {
            str(URL(host if "://" in host else f"https://{host}").origin()): headers
            for host, headers in _HEADERS.validate_json(text).items()
        }
    except OSError as error:
        problem = f"the file of logins {written} cannot be read: {error.strerror}"
    except ValueError:
        problem = f"what {LOGINS} names are no headers by host"
    raise SetupError(f"{problem}\n{advice}")
