"""The project's exceptions: what was wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .text import shortened

FAULTS_SHOWN = 20

LONGEST_MESSAGE = 2_000
"""Characters of a message, whatever a file holds: about a screen of a form."""

_LONGEST_PLACE = 200
_LONGEST_SUBJECT = 300
_LONGEST_ADVICE = 500


class FathomNetError(Exception):
    """Base of every error that the project raises on purpose; its message fits on a screen."""

    def __str__(self) -> str:
        return shortened(super().__str__(), LONGEST_MESSAGE)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with an input.

    Attributes:
        place: where it is, in the words of the file's own format, for example
            ``annotations[12].bbox`` or ``line 40``.
        problem: what is wrong there and, where it helps, what was expected.

    Examples:
        >>> print(Fault("annotations[12].bbox", "has no area"))
        annotations[12].bbox: has no area
    """

    place: str
    problem: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "place", shortened(self.place, _LONGEST_PLACE))
        object.__setattr__(self, "problem", shortened(self.problem, LONGEST_MESSAGE))

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


class InputError(FathomNetError):
    """An input was checked completely and refused; nothing was written.

    Args:
        subject: the file, folder or parameter that was refused.
        faults: every fault that was found, with its place.
        advice: what to do next.

    Examples:
        >>> print(InputError("test.json", [Fault("images", "is missing")], "Correct the file."))
        test.json: 1 fault, nothing was written
          images: is missing
        Correct the file.
    """

    def __init__(self, subject: str, faults: Iterable[Fault], advice: str = "") -> None:
        self.subject = subject
        self.faults = tuple(faults)
        self.advice = advice
        super().__init__(self._message())

    def _message(self) -> str:
        noun = "fault" if len(self.faults) == 1 else "faults"
        # Of a long path the end tells most.
        hidden = len(self.subject) - _LONGEST_SUBJECT
        subject = self.subject if hidden <= 0 else f"…{self.subject[hidden + 1 :]}"
        head = f"{subject}: {len(self.faults):,} {noun}, nothing was written"
        advice = shortened(self.advice, _LONGEST_ADVICE)
        room = LONGEST_MESSAGE - len(f"{head}\n{advice}\n  and {len(self.faults):,} more")
        # One long fault must not hide the others.
        longest = max(room // 3, room // max(len(self.faults), 1)) - len("\n  ")
        shown: list[str] = []
        for fault in self.faults[:FAULTS_SHOWN]:
            line = f"  {shortened(str(fault), longest)}"
            room -= len(line) + 1
            if room < 0:
                break
            shown.append(line)
        hidden = len(self.faults) - len(shown)
        if hidden:
            shown.append(f"  and {hidden:,} more")
        return "\n".join([head, *shown, *([advice] if advice else [])])

    def __reduce__(self) -> tuple[type[InputError], tuple[str, tuple[Fault, ...], str]]:
        # Exceptions pickle by their message; ours must survive worker processes with its faults.
        return (type(self), (self.subject, self.faults, self.advice))


class DatasetError(FathomNetError):
    """A FiftyOne dataset is not in the state that a stage needs."""


class SetupError(FathomNetError):
    """Something that a stage needs is not installed, not configured or not reachable."""


class WorkflowError(FathomNetError):
    """A stage of a workflow failed after others had finished."""


class OperationFailedError(FathomNetError):
    """A delegated operation ended with an error."""
