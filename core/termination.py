"""How a command that repeats its work is told to stop."""

import signal
import threading


def set_on_termination() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set from now on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        # in a thread: the signal may find this one inside stop.wait(), which holds the lock that set() waits for
        signal.signal(number, lambda *received: threading.Thread(target=stop.set).start())
    return stop
