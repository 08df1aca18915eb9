"""A server that answers as WoRMS's own service does, about taxa of a test's own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fathomnet_voxel51.taxonomy import worms

Record = dict[str, Any]


def record(number: int, name: str, rank: str, **more: Any) -> Record:
    """A record as WoRMS sends it: the members of one of its own (AphiaID 1080, Copepoda)."""
    told = {
        "AphiaID": number,
        "url": f"https://www.marinespecies.org/aphia.php?p=taxdetails&id={number}",
        "scientificname": name,
        "authority": "Author, 1840",
        "status": "accepted",
        "unacceptreason": None,
        "taxonRankID": 70,
        "rank": rank,
        "valid_AphiaID": number,
        "valid_name": name,
        "valid_authority": "Author, 1840",
        "parentNameUsageID": None,
        "kingdom": "Animalia",
        "phylum": None,
        "class": None,
        "order": None,
        "family": None,
        "genus": None,
        "citation": f"WoRMS (2020). {name}.",
        "lsid": f"urn:lsid:marinespecies.org:taxname:{number}",
        "isMarine": 1,
        "isBrackish": None,
        "isFreshwater": None,
        "isTerrestrial": None,
        "isExtinct": None,
        "match_type": "exact",
        "modified": "2016-11-30T12:36:48.403Z",
    }
    return {**told, **more}


class AphiaServer(ThreadingHTTPServer):
    """Answers about names, numbers and classifications, in the format of WoRMS.

    Attributes:
        matches: what it answers about each name; nothing about others.
        ways: of each accepted number the numbers from the top down to it.
        taxa: name and rank of each number on a way.
        asked: the questions, each as its path and query.
        faults: what answers the next questions instead, each one of them.
        refuses: what answers each question instead that has a text in it.
        pause: seconds before each answer.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.matches: dict[str, list[Record]] = {}
        self.ways: dict[int, list[int]] = {}
        self.taxa: dict[int, tuple[str, str]] = {1: ("Biota", "Superdomain")}
        self.asked: list[str] = []
        self.faults: list[Callable[[_Handler], None]] = []
        self.refuses: dict[str, Callable[[_Handler], None]] = {}
        self.pause = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/rest"

    def add(self, way: str, **more: Any) -> Record:
        """Adds a taxon and those above it: ``2:Animalia:Kingdom / 51:Mollusca:Phylum``."""
        numbers = [1]
        for step in way.split(" / "):
            number, name, rank = step.split(":")
            self.taxa[int(number)] = (name, rank)
            numbers.append(int(number))
            self.ways.setdefault(int(number), list(numbers))
        one = record(numbers[-1], *self.taxa[numbers[-1]], **more)
        one.setdefault("parentNameUsageID", None)
        one["parentNameUsageID"] = one["parentNameUsageID"] or numbers[-2]
        self.matches.setdefault(one["scientificname"], []).append(one)
        return one

    def answer(self, path: str) -> Any:
        parts = urlsplit(path)
        question, _, key = parts.path.removeprefix("/rest/").partition("/")
        if question == "AphiaRecordsByMatchNames":
            query = parse_qs(parts.query)
            assert query["marine_only"] == ["false"]
            names = query["scientificnames[]"]
            assert len(names) <= 50
            found = [self.matches.get(name, []) for name in names]
            return found if any(found) else None
        if question == "AphiaRecordByAphiaID":
            every = (one for records in self.matches.values() for one in records)
            return next((one for one in every if one["AphiaID"] == int(unquote(key))), None)
        assert question == "AphiaClassificationByAphiaID", path
        nested = None
        for number in reversed(self.ways.get(int(key), [])):
            name, rank = self.taxa[number]
            nested = {"AphiaID": number, "rank": rank, "scientificname": name, "child": nested}
        return nested


class _Handler(BaseHTTPRequestHandler):
    server: AphiaServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        time.sleep(self.server.pause)
        asked = unquote(self.path)
        refusal = next((one for text, one in self.server.refuses.items() if text in asked), None)
        if self.server.faults:
            self.server.faults.pop(0)(self)
        elif refusal:
            refusal(self)
        else:
            answers(self)

    def send(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """The test's output stays clean."""


Fault = Callable[[_Handler], None]


def answers(handler: _Handler) -> None:
    """No fault: what WoRMS would answer."""
    found = handler.server.answer(handler.path)
    handler.send(200 if found is not None else 204, json.dumps(found) if found else "")


def sends(status: int, body: str = "", **headers: str) -> Fault:
    """A fault: another status or body."""
    return lambda handler: handler.send(status, body, **headers)


def breaks_off(handler: _Handler) -> None:
    """A fault: the connection ends in the middle of the answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'[[{"AphiaID"')
    handler.close_connection = True


def hangs(seconds: float) -> Fault:
    """A fault: there is no answer for some seconds."""

    def silent(handler: _Handler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return silent


def trickles(handler: _Handler) -> None:
    """A fault: the answer comes, a byte at a time, and does not end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" " * 64)
            time.sleep(0.02)
        except OSError:
            break
    handler.close_connection = True


@contextmanager
def aphia(monkeypatch: pytest.MonkeyPatch) -> Iterator[AphiaServer]:
    """The server, as the one that is asked, without the pauses that the real one is given."""
    with AphiaServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv(worms.SERVICE_VARIABLE, server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(worms, "PAUSE_SECONDS", 0.0)
        monkeypatch.setattr(worms, "FIRST_WAIT_SECONDS", 0.001)
        yield server
        server.shutdown()
