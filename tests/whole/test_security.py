"""What hostile input and careless storage would do; docs/threat-model.md says what else is tested.

Each test drives the real stage on the real thing: a database that is searched byte by byte, labels
that are MongoDB's own words, files that a pickle hides in.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import fiftyone as fo
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51 import delegation
from fathomnet_voxel51.catalog import read_catalog
from fathomnet_voxel51.command_line import terminal
from fathomnet_voxel51.command_line.terminal import exit_status, print_result
from fathomnet_voxel51.dataset.door import PUBLIC_API
from fathomnet_voxel51.errors import InputError, SetupError
from fathomnet_voxel51.evaluation import evaluate_predictions
from fathomnet_voxel51.files.safe_values import gives_away, lasting_url
from fathomnet_voxel51.ingest import ingest_dataset
from fathomnet_voxel51.labels import add_primary_label, add_taxonomy_ranks
from fathomnet_voxel51.media.ledger import (
    Entry,
    Job,
    not_stored_list,
    open_ledger,
    write_not_stored,
)
from fathomnet_voxel51.media.transfer import upload_images
from fathomnet_voxel51.needles.packs import read_pack
from fathomnet_voxel51.parameters import OPERATORS
from fathomnet_voxel51.prediction_files.run import read_run
from fathomnet_voxel51.predictions import import_predictions
from fathomnet_voxel51.relabelling import export_corrections, relabel_boxes, undo_relabel
from fathomnet_voxel51.report import report_dataset
from fathomnet_voxel51.similarity.mapped import open_version
from fiftyone.core.odm import get_db_conn
from fiftyone.operators.delegated import DelegatedOperationService
from rich.console import Console

from tests.conftest import REPOSITORY
from tests.media.jobs import write_coco
from tests.media.origin import Origin, png
from tests.support.manifest import SETTINGS

SECRET = "deepwater7"
"""In every token, key and signature that the first tests give away to the stages."""


@pytest.fixture
def door(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "public":
        monkeypatch.setenv(PUBLIC_API, "1")
    return str(request.param)


def database_holds(text: str) -> list[str]:
    """The collections of the database that hold a text, files within it included."""
    database = get_db_conn()
    sought = text.encode()
    return sorted(
        name
        for name in database.list_collection_names()
        if any(sought in bson.encode(document) for document in database[name].find())
    )


def files_that_hold(folder: Path, text: str) -> list[str]:
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    )


def test_no_secret_reaches_the_database_the_files_or_the_progress(
    dataset_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = json.dumps({"type": "service_account", "private_key": f"key-{SECRET}"})
    monkeypatch.setenv("FATHOMNET_GCS_CREDENTIALS", key)
    monkeypatch.setenv("LAB_FIFTYONE_API_KEY", f"api-{SECRET}")
    made = tmp_path / "made"
    told: list[str] = []

    def progress(share: float, label: str) -> None:
        told.append(label)

    with Origin({"a.png": png(5_000), "b.png": png(6_000)}) as origin:
        urls = {name: f"{origin.url(name)}?X-Goog-Signature={SECRET}" for name in origin.images}
        urls["gone.png"] = f"{origin.url('gone.png')}#access_token={SECRET}"
        catalog = write_coco(tmp_path / "annotations.json", urls)
        moved = upload_images(
            catalog, "test", str(made), allow_private_hosts=True, progress=progress
        )
        assert (moved.stored, moved.missing) == (2, 1)
        ingest_dataset(dataset_name, test_annotations=catalog, media_root=str(made))
        dataset = fo.load_dataset(dataset_name)
        values = {"annotations": catalog, "split": "test", "destination": str(made / "copy")}
        operation = delegation.queue(
            "download_images", dataset, {**values, "allow_private_hosts": True}
        )
        service = DelegatedOperationService()
        service.execute_operation(service.get(bson.ObjectId(operation)))
    assert delegation.follow(operation, progress)["stored"] == 2
    report_dataset(dataset, made / "card")
    assert database_holds("a.png"), "the search finds what is there"
    assert database_holds(SECRET) == []
    assert files_that_hold(made, "a.png") and files_that_hold(made, SECRET) == []
    assert not any(SECRET in label for label in told)
    assert set(dataset.values("source_url")) == {origin.url(name) for name in urls}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.org/1.png?X-Amz-Signature=s&X-Amz-Date=d", "https://a.org/1.png"),
        ("https://a.org/1.png?sv=2022&sig=s", "https://a.org/1.png"),
        ("https://a.org/1.png?id=7#token=s", "https://a.org/1.png"),
        ("https://a.org/1.png?id=7", "https://a.org/1.png?id=7"),
        ("https://a.org/1.png?", "https://a.org/1.png?"),
        ("http://[1.2]/1.png?Expires=1", "http://[1.2]/1.png"),
    ],
)
def test_a_url_is_kept_without_the_rights_that_it_gives(url: str, kept: str) -> None:
    assert lasting_url(url) == kept
    assert not gives_away(kept)


def test_no_parameter_asks_for_a_secret() -> None:
    """Parameters of queued operations are stored: whoever reads the database reads them."""
    for model in OPERATORS.values():
        for name in model.model_fields:
            assert not re.search(r"key$|token|secret|password|credential", name) or name in {
                "brain_key",
                "key",
                "eval_key",
                "index_key",
            }


HOSTILE = (
    *("$label", "$$ROOT", "$ground_truth.detections", "a.b.c", "\\$x"),
    *("{'$gt': ''}", '<img src=x onerror="window.hacked = 1">', "[x](javascript:alert(1))"),
    *("=HYPERLINK(1)", "'; DROP TABLE", "%s%n", "../../etc/passwd", "名前"),
)
"""Labels that would be operators, paths or code somewhere, were they not treated as text."""


@pytest.fixture
def hostile(dataset_name: str, door: str, tmp_path: Path) -> Iterator[Any]:
    """An image for each label, with one box of it."""
    numbered = list(enumerate(HOSTILE, 1))
    shape = {"width": 100, "height": 100}
    coco = {
        "images": [{"id": n, "file_name": f"{n}.png", **shape} for n, _ in numbered],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n, "bbox": [1, 1, 50, 50]} for n, _ in numbered
        ],
        "categories": [{"id": n, "name": name} for n, name in numbered],
    }
    (tmp_path / "train.json").write_text(json.dumps(coco))
    ingest_dataset(dataset_name, train_annotations=str(tmp_path / "train.json"))
    yield fo.load_dataset(dataset_name)


def boxes_of(dataset: Any, field: str = "ground_truth") -> list[str]:
    labels: list[str] = dataset.sort_by("image_id").values(f"{field}.detections.label", unwind=True)
    return labels


@pytest.mark.parametrize("door", ["collection", "public"], indirect=True)
def test_labels_are_text_and_never_a_query_s_words(hostile: Any, tmp_path: Path) -> None:
    assert boxes_of(hostile) == list(HOSTILE)
    add_primary_label(hostile)
    assert hostile.sort_by("image_id").values("primary_label.label") == list(HOSTILE)
    ranks = add_taxonomy_ranks(hostile)
    assert (ranks.boxes, sorted(ranks.unknown_concepts)) == (0, sorted(HOSTILE))
    assert set(hostile.values("ground_truth.detections.kingdom", unwind=True)) == {None}
    for label in HOSTILE:
        changed = relabel_boxes(hostile.skip(1), label)
        assert changed.changed == len(HOSTILE) - 1 - (label in HOSTILE[1:])
        assert set(boxes_of(hostile)[1:]) == {label}
        undo_relabel(hostile, changed.journal)
        assert boxes_of(hostile) == list(HOSTILE)


@pytest.mark.parametrize("door", ["collection", "public"], indirect=True)
def test_predicted_names_are_text_too(hostile: Any, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.csv"
    with predictions.open("w", newline="") as file:
        rows = [(n, name) for n, name in enumerate(reversed(HOSTILE), 1)]
        csv.writer(file).writerows([("annotation_id", "concept_name"), *rows])
    assert import_predictions(hostile, str(predictions), split="train").imported == len(HOSTILE)
    assert boxes_of(hostile, "model_predictions") == list(reversed(HOSTILE))
    scores = evaluate_predictions(hostile)
    assert scores.accuracy == pytest.approx(1 / len(HOSTILE)), "only the middle one is right"


FORMULA = re.compile(r"[=+\-@\t\r]")


@pytest.mark.parametrize("door", ["collection"], indirect=True)
def test_no_cell_of_a_table_for_people_is_a_formula(hostile: Any, tmp_path: Path) -> None:
    relabel_boxes(hostile.view(), "Sebastes", note='=1+1", <b>')
    export_corrections(hostile, tmp_path / "out")
    with (tmp_path / "out" / "corrections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not [cell for row in rows for cell in row.values() if FORMULA.match(cell)]
    assert sorted(row["before"].removeprefix("'=") for row in rows) == sorted(
        label.removeprefix("=") if label.startswith("=") else label for label in HOSTILE
    )
    assert {(row["after"], row["note"]) for row in rows} == {("Sebastes", "'=1+1\", <b>")}


def test_no_name_of_an_image_that_is_not_stored_is_a_formula(tmp_path: Path) -> None:
    job = Job("train", "ab12", "urls", str(tmp_path))
    with open_ledger(job) as ledger:
        ledger.record(Entry("@SUM(1)/a.png", "failed", "+49 does not answer", attempts=1))
        listed = write_not_stored(ledger, [("@SUM(1)/a.png", "https://a.org/1.png")])
    with listed.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["file_name"], row["reason"]) == ("'@SUM(1)/a.png", "'+49 does not answer")


class Payload:
    """Runs a command where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.canary}",)


