"""On whose behalf work is done: FiftyOne's user if it has users, else the process's account."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Final

_name: Final[ContextVar[str]] = ContextVar("fathomnet_acting_user", default="")


def acting_user() -> str:
    """The name of the user, for a journal; empty if there is none."""
    if name := _name.get():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Sets the user who requested the work in the block, in this context only; empty for nobody."""
    token = _name.set(name)
    try:
        yield
    finally:
        _name.reset(token)
