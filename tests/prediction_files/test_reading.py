"""Predictions are read exactly, or refused with the line of every fault, or written whole."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow.parquet as pq
import pytest
from fathomnet_voxel51.errors import InputError
from fathomnet_voxel51.prediction_files import Predictions, read_predictions
from fathomnet_voxel51.prediction_files.reading import write_predictions
from fathomnet_voxel51.taxonomy import load_taxonomy

from tests.conftest import REPOSITORY, SHARED_DATA
from tests.support.malformed import MALFORMED_COCO, MALFORMED_PREDICTIONS, MalformedFile
from tests.support.malformed_predictions import CONCEPTS, SOUND_PREDICTIONS, run_rows

REAL_FILE = SHARED_DATA / "submission_experiment-final014.csv"
PROBABILITIES = np.array([[0.25, 0.5, 0.25], [1, 0, 0], [0, 1, 0]], dtype=np.float32)


def read(path: Path, skip_bad_rows: bool = False) -> Predictions:
    taxonomy = load_taxonomy()
    return read_predictions(path, taxonomy.canonical, taxonomy.suggest, skip_bad_rows)


def write(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("file", MALFORMED_PREDICTIONS, ids=lambda file: file.name)
def test_a_malformed_file_is_read_or_refused_with_the_line(
    file: MalformedFile, tmp_path: Path
) -> None:
    path = file.write(tmp_path)
    if file.accepted:
        predictions = read(path)
        assert sorted(predictions.annotation_id) == [1, 2, 3]
        assert set(predictions.concept_name) <= {*CONCEPTS, "Caridea"}
    else:
        with pytest.raises(InputError) as refusal:
            read(path)
        assert not [place for place in file.places if place not in str(refusal.value)]


def test_the_names_of_malformed_files_are_unique() -> None:
    names = [file.name for file in MALFORMED_PREDICTIONS]
    assert len(set(names)) == len(names) >= 30
    assert all(file.accepted != bool(file.places) for file in MALFORMED_PREDICTIONS)
    assert len(MALFORMED_COCO) + len(MALFORMED_PREDICTIONS) >= 60


def test_the_real_predictions_are_read_as_written() -> None:
    predictions = read(REAL_FILE)
    with REAL_FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(predictions) == len(rows) == 788
    assert predictions.annotation_id.tolist() == [int(row["annotation_id"]) for row in rows]
    assert predictions.concept_name.tolist() == [row["concept_name"] for row in rows]
    assert predictions.lines.tolist() == list(range(2, 790))
    assert (predictions.confidence, predictions.rank, predictions.probabilities) == (None,) * 3
    assert predictions.sha256 == hashlib.sha256(REAL_FILE.read_bytes()).hexdigest()
    assert (predictions.source, predictions.manifest, predictions.rejected) == (
        REAL_FILE.name,
        None,
        (),
    )


def test_lines_are_those_an_editor_shows(tmp_path: Path) -> None:
    text = 'annotation_id,concept_name\n1,"Scotoplanes\n globosa"\n\n2,Porifera\r\n3,Caridea\n'
    assert read(write(tmp_path, text)).lines.tolist() == [2, 5, 6]


def test_confidence_and_rank_come_along(tmp_path: Path) -> None:
    text = "annotation_id,concept_name,rank,confidence\n1,Porifera,phylum,0.5\n2,Caridea,,1e-3\n"
    predictions = read(write(tmp_path, text))
    assert predictions.confidence is not None and predictions.rank is not None
    assert predictions.confidence.tolist() == [0.5, np.float32(0.001)]
    assert predictions.rank.tolist() == ["phylum", None]


def test_all_faulty_rows_are_reported_together_and_in_order(tmp_path: Path) -> None:
    text = "annotation_id,concept_name\nx,Porifera\n1,Porifera,0\n2,Porifera\n2,Nothing\n"
    with pytest.raises(InputError) as refusal:
        read(write(tmp_path, text))
    assert [fault.place for fault in refusal.value.faults] == ["line 2", "line 3", "line 5"]


def test_bad_rows_are_skipped_on_request_and_listed(tmp_path: Path) -> None:
    text = (
        "annotation_id,concept_name\nx,Porifera\n1,Porifera,0\n2,Porifera\n2,Caridea\n7,Caridea\n"
    )
    predictions = read(write(tmp_path, text), skip_bad_rows=True)
    assert predictions.annotation_id.tolist() == [2, 7]
    assert predictions.concept_name.tolist() == ["Porifera", "Caridea"]
    assert predictions.lines.tolist() == [4, 6]
    assert [fault.place for fault in predictions.rejected] == ["line 2", "line 3", "line 5"]


def test_a_file_without_a_sound_row_is_refused_even_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 2"):
        read(write(tmp_path, "annotation_id,concept_name\nx,Porifera\n"), skip_bad_rows=True)


def test_a_run_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_predictions(tmp_path / "run", run_rows(), {"concepts": CONCEPTS}, PROBABILITIES)
    run = read(tmp_path / "run")
    assert run.annotation_id.tolist() == [1, 2, 3]
    assert run.concept_name.tolist() == CONCEPTS
    assert run.confidence is not None and run.rank is not None and run.probabilities is not None
    assert run.confidence.tolist() == [0.5, 0.75, 0.25]
    assert run.rank.tolist() == ["genus", "phylum", "species"]
    assert run.probabilities.tolist() == [[1, 0, 0], [0, 1, 0], [0.25, 0.5, 0.25]]
    assert run.probabilities.dtype == np.float32
    assert (run.concepts, run.source, run.unit) == (tuple(CONCEPTS), "run", "row")
    assert run.ignored == ()


def test_the_files_of_a_run_are_those_of_the_contract(tmp_path: Path) -> None:
    write_predictions(tmp_path, run_rows(), {"concepts": CONCEPTS, "seed": 42}, PROBABILITIES)
    assert (tmp_path / "predictions.csv").read_bytes() == SOUND_PREDICTIONS
    schema = pq.read_schema(tmp_path / "predictions.parquet")
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "annotation_id": "int64",
        "image_id": "int64",
        "concept_name": "string",
        "confidence": "float",
        "rank": "string",
        "probabilities": "fixed_size_list<element: float>[3]",
    }
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["format_version"], manifest["concepts"], manifest["seed"]) == (1, CONCEPTS, 42)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "manifest.json",
        "predictions.csv",
        "predictions.parquet",
    ]


def test_the_hash_of_a_run_is_that_of_the_list_of_its_hashes(tmp_path: Path) -> None:
    write_predictions(tmp_path, run_rows(), {})
    names = ("manifest.json", "predictions.csv", "predictions.parquet")
    hashes = {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in names}
    listing = "".join(f"{hashes[name]}  {name}\n" for name in names)
    assert read(tmp_path).sha256 == hashlib.sha256(listing.encode()).hexdigest()


def test_a_lone_parquet_file_takes_the_manifest_beside_it(tmp_path: Path) -> None:
    write_predictions(tmp_path, run_rows(), {"concepts": CONCEPTS}, PROBABILITIES)
    assert read(tmp_path / "predictions.parquet").concepts == tuple(CONCEPTS)


def test_a_run_of_which_one_file_was_changed_is_refused(tmp_path: Path) -> None:
    write_predictions(tmp_path, run_rows(), {})
    changed = SOUND_PREDICTIONS.replace(b"Porifera", b"Caridea")
    (tmp_path / "predictions.csv").write_bytes(changed)
    with pytest.raises(InputError, match=r"predictions\.csv: .*hash"):
        read(tmp_path)


def test_a_run_is_not_written_where_its_parts_do_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(InputError, match="expected"):
        write_predictions(folder, run_rows(), {"concepts": CONCEPTS[:2]}, PROBABILITIES)
    with pytest.raises(InputError, match="annotation_id: 3 is in more than one row"):
        write_predictions(folder, run_rows().assign(annotation_id=3), {})
    with pytest.raises(InputError, match="image_id"):
        write_predictions(folder, run_rows().drop(columns="image_id"), {})
    assert not folder.exists()


@pytest.mark.fault(
    operator="import_predictions",
    happens="who wrote the run's files was killed between two of them",
    end="refused, because the hashes do not agree",
)
@pytest.mark.parametrize("renamed", [1, 2])
def test_a_writer_killed_between_two_renames_leaves_a_run_that_is_refused(
    tmp_path: Path, renamed: int
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write_predictions(before, run_rows(), {})
    write_predictions(after, run_rows().assign(concept_name="Caridea"), {})
    for name in ("predictions.csv", "predictions.parquet", "manifest.json")[:renamed]:
        (after / name).replace(before / name)
    with pytest.raises(InputError, match="hash"):
        read(before)


@pytest.mark.fault(
    operator="import_predictions",
    happens="who writes the run's files is killed at work",
    end="each file is whole; written again, the run is read",
)
def test_a_writer_killed_at_work_leaves_whole_files(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from fathomnet_voxel51.prediction_files.reading import write_predictions\n"
        "from tests.support.malformed_predictions import run_rows\n"
        "while True:\n"
        "    write_predictions(sys.argv[1], run_rows(), {})\n"
        "    print('written', flush=True)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    for _ in range(10):
        assert writer.stdout.readline() == b"written\n"
    writer.kill()
    writer.communicate()
    # The rows are the same in every round, so that the csv has but one complete content.
    assert (tmp_path / "predictions.csv").read_bytes() == SOUND_PREDICTIONS
    assert read(tmp_path / "predictions.parquet").concept_name.tolist() == CONCEPTS
    write_predictions(tmp_path, run_rows(), {})
    assert read(tmp_path).annotation_id.tolist() == [1, 2, 3]


def test_a_quarter_of_a_million_rows_are_read_in_seconds(tmp_path: Path) -> None:
    rows = "".join(f"{number},Porifera\n" for number in range(244_870))
    path = write(tmp_path, "annotation_id,concept_name\n" + rows)
    start = process_time()
    assert len(read(path)) == 244_870
    assert process_time() - start < 5
