"""How a stage reports its progress to its caller."""

import re
import time
from collections.abc import Callable
from typing import Final

Progress = Callable[[float, str], None]
"""Called with the share done (0.0 to 1.0) and a label that a person can read."""


def silent(share: float, label: str) -> None:
    """A progress callback that does nothing."""


_NUMBERS: Final = re.compile(r"[\d.,]+")


def throttled(progress: Progress, interval: float = 0.5) -> Progress:
    """Passes on at most one report of the same work in ``interval`` seconds, and always the last.

    A delegated operation writes each report to the database; throttled, a stage may report every
    item regardless of that cost. A report of other work always passes: that may last for minutes,
    in which nothing is told.

    Args:
        progress: the callback that is expensive to call.
        interval: seconds between two reports; a report of 1.0 always passes, and so does one whose
            label differs from the last one by more than its numbers.

    Examples:
        >>> report = throttled(lambda share, label: print(label), interval=60)
        >>> for share in (0.1, 0.5):
        ...     report(share, f"{share:.0%} uploaded")
        10% uploaded
        >>> report(0.9, "comparing the files")
        comparing the files
        >>> report(1.0, "done")
        done
    """
    last, work = float("-inf"), ""

    def report(share: float, label: str) -> None:
        nonlocal last, work
        now = time.monotonic()
        told = _NUMBERS.sub("", label)
        if share >= 1.0 or now - last >= interval or told != work:
            last, work = now, told
            progress(share, label)

    return report


def portion(progress: Progress, start: float, end: float, prefix: str = "") -> Progress:
    """A callback for one part of a longer job, which maps its 0..1 to ``start``..``end``.

    Args:
        progress: the callback of the whole job.
        start: share of the whole at which the part begins.
        end: share of the whole at which the part ends.
        prefix: put before each label, for example ``"2/4 labels: "``.

    Examples:
        >>> report = portion(lambda share, label: print(share, label), 0.5, 1.0, "2/2 ranks: ")
        >>> report(0.5, "writing")
        0.75 2/2 ranks: writing
    """

    def report(share: float, label: str) -> None:
        progress(start + (end - start) * share, prefix + label)

    return report
