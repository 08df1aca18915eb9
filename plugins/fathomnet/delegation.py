"""Runs of operators: put one on FiftyOne's queue, follow it to its end, and see which there were.

The queue remembers what was scheduled. What somebody runs at once, from a form, is noted here: how
far it is, whether it is to stop, and what came of it once its dialog is closed.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from pymongo.errors import PyMongoError

from .errors import FathomNetError, OperationFailedError, SetupError
from .names import PLUGIN_NAME
from .progress import Progress
from .text import shortened

POLL_SECONDS = 0.5

NOTED: Final = 10
"""Runs at once that are remembered of a dataset; the oldest ones are forgotten."""
_STORE: Final = "fathomnet_runs"
_MEMBER: Final = 2_000
"""Characters that are kept of a member of what such a run returned."""

SILENCE: Final = timedelta(minutes=5)
"""Stages tell more often how far they are, but while many neighbours are looked for in a map."""


def queue(operator: str, dataset: Any, values: Mapping[str, Any]) -> str:
    """Queues an operation for whichever worker takes it.

    Args:
        operator: the operator's name without the plugin's.
        dataset: the dataset that it runs on, or its name, or a view; None if it needs none.
        values: its parameters, as JSON can hold them. They are stored in the database.

    Returns:
        the id of the operation.

    Raises:
        SetupError: FiftyOne does not see the plugin.
    """
    import fiftyone as fo
    import fiftyone.operators as foo

    uri = f"{PLUGIN_NAME}/{operator}"
    if not foo.operator_exists(uri):
        raise SetupError(
            f"FiftyOne does not see the plugin {PLUGIN_NAME}, so no worker could run {operator}. "
            "Install it with 'fiftyone plugins download', or set FIFTYONE_PLUGINS_DIR to the "
            "folder that holds its fiftyone.yml, for this program and for the worker."
        )
    target = "dataset" if dataset is None or isinstance(dataset, str | fo.Dataset) else "view"
    # A thread of its own has no running event loop, so this works in a notebook too.
    with ThreadPoolExecutor(max_workers=1) as pool:
        execution = pool.submit(
            foo.execute_operator,
            uri,
            {"params": dict(values)},
            **{target: dataset},
            request_delegation=True,
        ).result()
    return str(execution.result["id"])


def follow(operation_id: str, progress: Progress) -> dict[str, Any]:
    """Waits for a delegated operation, passing its progress on.

    Args:
        operation_id: what :func:`queue` returned.
        progress: called whenever the operation's own progress changes.

    Returns:
        the operation's result.

    Raises:
        OperationFailedError: it failed; the message is the operation's own.
    """
    from bson import ObjectId
    from fiftyone.operators.delegated import DelegatedOperationService
    from fiftyone.operators.executor import ExecutionRunState

    service = DelegatedOperationService()
    told: tuple[float, str] | None = None
    while True:
        operation = service.get(ObjectId(operation_id))
        state = operation.run_state
        status = operation.status
        if status is not None and status.label is not None:
            now = float(status.progress or 0.0), str(status.label)
        else:
            now = 0.0, "starting" if state == "running" else f"{state}, waiting for a worker"
        if unheard := _unheard(operation):
            now = now[0], f"{now[1]}; {unheard}"
        if now != told:
            progress(*now)
            told = now
        if state == ExecutionRunState.COMPLETED:
            return dict(operation.result.result or {})
        if state == ExecutionRunState.FAILED:
            raise OperationFailedError(_reason(operation.result))
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of an operator of this project: from FiftyOne's queue, or at once from a form.

    Attributes:
        id: of the operation, or the key under which it was noted.
        operator: its name without the plugin's.
        state: ``queued``, ``scheduled``, ``running``, ``completed`` or ``failed``.
        queued_at: UTC, when it was queued, or began at once; None where FiftyOne did not note it.
        values: its parameters.
        progress: the share done, 0 to 1.
        doing: what it does at the moment, or did last.
        unheard: what to do where it runs and nothing was heard of it for long; else empty.
        error: why it failed, without a traceback; empty where it did not.
        result: what it returned; empty until it is completed.
        at_once: whether it was not queued.
    """

    id: str
    operator: str
    state: str
    queued_at: datetime | None
    values: Mapping[str, Any]
    progress: float
    doing: str
    unheard: str
    error: str
    result: Mapping[str, Any]
    at_once: bool = False

    @property
    def waits(self) -> bool:
        """Whether no worker has taken it yet."""
        return self.state in ("queued", "scheduled")

    @property
    def ended(self) -> bool:
        """Whether it has a result, or a reason why it has none."""
        return self.state in ("completed", "failed")


