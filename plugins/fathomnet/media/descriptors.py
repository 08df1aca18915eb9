"""How many connections this process may have open at once: each takes file descriptors."""

from contextlib import suppress
from pathlib import Path
from typing import Final

A_CONNECTION: Final = 4
"""A socket to the source, of which two may be tried, one to the store, and a file."""

SPARE: Final = 64
"""For ledgers, modules that are imported meanwhile, name resolution, and the program around."""


def affordable_connections(wanted: int) -> int:
    """Raises this process's limit of open files to what connections need, if the system lets it.

    A limit is only ever raised, and no further than its owner may: the hard limit.

    Args:
        wanted: connections to have open at once, 1 or more.

    Returns:
        how many of them there may be, at least 1.

    Examples:
        >>> affordable_connections(1)
        1
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit for sockets
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    try:
        open_now = len(list(Path("/dev/fd").iterdir()))
    except OSError:
        open_now = SPARE
    needed = open_now + SPARE + wanted * A_CONNECTION
    if soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):  # macOS has a lower limit than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(wanted, (soft - open_now - SPARE) // A_CONNECTION))
