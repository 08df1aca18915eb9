"""Connections of the library requests that trust what this machine trusts, and Google's client.

Their imports take up to half a second, so whoever needs them imports this module late.
"""

from typing import Any

from requests.adapters import HTTPAdapter

from .network import machine_trust


class TrustedConnections(HTTPAdapter):
    """Connections for many threads, which trust what this machine trusts, as the streams do."""

    def __init__(self, most: int) -> None:
        self._trust = machine_trust()
        super().__init__(pool_maxsize=most)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._trust, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._trust, **options)


def storage_client(credentials: Any, project: str | None, endpoint: str, concurrency: int) -> Any:
    """Google's own client of Cloud Storage for ``concurrency`` threads; makes no request."""
    from google.api_core.client_options import ClientOptions
    from google.cloud import storage

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
    connections = (
        TrustedConnections(concurrency) if secure else HTTPAdapter(pool_maxsize=concurrency)
    )
    client._http.mount(endpoint, connections)
    return client
