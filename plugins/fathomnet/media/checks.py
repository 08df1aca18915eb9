"""One line of what ``check_setup`` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was checked.
        status: ``ok``, ``warn`` (works, with a limit) or ``fail``.
        detail: what was found.
        fix: what to do about it; empty if nothing needs doing.
    """

    name: str
    status: Status
    detail: str
    fix: str = ""

    @classmethod
    def failed(cls, name: str, error: Exception, otherwise: str = "") -> Check:
        """A failed check: the error's first line says what failed, the next lines how to fix it.

        Args:
            name: what was checked.
            error: what it ended with.
            otherwise: how to fix it, where the error does not say.
        """
        detail, _, fix = str(error).partition("\n")
        return cls(name, "fail", detail, fix or otherwise)
