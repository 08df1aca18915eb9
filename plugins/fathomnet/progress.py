"""How a stage reports its progress to its caller."""

import time
from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called with the share done (0.0 to 1.0) and a label that a person can read."""


def silent(share: float, label: str) -> None:
    """A progress callback that does nothing."""


def throttled(progress: Progress, interval: float = 0.5) -> Progress:
    """Passes on at most one report in ``interval`` seconds, and always the last one.

    A delegated operation writes each report to the database; throttled, a stage may report every
    item regardless of that cost.

    Args:
        progress: the callback that is expensive to call.
        interval: seconds between two reports; a report of 1.0 always passes.

    Examples:
        >>> report = throttled(lambda share, label: print(label), interval=60)
        >>> for share in (0.1, 0.5, 1.0):
        ...     report(share, f"{share:.0%} uploaded")
        10% uploaded
        100% uploaded
    """
    last = float("-inf")

    def report(share: float, label: str) -> None:
        nonlocal last
        now = time.monotonic()
        if share >= 1.0 or now - last >= interval:
            last = now
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
