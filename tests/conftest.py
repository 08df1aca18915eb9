"""What every test stands on: a private database, a private home, the plugin in this checkout."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fathomnet_voxel51.dataset.door import PUBLIC_API

from tests.support.drawn import Drawn, drawing_in
from tests.support.private_database import private_database
from tests.support.releases import is_newest

REPOSITORY = Path(__file__).parents[1]
SHARED_DATA = Path(os.environ.get("FATHOMNET_SHARED_DATA", REPOSITORY / "../shared/data"))

_resources = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """FiftyOne reads its settings when it is imported, so they are set before any test is."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return  # this process runs no tests: it hands them out to others
    # Exit handlers run last in, first out: FiftyOne's, which uses the database, runs before ours.
    atexit.register(_resources.close)
    scratch = Path(tempfile.mkdtemp(prefix="fathomnet-tests-"))
    _resources.callback(shutil.rmtree, scratch, ignore_errors=True)
    for name in ("home", "database", "datasets"):
        (scratch / name).mkdir()
    os.environ.update(
        HOME=str(scratch / "home"),
        FIFTYONE_DATABASE_URI=_resources.enter_context(private_database(scratch / "database")),
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DEFAULT_DATASET_DIR=str(scratch / "datasets"),
        FIFTYONE_PLUGINS_DIR=str(REPOSITORY),
        FIFTYONE_DO_NOT_TRACK="true",
        FIFTYONE_SHOW_PROGRESS_BARS="false",
    )
    if hasattr(config, "workerinput"):
        # Processes that share the processors would have their threads wait for one another.
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, because tests wait for browsers and other programs."""
    return min(os.cpu_count() or 1, 7) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that kill come first, and those that drive a browser evenly between the others.

    What takes minutes would keep one process busy at the end, when the others have no work left.
    Several browsers at a time would have to share the processors, and wait longer than they are
    patient.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    killing = [file for file in files if file.stem.startswith("test_kill")]
    driving = [file for file in files if file.parent.name == "e2e"]
    others = [*killing, *(file for file in files if file not in {*killing, *driving})]
    places = {file: at / len(alike) for alike in (driving, others) for at, file in enumerate(alike)}
    items[:] = [item for file in sorted(files, key=places.__getitem__) for item in files[file]]


def pytest_collection_finish() -> None:
    """Before a test sets anything in the environment."""
    if forking := sys.modules.get("tests.support.forking"):
        forking.start_server()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a test that was skipped is a test that failed.

    Except where an earlier release of FiftyOne lacks what it tests.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if skipped and os.environ.get("FATHOMNET_NO_SKIP") and exitstatus == 0:
        reasons = [str(report.longrepr) for report in skipped]
        refused = [one for one in reasons if is_newest() or "this FiftyOne" not in one]
        if refused:
            reporter.write_line(f"{len(refused)} tests were skipped, and none may be", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(params=["collection", "public API"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The test is run both ways of reading and writing."""
    monkeypatch.setenv(PUBLIC_API, "1" if request.param == "public API" else "0")
    return str(request.param)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Draws sets of the demo, each once for all test processes: see ``tests.support.drawn``."""
    own = tmp_path_factory.getbasetemp()
    return drawing_in(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real test split and the winner's real predictions, which the project may not carry."""
    if not (SHARED_DATA / "dataset_test.json").is_file():
        pytest.skip(f"no real data at {SHARED_DATA}; set FATHOMNET_SHARED_DATA to its folder")
    return SHARED_DATA


@pytest.fixture
def empty_queue() -> None:
    """Has no run listed that other tests have left; those about no dataset are with every one."""
    from fiftyone.core.odm import get_db_conn

    get_db_conn().delegated_ops.delete_many({})


@pytest.fixture
def dataset_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a dataset that is deleted when the test ends."""
    import fiftyone as fo

    name = f"test-{request.node.name[:60]}".replace("[", "-").replace("]", "")
    yield name
    if fo.dataset_exists(name):
        fo.delete_dataset(name)
