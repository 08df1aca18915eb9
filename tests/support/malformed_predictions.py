"""Predictions files that are wrong or odd, about boxes 1, 2 and 3 and concepts of the taxonomy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.malformed_file import MalformedFile

_HEADER = b"annotation_id,concept_name\n"
_ROWS = b"1,Funiculina\n2,Porifera\n3,Scotoplanes globosa\n"
SOUND_PREDICTIONS = _HEADER + _ROWS
CONCEPTS = ["Funiculina", "Porifera", "Scotoplanes globosa"]


def _csv(name: str, content: bytes, *places: str) -> MalformedFile:
    return MalformedFile(name, "predictions.csv", content, places, accepted=not places)


def _row(name: str, row: bytes, *places: str) -> MalformedFile:
    """A sound file whose second row, on line 3, is another."""
    return _csv(name, SOUND_PREDICTIONS.replace(b"2,Porifera", row), *places)


def _confidence(name: str, cell: bytes, *places: str) -> MalformedFile:
    lines = b"annotation_id,concept_name,confidence\n1,Funiculina,0.5\n2,Porifera,%b\n"
    return _csv(name, lines % cell + b"3,Porifera,1\n", *places)


def table(**columns: Any) -> pa.Table:
    """The sound predictions as a table, with columns replaced or added."""
    sound = {"annotation_id": pa.array([1, 2, 3], pa.int64()), "concept_name": CONCEPTS}
    return pa.table({**sound, **columns})


def _parquet(name: str, content: pa.Table, *places: str, cut: int | None = None) -> MalformedFile:
    def make(path: Path) -> None:
        pq.write_table(content, path)
        path.write_bytes(path.read_bytes()[:cut])

    return MalformedFile(name, "predictions.parquet", make, places, accepted=not places)


def _probabilities(name: str, rows: list[Any], *places: str, **manifest: Any) -> MalformedFile:
    """The folder of a run with these probabilities."""

    def make(folder: Path) -> None:
        folder.mkdir()
        lists = pa.array(rows, pa.list_(pa.float32()))
        pq.write_table(table(probabilities=lists), folder / "predictions.parquet")
        full = {"format_version": 1, "concepts": CONCEPTS, **manifest}
        (folder / "manifest.json").write_text(json.dumps(full))

    return MalformedFile(name, "run", make, places, accepted=not places)


def _folder(name: str, *places: str, **files: bytes) -> MalformedFile:
    """A folder of files, the keyword ``csv`` being predictions.csv and so on."""
    names = {"csv": "predictions.csv", "manifest": "manifest.json"}

    def make(folder: Path) -> None:
        folder.mkdir()
        for kind, content in files.items():
            (folder / names[kind]).write_bytes(content)

    return MalformedFile(name, "run", make, places, accepted=not places)


def _contradicting(name: str, csv: bytes, *places: str) -> MalformedFile:
    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "predictions.csv").write_bytes(csv)
        pq.write_table(table(), folder / "predictions.parquet")

    return MalformedFile(name, "run", make, places, accepted=not places)


_SURE = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
_RAW_BYTES = np.random.default_rng(7).integers(0, 256, 5_000, dtype=np.uint8).tobytes()

MALFORMED_PREDICTIONS: list[MalformedFile] = [
    # the file as a whole
    _csv("0 bytes", b"", "predictions.csv", "empty (0 bytes)"),
    _csv("header only", _HEADER, "no rows"),
    _csv("blank lines only", b"\n\n\n", "line 1", "annotation_id or concept_name"),
    _csv(
        "no header",
        _ROWS,
        "line 1",
        "annotation_id or concept_name",
        "found 2 columns of other names",
    ),
    _csv(
        "no annotation_id column", b"id,concept_name\n1,Porifera\n", "line 1", "annotation_id", "id"
    ),
    _csv("no concept_name column", b"annotation_id,label\n1,Porifera\n", "line 1", "label"),
    _csv(
        "a column twice",
        b"annotation_id,concept_name,Annotation_ID\n1,Porifera,2\n",
        "line 1",
        "more than one",
    ),
    _csv("semicolons", SOUND_PREDICTIONS.replace(b",", b";"), "line 1", "semicolons"),
    _csv("tabs", SOUND_PREDICTIONS.replace(b",", b"\t"), "line 1", "tabs"),
    _csv(
        "Latin-1",
        SOUND_PREDICTIONS.replace(b"Porifera", b"Porif\xe9ra"),
        "line 3, byte 47",
        "0xe9",
        "UTF-8",
    ),
    _csv(
        "UTF-16 without a mark", SOUND_PREDICTIONS.decode().encode("utf-16-le"), "line 1", "UTF-16"
    ),
    _csv("an Excel workbook", b"PK\x03\x04" + bytes(60), "Excel workbook"),
    _csv("a PDF document", b"%PDF-1.7\n", "PDF"),
    _csv("random bytes", _RAW_BYTES, "line 1"),
    _csv(
        "a quote left open", _HEADER + b'1,Funiculina\n2,"Porifera\n3,Porifera\n', "line 3", "quote"
    ),
    # rows of a csv
    _row("id twice", b"1,Porifera", "line 3", "annotation_id 1", "line 2"),
    _row("id with a decimal point", b"2.0,Porifera", "line 3", "'2.0'", "write 2"),
    _row("id a text", b"two,Porifera", "line 3", "'two'"),
    _row("id negative", b"-2,Porifera", "line 3", "'-2'"),
    _row("id empty", b",Porifera", "line 3", "annotation_id is empty"),
    _row("id in scientific notation", b"2e0,Porifera", "line 3", "'2e0'"),
    _row("id with an underscore", b"1_2,Porifera", "line 3", "'1_2'"),
    _row("id beyond 64 bits", b"9223372036854775808,Porifera", "line 3", "2^63"),
    _row("concept empty", b"2,", "line 3", "concept_name is empty"),
    _row("concept blank", b'2,"  "', "line 3", "concept_name is empty"),
    _row("concept misspelt", b"2,Poriferra", "line 3", "'Poriferra'", "did you mean 'Porifera'"),
    _row("concept of another world", b"2,plastic bag", "line 3", "unknown concept 'plastic bag'"),
    _row("a field too many", b"2,Porifera,0.5", "line 3", "3 fields where the header has 2"),
    _row("a field too few", b"2", "line 3", "1 fields where the header has 2"),
    _row("two faults in a row", b"x,Poriferra", "line 3", "'x'", "'Poriferra'"),
    _confidence("confidence NaN", b"nan", "line 3", "confidence", "0..1"),
    _confidence("confidence above 1", b"1.5", "line 3", "'1.5'"),
    _confidence("confidence negative", b"-0.1", "line 3", "'-0.1'"),
    _confidence("confidence infinite", b"inf", "line 3", "'inf'"),
    _confidence("confidence a text", b"high", "line 3", "'high'"),
    _confidence("confidence empty", b"", "line 3", "empty"),
    # parquet
    _parquet("parquet cut off", table(), "Parquet", "cut off", cut=200),
    _parquet(
        "parquet with decimal ids",
        table(annotation_id=[1.0, 2.0, 3.0]),
        "column annotation_id",
        "double",
    ),
    _parquet(
        "parquet with ids as text",
        table(annotation_id=["1", "2", "3"]),
        "column annotation_id",
        "string",
    ),
    _parquet(
        "parquet without an id", table(annotation_id=pa.array([1, None, 3])), "row 2", "empty"
    ),
    _parquet("parquet with an id twice", table(annotation_id=[1, 2, 1]), "row 3", "row 1"),
    _parquet("parquet with a negative id", table(annotation_id=[1, -2, 3]), "row 2", "'-2'"),
    _parquet(
        "parquet with numbers as names",
        table(concept_name=[1, 2, 3]),
        "column concept_name",
        "int64",
    ),
    _parquet(
        "parquet without a concept",
        table(concept_name=["Porifera", None, "Porifera"]),
        "row 2",
        "concept_name is empty",
    ),
    _parquet("parquet without the columns", pa.table({"id": [1]}), "annotation_id or concept_name"),
    _parquet("parquet without rows", table().slice(0, 0), "no rows"),
    _parquet(
        "parquet with confidence NaN",
        table(confidence=[0.1, float("nan"), 0.2]),
        "row 2",
        "confidence",
    ),
    _parquet(
        "probabilities of no known concepts",
        table(probabilities=_SURE),
        "manifest.json",
        "probabilities",
    ),
    # the folder of a run
    _folder("an empty folder", "holds neither predictions.parquet nor predictions.csv"),
    _folder("a folder with a manifest only", "neither", manifest=b"{}"),
    _folder(
        "a manifest cut off",
        "manifest.json",
        "line 1",
        csv=SOUND_PREDICTIONS,
        manifest=b'{"concepts": [',
    ),
    _folder("a manifest that is a list", "top level", csv=SOUND_PREDICTIONS, manifest=b"[]"),
    _folder(
        "a manifest of no version",
        "format_version",
        "concepts",
        csv=SOUND_PREDICTIONS,
        manifest=b"{}",
    ),
    _contradicting(
        "files of different length", _HEADER + b"1,Funiculina\n", "predictions.csv", "1 rows", "3"
    ),
    _contradicting(
        "files that disagree",
        SOUND_PREDICTIONS.replace(b"2,Porifera", b"2,Caridea"),
        "annotation 2",
    ),
    _probabilities("probabilities too many", [[0.5, 0.2, 0.2, 0.1]] * 3, "holds 4", "lists 3"),
    _probabilities("probabilities missing", [_SURE[0], None, _SURE[2]], "row 2", "missing"),
    _probabilities(
        "probabilities of uneven length", [_SURE[0], [1.0], _SURE[2]], "row 2", "too few"
    ),
    _probabilities(
        "probabilities NaN", [_SURE[0], [float("nan"), 0, 1], _SURE[2]], "row 2", "finite"
    ),
    _probabilities(
        "probabilities negative", [_SURE[0], [-0.5, 0.5, 1.0], _SURE[2]], "row 2", "negative"
    ),
    _probabilities(
        "probabilities of no sum", [_SURE[0], [0.2, 0.2, 0.2], _SURE[2]], "row 2", "0.6"
    ),
    _probabilities(
        "an unknown concept in the manifest",
        _SURE,
        "concepts[1]",
        "'Plastic'",
        concepts=["Porifera", "Plastic", "Caridea"],
    ),
    _probabilities(
        "a concept twice in the manifest",
        _SURE,
        "concepts[1]",
        "twice",
        concepts=["Porifera", "porifera", "Caridea"],
    ),
    _probabilities(
        "a file that is not the manifest's",
        _SURE,
        "predictions.parquet",
        "hash",
        files={"predictions.parquet": "0"},
    ),
    # odd, and read all the same
    _csv("a byte order mark", b"\xef\xbb\xbf" + SOUND_PREDICTIONS),
    _csv("UTF-16 with a mark", SOUND_PREDICTIONS.decode().encode("utf-16")),
    _csv("Windows line ends", SOUND_PREDICTIONS.replace(b"\n", b"\r\n")),
    _csv("old Macintosh line ends", SOUND_PREDICTIONS.replace(b"\n", b"\r")),
    _csv("no line end at the end", SOUND_PREDICTIONS.rstrip()),
    _csv("blank lines between", SOUND_PREDICTIONS.replace(b"\n", b"\n\n")),
    _csv("header in another case", b" Annotation_ID , CONCEPT_NAME\n" + _ROWS),
    _csv(
        "columns the other way round",
        b"concept_name,annotation_id\nFuniculina,1\nPorifera,2\nCaridea,3\n",
    ),
    _csv(
        "a further column",
        b"concept_name,note,annotation_id\nFuniculina,,1\nPorifera,x,2\nCaridea,y,3\n",
    ),
    _row(
        "concept in another case",
        b"2,pORIFERA",
    ),
    _row("concept with odd white space", b"2, Porifera\xc2\xa0"),
    _row("concept quoted over two lines", b'2,"Scotoplanes\nglobosa"'),
    _row("id with white space and zeros", b" 002 ,Porifera"),
    _confidence("confidence rounded above 1", b"1.0000001"),
    _parquet("parquet with narrow ids", table(annotation_id=pa.array([1, 2, 3], pa.int32()))),
    _parquet(
        "parquet with a dictionary of names",
        table(concept_name=pa.array(CONCEPTS).dictionary_encode()),
    ),
    _contradicting(
        "files in another order", _HEADER + b"3,Scotoplanes globosa\n2,Porifera\n1,Funiculina\n"
    ),
    _probabilities("probabilities of half precision", [[0.333, 0.333, 0.333]] * 3),
]


def run_rows() -> pd.DataFrame:
    """The sound predictions as ``write_predictions`` takes them, out of order."""
    return pd.DataFrame(
        {
            "annotation_id": [3, 1, 2],
            "image_id": [2, 1, 1],
            "concept_name": ["Scotoplanes globosa", "Funiculina", "Porifera"],
            "confidence": np.array([0.25, 0.5, 0.75], dtype=np.float32),
            "rank": ["species", "genus", "phylum"],
        }
    )
