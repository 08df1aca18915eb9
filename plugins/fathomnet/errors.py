"""The project's exceptions: what was wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

FAULTS_SHOWN = 20


class FathomNetError(Exception):
    """Base of every error that the project raises on purpose."""


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
        shown = [f"  {fault}" for fault in self.faults[:FAULTS_SHOWN]]
        hidden = len(self.faults) - len(shown)
        if hidden:
            shown.append(f"  and {hidden:,} more")
        noun = "fault" if len(self.faults) == 1 else "faults"
        lines = [f"{self.subject}: {len(self.faults):,} {noun}, nothing was written", *shown]
        if advice:
            lines.append(advice)
        super().__init__("\n".join(lines))

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
