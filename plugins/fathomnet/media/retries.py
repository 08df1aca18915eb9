"""Several attempts at what may pass, with random waits between them, wherever images move."""

import tenacity

from .outcomes import ItemError


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
