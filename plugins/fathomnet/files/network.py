"""The network as the machine's owner has set it up: certificates and proxies, for every client."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Final
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from ..errors import SetupError

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


def proxy_for(address: URL) -> URL | None:
    """The proxy that the environment names for an address, by ``https_proxy`` and ``no_proxy``.

    ``host:port`` is an HTTP proxy, as everywhere.

    Raises:
        SetupError: it is a proxy of a kind that is not spoken here.
    """
    if proxy_bypass(address.host or ""):
        return None
    named = getproxies()
    variable = address.scheme if address.scheme in named else "all"
    written = named.get(variable, "")
    if not written:
        return None
    try:
        proxy = URL(written if "://" in written else f"http://{written}")
        usable = proxy.scheme in ("http", "https") and bool(proxy.host) and proxy.port is not None
    except ValueError:
        usable = False
    if not usable:  # the value is not shown: it may hold a password
        kind = written.partition("://")[0] if "://" in written else "unknown"
        problem = f"{variable}_proxy names a proxy of the kind {kind}, which is not supported"
        raise SetupError(f"{problem}\nname an HTTP proxy, http://host:port, or unset the variable")
    return proxy