def _unheard(operation: Any) -> str:
    """Explains an operation that runs by what FiftyOne says, and tells nothing of itself.

    One whose worker was killed stays so for ever.
    """
    if str(operation.run_state) != "running":
        return ""
    status = getattr(operation.status, "updated_at", None)
    heard = [one for one in (operation.started_at, operation.updated_at, status) if one is not None]
    advice = f"mark it as failed (fiftyone delegated fail {operation.id}) and run it again"
    return _silent_since(max(heard), f"if its worker was killed, {advice}") if heard else ""


def _silent_since(heard: datetime, advice: str) -> str:
    """That a run has said nothing for long, and what to do about it; empty if it was not long."""
    silence = _now() - heard
    if silence < SILENCE:
        return ""
    return f"no word for {silence // timedelta(minutes=1):,} minutes: {advice}"


def _now() -> datetime:
    """UTC, as FiftyOne writes it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def newest_runs(dataset: Any, most: int = 10) -> list[Run]:
    """The runs of this project on a dataset that were queued or begun last, the newest first.

    Those in the queue that were about no dataset, such as an upload, are among them.

    Args:
        dataset: a FiftyOne dataset.
        most: their number at most.
    """
    from fiftyone.factory import DelegatedOperationPagingParams
    from fiftyone.operators.delegated import DelegatedOperationService

    operations = DelegatedOperationService().list_operations(
        operator={"$regex": f"^{re.escape(PLUGIN_NAME)}/"},
        paging=DelegatedOperationPagingParams(limit=most),
        **{"$or": [{"dataset_id": dataset._doc.id}, {"dataset_id": None}]},
    )
    runs = []
    for one in operations:
        request = one.context.request_params if one.context else {}
        state = str(one.run_state)
        error = _reason(one.result) if state == "failed" else ""
        if error.startswith("Traceback"):
            error = error.rsplit("\n", 1)[-1]
        result = one.result.result if state == "completed" and one.result else None
        runs.append(
            Run(
                str(one.id),
                str(one.operator).rpartition("/")[2],
                state,
                one.queued_at,
                request.get("params") or {},
                float(getattr(one.status, "progress", None) or 0.0),
                str(getattr(one.status, "label", None) or ""),
                _unheard(one),
                error,
                result or {},
            )
        )
    runs += _noted_runs(dataset)
    return sorted(runs, key=lambda run: run.queued_at or datetime.min, reverse=True)[:most]


class Note:
    """What is noted of a run at once, while it runs."""

    def __init__(
        self, dataset: Any, operator: str, values: Mapping[str, Any], progress: Progress
    ) -> None:
        began = _now()
        self._store = None if dataset is None else _store(dataset)
        self._progress = progress
        self._key = f"run {began.isoformat()} {secrets.token_hex(4)}"
        self._noted: dict[str, Any] = {
            "operator": operator,
            "state": "running",
            "began": began.isoformat(),
            # As text, because the database takes no name of a column that begins with a dollar.
            "values": json.dumps(values),
        }
        if self._store:
            for key in sorted(_keys(self._store), reverse=True)[NOTED - 1 :]:
                for one in (key, _stop_of(key)):
                    self._store.delete(one)
        self.hears(0.0, "")

    def hears(self, share: float, label: str) -> None:
        """Notes how far the run is, and passes it on.

        Raises:
            OperationFailedError: somebody has cancelled it.
        """
        if self._store and (reason := self._store.get(_stop_of(self._key))):
            raise OperationFailedError(str(reason))
        self._write(progress=share, doing=label, heard=_now().isoformat())
        self._progress(share, label)

    def ends(self, result: Mapping[str, Any]) -> None:
        """Notes what the run returned, long members cut off."""
        told = {name: shortened(str(value), _MEMBER) for name, value in result.items()}
        self._write(state="completed", result=told)

    def fails(self, error: BaseException) -> None:
        """Notes why the run has no result."""
        # Where the database is the reason, that is what is to be told.
        with suppress(PyMongoError):
            self._write(state="failed", error=str(error) or type(error).__name__)

    def _write(self, **members: Any) -> None:
        self._noted |= members
        if self._store:
            self._store.set(self._key, self._noted)


@contextmanager
def noting(
    dataset: Any, operator: str, values: Mapping[str, Any], progress: Progress
) -> Iterator[Note]:
    """Notes a run at once, for ``newest_runs``; of the runs of a dataset the last ten are kept.

    Args:
        dataset: the FiftyOne dataset that is open; None to note nothing.
        operator: its name without the plugin's.
        values: its parameters, as JSON can hold them.
        progress: called with the share done and a label.
    """
    note = Note(dataset, operator, values, progress)
    try:
        yield note
    except BaseException as error:
        note.fails(error)
        raise


def _store(dataset: Any) -> Any:
    from fiftyone.operators.store import ExecutionStore

    return ExecutionStore.create(_STORE, dataset_id=dataset._doc.id)


def _keys(store: Any) -> list[str]:
    return [key for key in store.list_keys() if key.startswith("run ")]


def _stop_of(key: str) -> str:
    """Under which it is noted that a run is to stop, by whoever does not run it."""
    return f"stop {key}"


def _noted_runs(dataset: Any) -> list[Run]:
    """What is noted of runs at once."""
    store, runs = _store(dataset), []
    for key in _keys(store):
        noted = store.get(key)
        if noted is None:  # forgotten meanwhile
            continue
        unheard = ""
        if noted["state"] == "running":
            heard = datetime.fromisoformat(noted["heard"])
            unheard = _silent_since(heard, "if the App was stopped, run it again")
        runs.append(
            Run(
                key,
                noted["operator"],
                noted["state"],
                datetime.fromisoformat(noted["began"]),
                json.loads(noted["values"]),
                noted["progress"],
                noted["doing"],
                unheard,
                noted.get("error", ""),
                noted.get("result") or {},
                at_once=True,
            )
        )
    return runs


def cancel(dataset: Any, run: Run, reason: str) -> bool:
    """Takes a run out of the queue that no worker has taken yet: it counts as failed.

    One that somebody runs at once stops when it says next how far it is. What it has written stays,
    and is completed when it is run again.

    Args:
        dataset: the dataset that it was listed for.
        run: one of ``newest_runs``.
        reason: what is noted as its error.

    Returns:
        Whether it can still be cancelled; one that a worker has taken meanwhile is left alone.
    """
    from bson import ObjectId
    from fiftyone.operators.delegated import DelegatedOperationService
    from fiftyone.operators.executor import ExecutionResult

    if run.at_once and not run.ended:
        _store(dataset).set(_stop_of(run.id), reason)
        return True
    if not run.waits:
        return False
    failed = DelegatedOperationService().set_failed(
        ObjectId(run.id), result=ExecutionResult(error=reason), required_state=run.state
    )
    return failed is not None


def run_again(run: Run) -> str:
    """Queues a run once more, with the same parameters.

    Args:
        run: one of ``newest_runs``.

    Returns:
        the id of the new operation.

    Raises:
        OperationFailedError: FiftyOne does not take it.
    """
    from bson import ObjectId
    from fiftyone.operators.delegated import DelegatedOperationService

    try:
        return str(DelegatedOperationService().rerun_operation(ObjectId(run.id)).id)
    except ValueError as error:
        raise OperationFailedError(f"{run.operator} cannot be run again: {error}") from None


def _reason(result: Any) -> str:
    """The message of the project's own error at the end of a worker's traceback."""
    text = (getattr(result, "error", None) or "no reason was recorded").strip()
    # The worker's package may have another name than this one: FiftyOne names a plugin's modules.
    ours = "|".join(re.escape(path) for path in _paths_below_package(FathomNetError))
    raised = list(re.finditer(rf"^\S+(?:{ours}): ", text, re.MULTILINE))
    return text[raised[-1].end() :] if raised else text


def _paths_below_package(error: type[FathomNetError]) -> Iterator[str]:
    """Where an error and those derived from it are defined, such as ``.errors.InputError``."""
    package = __name__.rpartition(".")[0]
    yield f"{error.__module__.removeprefix(package)}.{error.__qualname__}"
    for derived in error.__subclasses__():
        yield from _paths_below_package(derived)
