"""The possible outcomes for an image, and the errors that stand for them.

What may pass is attempted several times, with random waits, wherever images move.
"""

from typing import Final, Literal, get_args

import tenacity

from ..errors import FathomNetError

Outcome = Literal["stored", "present", "missing", "rejected", "failed"]
"""``stored`` by this run; ``present`` and whole before it; ``missing`` at its source (404, 410);
``rejected``: what came is no whole image, or may not be fetched; ``failed``: it could not be moved.
"""

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class ItemError(FathomNetError):
    """One image could not be moved; the transfer of others continues.

    Args:
        reason: what happened, without a URL's query, which may hold a signature.
        again: whether another attempt may succeed.
        wait: seconds that the other side asked to wait (``Retry-After``).
    """

    outcome: Outcome = "failed"

    def __init__(self, reason: str, *, again: bool = True, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.wait = wait


class MissingError(ItemError):
    """The source says that there is no such image."""

    outcome = "missing"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, again=False)


class RejectedError(ItemError):
    """What the source sends is not a whole image, or may not be fetched.

    Args:
        reason: what happened.
        again: whether another attempt may succeed.
        seen: what came, as far as it was looked at; the same twice will not change.
    """

    outcome = "rejected"

    def __init__(self, reason: str, *, again: bool = True, seen: bytes = b"") -> None:
        super().__init__(reason, again=again)
        self.seen = seen


class RefusedError(ItemError):
    """The other side does not let this process in, and will hardly let it in for other images.

    Args:
        reason: what it answers.
        advice: what gets this process in.
        again: whether another attempt may succeed.
    """

    def __init__(self, reason: str, advice: str = "", *, again: bool = True) -> None:
        super().__init__(reason, again=again)
        self.advice = advice


class BusyError(ItemError):
    """A host as a whole refuses or does not answer, so all requests to it wait, not just this one.

    Raised for 429 and 503, and where no connection can be made.

    Attributes:
        for_everybody: whether the host has answered nobody in the meantime, so that the attempt
            says nothing about this image; set by ``hosts``.
    """

    for_everybody: bool = False


class ConflictError(ItemError):
    """An object of this name exists already, in an unexpected version."""


def attempts(
    most: int, first_wait: float, longest_wait: float, final: tuple[type[ItemError], ...] = ()
) -> tenacity.AsyncRetrying:
    """Makes attempts until one succeeds or fails for good; the last one's error is raised.

    The wait after attempt n is random between 0 and ``first_wait * 2^n`` seconds, so that many that
    fail at once try again apart; where the other side asks to wait longer, it is so long.

    Args:
        most: attempts in all.
        first_wait: seconds.
        longest_wait: the most seconds of a random wait.
        final: errors after which another attempt is not worth making here.
    """
    jitter = tenacity.wait_random_exponential(2 * first_wait, longest_wait)

    def may_pass(error: BaseException) -> bool:
        return isinstance(error, ItemError) and error.again and not isinstance(error, final)

    def wait(state: tenacity.RetryCallState) -> float:
        asked = getattr(state.outcome and state.outcome.exception(), "wait", None)
        return max(asked or 0.0, jitter(state))

    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(may_pass),
        stop=tenacity.stop_after_attempt(most),
        wait=wait,
        reraise=True,
    )
