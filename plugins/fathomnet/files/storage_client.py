"""Google's own client of Cloud Storage, over this machine's certificates and proxies.

Its imports take half a second, so whoever needs it imports this module late.
"""

from typing import Any

from google.api_core.client_options import ClientOptions
from google.cloud import storage
from requests.adapters import HTTPAdapter

from .network import machine_trust


class _Connections(HTTPAdapter):
    """Connections for many threads, which trust what this machine trusts, as the streams do."""

    def __init__(self, most: int) -> None:
        self._trust = machine_trust()
        super().__init__(pool_maxsize=most)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._trust, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **options)


def storage_client(credentials: Any, project: str | None, endpoint: str, concurrency: int) -> Any:
    """A client for ``concurrency`` threads; makes no request."""
    client = storage.Client(
        project=project or "<none>",  # none is needed here, and it would look for one
        credentials=credentials,
        client_options=ClientOptions(api_endpoint=endpoint),
    )
    # For traces, which are off, the client asks for the bucket beside each request, which takes a
    # right that nobody needs here.
    client._bucket_metadata_cache = None
    # Google's own way to keep a connection for each of more than ten threads.
    secure = endpoint.startswith("https:")
    connections = _Connections(concurrency) if secure else HTTPAdapter(pool_maxsize=concurrency)
    client._http.mount(endpoint, connections)
    return client
