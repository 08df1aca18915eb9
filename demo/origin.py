"""A demo set published: its images at URLs of this machine, and catalogs that name them."""

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from fathomnet_voxel51.names import Split, images_folder

from demo import coco

PORT: Final = 47_100
"""Taken if it is free, so that the catalogs are the same in every run."""
MISSING: Final = 2
"""Training images that their source does not have any more; of the real ones, 96 of 8,981."""

_MISSING_EVERY: Final = 50


@contextlib.contextmanager
def published(
    catalogs: Mapping[Split, Path], media_root: Path, folder: Path
) -> Iterator[dict[Split, Path]]:
    """Serves the images while the block runs.

    Args:
        catalogs: COCO files by split.
        media_root: holds their images, in ``<split>_images``.
        folder: for the copies of the catalogs.

    Yields:
        The copies, in which every image has a URL of the shape that it had, on this machine.
    """
    files: dict[str, Path] = {}
    with _server(files) as (host, port):
        copies: dict[Split, Path] = {}
        for split, catalog in catalogs.items():
            document = json.loads(catalog.read_text(encoding="utf-8"))
            for image in document["images"]:
                path = urlsplit(image["coco_url"]).path
                files[path] = media_root / images_folder(split) / image["file_name"]
                here = urlunsplit(("http", f"{host}:{port}", path, "", ""))
                image["coco_url"] = image["flickr_url"] = here
            if split == "train":
                for image in document["images"][_MISSING_EVERY - 1 :: _MISSING_EVERY][:MISSING]:
                    del files[urlsplit(image["coco_url"]).path]
            copies[split] = folder / catalog.name
            coco.write_json(copies[split], document, indent=4)
        yield copies


@contextlib.contextmanager
def _server(files: Mapping[str, Path]) -> Iterator[tuple[str, int]]:
    handler = partial(_Handler, files)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", PORT), handler)
    except OSError:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, files: Mapping[str, Path], *request: object) -> None:
        self._files = files
        super().__init__(*request)  # type: ignore[arg-type]  # the socket, the address, the server

    def do_GET(self) -> None:
        file = self._files.get(self.path)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(file.stat().st_size))
        self.end_headers()
        with file.open("rb") as image:
            shutil.copyfileobj(image, self.wfile)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the worker's own log has every image."""
