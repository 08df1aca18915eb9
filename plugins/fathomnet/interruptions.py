"""Words failures of the database or the disk during a stage plainly."""

import errno
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from .errors import FathomNetError, SetupError

_AGAIN: Final = "What was written stays; run it again to go on from there."

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_WHAT_FOLLOWS: Final = re.compile(r" \(configured timeouts|, Timeout: |, full error: ")
"""What the driver adds to a message: its settings, the state of every server, their words."""

_CODES: Final = {
    91: "it is shutting down",
    11600: "it is shutting down",
    14031: "its disk is full",
}
"""MongoDB's codes for errors that are not a stage's fault, because it refuses everybody."""


@contextmanager
def told_plainly(work: str) -> Iterator[None]:
    """Wraps a stage; turns a lost database or a full disk into one of our own errors.

    Every stage can be killed at any instant and started again, so the advice is always the same.

    Args:
        work: what was being done, for the message.

    Raises:
        SetupError: instead of the database's or the system's own error.
    """
    try:
        yield
    except FathomNetError:
        raise
    except Exception as error:
        for cause in causes(error):
            problem = _database_problem(cause)
            if isinstance(cause, OSError) and cause.errno in _FULL:
                place = f" {cause.filename}" if cause.filename else " a file"
                full = f"the disk takes no more ({cause.strerror})"
                problem = f"{full}, so{place} cannot be written. Make room."
            if problem:
                raise SetupError(f"{work} was interrupted: {problem} {_AGAIN}") from error
        raise


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, as libraries wrap the errors of those that they use."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _database_problem(error: BaseException) -> str:
    """What is wrong with the database; empty if the error is about something else."""
    pymongo = sys.modules.get("pymongo.errors")
    if pymongo is None or not isinstance(error, pymongo.PyMongoError):
        return ""
    if isinstance(error, pymongo.ConnectionFailure):
        said = _WHAT_FOLLOWS.split(str(error), maxsplit=1)[0]
        return f"the database does not answer ({said}). See that it runs."
    details: Any = getattr(error, "details", None) or {}
    failed = (*details.get("writeErrors", ()), *details.get("writeConcernErrors", ()))
    codes = (getattr(error, "code", None), *(one.get("code") for one in failed))
    problem = next((_CODES[code] for code in codes if code in _CODES), None)
    return f"the database refuses all requests: {problem}." if problem else ""
