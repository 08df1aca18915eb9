"""A first signal lets the part be finished, a second one does not."""

from __future__ import annotations

import signal
import time

import pytest
from fathomnet_inference import stop
from fathomnet_inference.stop import SIGNALS, StoppedError, handled_signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_heard_and_the_run_may_go_on_to_the_end_of_its_part(number: int) -> None:
    with handled_signals() as heard:
        heard.check("nothing is kept")
        signal.raise_signal(number)
        assert heard.asked_by == signal.Signals(number).name
        with pytest.raises(StoppedError, match=r"4 boxes are kept; run it again to go on"):
            heard.check("4 boxes are kept")


def test_the_echo_of_a_signal_is_not_a_second_one() -> None:
    with handled_signals():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)


def test_a_second_signal_means_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "ECHO_SECONDS", 0.01)
    with handled_signals():
        signal.raise_signal(signal.SIGUSR1)
        time.sleep(0.05)
        with pytest.raises(StoppedError, match="at once by SIGTERM, after SIGUSR1"):
            signal.raise_signal(signal.SIGTERM)


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with handled_signals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
