"""The database is restarted while a stage works on it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fathomnet_voxel51.errors import SetupError

from tests.faults import stages
from tests.faults.database import Database
from tests.faults.held import Held, Point, alone
from tests.faults.stages import CASES, Case, Files

DOWN_SECONDS = 0.5
UNDER_WAY_SECONDS = 0.5
"""After which a write that was let go has reached the server, which does not answer it."""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    server = Database(tmp_path_factory.mktemp("database"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def undisturbed(database: Database, files: Files) -> dict[str, Any]:
    """What each stage leaves behind when nothing happens."""
    return dict(alone(stages.left_by_each, files, uri=database.uri))


def marked(happens: str, end: str) -> list[Any]:
    return [
        pytest.param(
            case,
            id=case.name,
            marks=pytest.mark.fault(operator=case.name, happens=happens, end=end),
        )
        for case in CASES
    ]


@pytest.mark.parametrize(
    "case",
    marked(
        "the database is stopped between two writes and started again",
        "it waits, and ends as undisturbed",
    ),
)
def test_a_stage_waits_for_a_database_that_is_started_again(
    case: Case, database: Database, files: Files, undisturbed: dict[str, Any], either_way: str
) -> None:
    alone(stages.prepare, files, case.before, uri=database.uri)
    running = Held(case.stage, files, point=case.middle(either_way), uri=database.uri)
    running.wait()
    database.stop(signal.SIGTERM)
    running.go_on()
    time.sleep(DOWN_SECONDS)
    database.start()
    running.result()
    assert alone(stages.after, files, uri=database.uri) == undisturbed[case.name]


@pytest.mark.parametrize(
    "case",
    marked(
        "the database is killed while it writes, and started again",
        "it says that the database does not answer; run again, it ends as undisturbed",
    ),
)
def test_a_stage_whose_database_is_killed_is_finished_by_the_next_run(
    case: Case, database: Database, files: Files, undisturbed: dict[str, Any], either_way: str
) -> None:
    alone(stages.prepare, files, case.before, uri=database.uri)
    # Either way at what waits until a batch would outlive the database.
    batch = case.middle(either_way)
    if either_way == "public API":
        batch = Point("dataset.public_writes", "make_durable", batch.calls)
    running = Held(case.stage, files, point=batch, uri=database.uri)
    running.wait()
    database.freeze()
    running.go_on()
    time.sleep(UNDER_WAY_SECONDS)
    database.stop(signal.SIGKILL)
    database.start()
    ended = running.end()
    if not isinstance(ended, Exception):
        # The server was back before the last write was sent to it: the run went on.
        assert either_way == "public API"
        assert alone(stages.after, files, uri=database.uri) == undisturbed[case.name]
        return
    assert isinstance(ended, SetupError), ended
    said = str(ended)
    assert said.startswith(f"{case.name} was interrupted: the database does not answer (127.0.0.1:")
    assert said.endswith("run it again to go on from there.") and len(said) < 250
    if either_way == "collection":  # else the last batch may be there, and it would be all
        assert alone(stages.after, files, uri=database.uri) != undisturbed[case.name]
    assert alone(stages.after, files, case.stage, uri=database.uri) == undisturbed[case.name]