def test_a_pickle_among_an_index_s_copies_is_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "run"
    (tmp_path / "v").mkdir()
    hidden = np.array([Payload(canary)], dtype=object)
    for name in ("matrix", "inverse", "ids", "sample_ids"):
        np.save(tmp_path / "v" / f"{name}.npy", hidden, allow_pickle=True)
    assert open_version(tmp_path, "v") is None
    assert not canary.exists()
    np.load(tmp_path / "v" / "ids.npy", allow_pickle=True)
    assert canary.exists(), "it would have been, had the file been trusted"


@pytest.mark.parametrize("text", ["[" * 200_000, '{"images": ' * 50_000, "[" * 10 + "9" * 5_000])
def test_a_file_that_is_nested_or_long_beyond_reason_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "deep.json").write_text(text)
    with pytest.raises(Exception, match=r"deep\.json") as raised:
        read_catalog(tmp_path / "deep.json")
    assert type(raised.value).__name__ == "InputError"


@pytest.mark.parametrize("aliased", ["list", "mapping"])
def test_a_pack_of_a_few_lines_is_not_billions_of_prompts(tmp_path: Path, aliased: str) -> None:
    shape = {"list": "[{}]", "mapping": "{{{}}}"}[aliased]
    lines = [f"l0: &l0 {shape.format('a: 1' if aliased == 'mapping' else 'a')}"]
    for level in range(1, 12):
        below = [f"*l{level - 1}" for _ in range(10)]
        named = [f"k{n}: {item}" for n, item in enumerate(below)] if aliased == "mapping" else below
        lines.append(f"l{level}: &l{level} {shape.format(', '.join(named))}")
    (tmp_path / "pack.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"has more than 100,000 parts, aliases included"):
        read_pack(str(tmp_path / "pack.yaml"))


def test_a_small_file_of_too_many_predictions_is_refused_before_it_is_unfolded(
    tmp_path: Path,
) -> None:
    rows = pa.table({"annotation_id": pa.array(np.zeros(1_000_000, np.int64))})
    rows = rows.append_column("concept_name", pa.array(["Sebastes"] * 1_000_000))
    path = tmp_path / "predictions.parquet"
    with pq.ParquetWriter(path, rows.schema, compression="zstd") as writer:
        for _ in range(11):
            writer.write_table(rows)
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match=r"holds 11,000,000 rows .* at most 10,000,000"):
        read_run(path)


