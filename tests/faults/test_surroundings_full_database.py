"""The disk of the database is full in the middle of a stage."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import fiftyone as fo
import pytest
from fathomnet_voxel51.errors import FathomNetError, SetupError
from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, PyMongoError

from tests.faults import stages
from tests.faults.database import Database
from tests.faults.held import alone, at
from tests.faults.small_disk import SmallDisk, on_small_disk
from tests.faults.stages import OF_NAME, Files

DISK_KILOBYTES = 32_768
SMALL_JOURNAL = ("--wiredTigerEngineConfigString", "log=(file_max=128KB,prealloc=false)")
"""Otherwise it begins with a hundred megabytes, set aside while there is room for them."""
IMPATIENT = "serverSelectionTimeoutMS=1000"


def take_all_room(disk: SmallDisk, database: Database) -> None:
    """Takes what is free on the disk, then what the server has set aside for its journal."""
    disk.fill()
    size = 16_384
    with MongoClient[Any](f"{database.uri}/?{IMPATIENT}", journal=True) as client:
        while size:
            try:
                client.others.notes.insert_one({"note": secrets.token_bytes(size)})
            except ConnectionFailure:
                return  # a server that cannot write its journal ends itself
            except PyMongoError:
                size //= 2


def imported_without_room(place: Path, files: Files, way: str) -> tuple[Any, ...]:
    """Imports while nothing more fits on the database's disk, and once more when there is room."""
    disk = SmallDisk(place, DISK_KILOBYTES)
    (place / "files").mkdir()
    database = Database(place / "files", SMALL_JOURNAL)
    database.start()
    os.environ["FIFTYONE_DATABASE_URI"] = fo.config.database_uri = f"{database.uri}/?{IMPATIENT}"
    stages.ingest(files)
    at(OF_NAME["import_predictions"].middle(way), lambda: take_all_room(disk, database))
    error: FathomNetError | None = None
    try:
        stages.import_(files)
    except FathomNetError as problem:
        error = problem
    disk.empty()
    database.stop()
    database.start()
    left = stages.content()
    stages.import_(files)
    last = stages.content()
    database.stop()
    return error, left, last


@pytest.mark.fault(
    operator="import_predictions",
    happens="the disk of the database is full",
    end="it says so; with room and the database started again, a run ends as undisturbed",
)
def test_an_import_goes_on_when_the_database_has_room_again(
    files: Files, tmp_path: Path, either_way: str
) -> None:
    alone(stages.prepare, files, (stages.ingest,))
    undisturbed = alone(stages.after, files, stages.import_)
    error, left, last = on_small_disk(imported_without_room, tmp_path / "disk", files, either_way)
    assert isinstance(error, SetupError), error
    assert "import_predictions was interrupted" in str(error)
    assert left != undisturbed and last == undisturbed
    stages.delete()
