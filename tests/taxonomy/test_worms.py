"""Refreshing the taxonomy: the real fathomnet-py against a local server that answers as WoRMS."""

from __future__ import annotations

import csv
import json
import socket
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.names import RANKS
from fathomnet_voxel51.resources import data_file
from fathomnet_voxel51.taxonomy import load_taxonomy, worms
from fathomnet_voxel51.taxonomy.worms import Drift

Node = dict[str, Any]


def _node(name: str, rank: str) -> Node:
    number = zlib.crc32(name.encode())
    return {
        "name": name,
        "rank": rank.capitalize(),
        "aphiaId": number,
        "acceptedAphiaId": number,
        "alternateNames": [],
    }


class WormsServer(ThreadingHTTPServer):
    """Answers the two questions that are asked of FathomNet's WoRMS service, in its format."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.paths: dict[str, list[Node]] = {}
        """Each name's nodes from the root of life down."""
        self.names: dict[int, str] = {}
        self.asked: list[str] = []
        self.override: tuple[int, str] | None = None
        """A status and a body to answer everything with."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/worms"

    def answer(self, path: str) -> tuple[int, str]:
        if self.override:
            return self.override
        question, _, key = unquote(path).rpartition("/")
        if question.endswith("/taxa/ancestors"):
            self.asked.append(key)
            if key in self.paths:
                return 200, json.dumps(_nested(self.paths[key]))
        elif question.endswith("/names/aphiaid") and int(key) in self.names:
            name = self.names[int(key)]
            return 200, json.dumps({"aphiaId": int(key), "name": name, "acceptedName": name})
        return 404, json.dumps({"message": f"Unable to find `{key}`"})


class _Handler(BaseHTTPRequestHandler):
    server: WormsServer

    def do_GET(self) -> None:
        status, body = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """The test's output stays clean."""


def _nested(path: list[Node]) -> Node:
    tree = {**path[-1], "children": []}
    for node in reversed(path[:-1]):
        tree = {**node, "children": [tree]}
    return tree


def _pinned_paths() -> dict[str, list[Node]]:
    """The pinned table as WoRMS would tell it, with a few of the ranks in between."""
    with data_file("taxonomy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = {}
    for row in rows:
        path = [_node("Biota", "superdomain")]
        path += [_node(row[rank], rank) for rank in RANKS if row[rank]]
        path.insert(3, _node("Somewhere between", "superclass"))
        if row["rank"] not in RANKS:
            path.append(_node(row["concept"], row["rank"]))
        paths[row["concept"]] = path
    paths["Porifera"].pop()  # a phylum ends above the superclass
    return paths


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WormsServer]:
    with WormsServer() as server:
        server.paths = _pinned_paths()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        _use(server.url, monkeypatch)
        yield server
        server.shutdown()