def test_a_file_that_no_memory_holds_is_not_begun(tmp_path: Path) -> None:
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InputError, match="has 1,099,511,627,776 bytes, and at most"):
        read_catalog(tmp_path / "huge.json")


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file of somebody else's, which links in shared folders lead to."""
    path = tmp_path / "precious"
    path.write_text("not ours")
    return path


@pytest.mark.parametrize("door", ["collection"], indirect=True)
def test_a_link_in_the_place_of_a_result_is_replaced_and_not_followed(
    hostile: Any, tmp_path: Path, precious: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    names = ("corrections.csv", "corrections.json", "data-card.md", "data-card.html")
    for name in names:
        (shared / name).symlink_to(precious)
        # What a name before the last one could be guessed to be.
        (shared / f".{name}.{os.getpid()}.partial").symlink_to(precious)
    export_corrections(hostile, shared)
    report_dataset(hostile, shared)
    assert precious.read_text() == "not ours"
    assert all((shared / name).is_file() and not (shared / name).is_symlink() for name in names)


def test_no_ledger_is_written_through_a_link(tmp_path: Path, precious: Path) -> None:
    root = tmp_path / "shared"
    job = Job("train", "ab12", "urls", str(root))
    (root / "ledgers").mkdir(parents=True)
    for target in (precious, tmp_path / "not there yet"):
        job.ledger.symlink_to(target)
        with pytest.raises(SetupError, match="cannot be written"), open_ledger(job):
            pass
        job.ledger.unlink()
    with open_ledger(job) as ledger:
        not_stored_list(ledger.path).with_suffix(".part").symlink_to(precious)
        write_not_stored(ledger, [("a.png", "https://a.org/1.png")])
    elsewhere = tmp_path / "elsewhere"
    (root / "ledgers").rename(elsewhere)
    (root / "ledgers").symlink_to(elsewhere)
    with pytest.raises(SetupError, match="is a symbolic link"), open_ledger(job):
        pass
    assert precious.read_text() == "not ours"
    assert not (tmp_path / "not there yet").exists()


def test_a_terminal_shows_names_and_obeys_none(capsys: pytest.CaptureFixture[str]) -> None:
    escape = "\x1b]0;title\x07\x9b2J\u202e"
    print_result({"unknown_concepts": [f"Sebastes{escape}"], escape: "[/red]"}, as_json=False)
    with pytest.raises(SystemExit), exit_status():
        raise InputError(f"a{escape}.json", [])
    shown = capsys.readouterr()
    assert "Sebastes" in shown.out and "[/red]" in shown.out and ".json" in shown.err
    assert not set(escape[:1] + "\x07\x9b\u202e") & {*shown.out, *shown.err}


def test_a_name_in_the_progress_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    monkeypatch.setattr(terminal, "errors", console)
    with terminal.progress_bar() as report:
        report(0.5, "writing [/no] [link=https://a.org]this[/link]")
    assert "writing [/no] [link=https://a.org]this[/link]" in screen.getvalue()


ACCEPTED = {
    ("S105", "credentials.py"),
    ("S311", "hosts.py"),
    ("S311", "orders.py"),
    ("S311", "split.py"),
}
"""The name of a secret; random numbers by which nothing is protected."""


def test_the_linter_s_security_rules_hold_with_every_exception_known() -> None:
    settings = SETTINGS["tool"]["ruff"]["lint"]
    assert "S" in settings["select"]
    given_up = {rule for rule in settings["ignore"] if re.fullmatch(r"S\d+", rule)}
    assert given_up == {"S101", "S603", "S607"}, "assert, and programs started without a shell"
    command = [sys.executable, "-m", "ruff", "check", "--select=S", "--ignore-noqa", "--no-cache"]
    options = [f"--ignore={','.join(given_up)}", "--output-format=json"]
    shipped = ["plugins", "inference/fathomnet_inference", "scripts"]
    run = subprocess.run(
        [*command, *options, *shipped], cwd=REPOSITORY, check=False, stdout=subprocess.PIPE
    )
    found = {(one["code"], Path(one["filename"]).name) for one in json.loads(run.stdout)}
    assert found == ACCEPTED
