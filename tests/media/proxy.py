"""A proxy as networks of institutes have them."""

from __future__ import annotations

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.media.origin import Origin


class Proxy:
    """An HTTP proxy that notes what it is asked for and fetches it from one origin."""

    def __init__(self, to: Origin, status: int = 200) -> None:
        self.asked: list[str] = []
        self._to = to
        self._status = status

    def __enter__(self) -> Proxy:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy.asked.append(f"{self.command} {self.path}")
                if proxy._status != 200:
                    self.send_response(proxy._status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                path = "/" + self.path.split("/", 3)[3]
                fetched = HTTPConnection("127.0.0.1", proxy._to.port, timeout=5)
                fetched.request("GET", path)
                body = fetched.getresponse().read()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_CONNECT = do_GET  # noqa: N815  # the server looks for this name

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