def _use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # fathomnet-py reads the address when its module is imported, so it is imported anew.
    monkeypatch.setenv("FATHOMNET_WORMS_API_URL", url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delitem(sys.modules, "fathomnet.api.worms", raising=False)


def _move(server: WormsServer, old: str, new: str) -> None:
    for path in server.paths.values():
        for node in path:
            if node["name"] == old:
                node["name"] = new


def test_an_unchanged_worms_shows_no_drift_and_each_concept_is_asked_for_once(
    server: WormsServer,
) -> None:
    reports: list[tuple[float, str]] = []
    drifts = worms.refresh(progress=lambda share, label: reports.append((share, label)))
    assert drifts == ()
    assert worms.describe(drifts) == "WoRMS agrees with the pinned taxonomy on every concept."
    assert server.asked == list(load_taxonomy().concepts)
    shares = [share for share, _ in reports]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert "2/79: Acanthoptilum" in reports[2][1]


def test_a_renamed_order_drifts_in_every_concept_below_it(server: WormsServer) -> None:
    _move(server, "Forcipulatida", "Forcipulatacea")
    (drift,) = worms.refresh()
    assert drift == Drift("Rathbunaster californicus", "order", "Forcipulatida", "Forcipulatacea")
    _move(server, "Pandalidae", "Thoridae")
    moved = {drift.concept for drift in worms.refresh() if drift.column == "family"}
    assert moved == {"Heterocarpus", "Pandalus amplus", "Pandalus platyceros"}


def test_a_slot_that_worms_fills_or_empties_is_told(server: WormsServer) -> None:
    server.paths["Ceriantharia"].insert(-1, _node("Spirularia", "order"))
    server.paths["Hormathiidae"] = [
        node for node in server.paths["Hormathiidae"] if node["rank"] != "Order"
    ]
    drifts = worms.refresh()
    assert drifts == (
        Drift("Ceriantharia", "order", None, "Spirularia"),
        Drift("Hormathiidae", "order", "Actiniaria", None),
    )
    assert worms.describe(drifts).splitlines() == [
        "2 concepts drifted in 2 places (pinned -> WoRMS):",
        "  Ceriantharia: order (empty) -> Spirularia",
        "  Hormathiidae: order Actiniaria -> (empty)",
    ]


def test_a_synonym_keeps_its_name_at_the_place_of_the_accepted_one(
    server: WormsServer, tmp_path: Path
) -> None:
    path = server.paths["Heteropolypus ritteri"]
    path[-1] = _node("Anthomastus ritteri", "species")
    path[-2] = _node("Anthomastus", "genus")
    drifts = worms.refresh(write=tmp_path / "fresh.csv")
    assert drifts == (
        Drift("Heteropolypus ritteri", "concept", "Heteropolypus ritteri", "Anthomastus ritteri"),
        Drift("Heteropolypus ritteri", "genus", "Heteropolypus", "Anthomastus"),
    )
    fresh = load_taxonomy(tmp_path / "fresh.csv").taxon("Heteropolypus ritteri")
    assert fresh is not None
    assert fresh.lineage[-2:] == ("Anthomastus", "Heteropolypus ritteri")


def test_a_name_that_points_to_an_accepted_number_is_followed(server: WormsServer) -> None:
    server.paths["Benthocodon"] = [*server.paths["Elpidia"][:-1], _node("Benthocodon", "genus")]
    server.names[424242] = "Benthocodon"
    server.paths["Elpidia"][-1]["acceptedAphiaId"] = 424242
    (drift,) = worms.refresh()
    assert drift == Drift("Elpidia", "concept", "Elpidia", "Benthocodon")


def test_a_concept_unknown_to_worms_is_told_and_keeps_its_pinned_lineage(
    server: WormsServer, tmp_path: Path
) -> None:
    del server.paths["Farrea"]
    drifts = worms.refresh(write=tmp_path / "fresh.csv")
    assert drifts == (Drift("Farrea", "concept", "Farrea", None),)
    assert "Farrea: accepted name Farrea -> unknown to WoRMS" in worms.describe(drifts)
    assert (tmp_path / "fresh.csv").read_bytes() == data_file("taxonomy.csv").read_bytes()


def test_a_refresh_writes_only_where_it_is_told(server: WormsServer, tmp_path: Path) -> None:
    pinned = data_file("taxonomy.csv").read_bytes()
    _move(server, "Forcipulatida", "Forcipulatacea")
    worms.refresh()
    worms.refresh(write=tmp_path / "fresh.csv")
    assert data_file("taxonomy.csv").read_bytes() == pinned
    assert [path.name for path in tmp_path.iterdir()] == ["fresh.csv"]
    fresh = (tmp_path / "fresh.csv").read_text(encoding="utf-8")
    assert fresh == pinned.decode().replace("Forcipulatida", "Forcipulatacea")


def test_lineages_that_make_no_sound_table_are_refused_and_not_written(
    server: WormsServer, tmp_path: Path
) -> None:
    order = next(node for node in server.paths["Sebastes"] if node["rank"] == "Order")
    order["name"] = "Scorpaeniformes"
    (tmp_path / "fresh.csv").write_text("old")
    with pytest.raises(InputError, match="line 71: 'Sebastidae' stands under 'Perciformes'"):
        worms.refresh(write=tmp_path / "fresh.csv")
    assert (tmp_path / "fresh.csv").read_text() == "old"


def test_a_missing_folder_is_told_before_anything_is_asked(
    server: WormsServer, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="is not a folder"):
        worms.refresh(write=tmp_path / "absent" / "fresh.csv")
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (503, "{}", r"Server error \(503\)"),
        (404, '{"message": "The WoRMS dataset is missing"}', r"Client error \(404\)"),
        (200, "<html>a login page</html>", "Expecting value"),
        (200, "[]", "must be a mapping"),
        (200, '{"children": 7}', "1 validation error for WormsNode"),
        (200, "{}", "holds no name"),
    ],
)
def test_a_service_out_of_order_is_told_from_an_unknown_name(
    server: WormsServer, status: int, body: str, problem: str
) -> None:
    server.override = (status, body)
    with pytest.raises(SetupError, match=problem) as caught:
        worms.refresh()
    assert server.url in str(caught.value)
    assert "Check the network" in str(caught.value)


def test_no_network_is_told_with_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/worms"
    _use(url, monkeypatch)
    with pytest.raises(SetupError, match=f"WoRMS at {url} gave no usable answer"):
        worms.refresh()


def test_without_fathomnet_py_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fathomnet"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fathomnet", None)  # how Python marks a package as absent
    with pytest.raises(SetupError, match=r"pip install 'fathomnet-voxel51\[worms\]'"):
        worms.refresh()
