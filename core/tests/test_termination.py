"""A command that repeats its work stops, whatever it was just doing."""

import os
import signal

import pytest

from core import termination


@pytest.fixture
def stop():
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield termination.set_on_termination()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_signal_that_comes_while_the_wait_begins_is_no_deadlock(stop):
    with stop._cond:  # as Event.wait() has it when it begins and ends
        os.kill(os.getpid(), signal.SIGTERM)
        assert not stop.is_set()
    assert stop.wait(60)
