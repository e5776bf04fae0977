"""Signals that end training: the loop finishes its step and saves first."""

from __future__ import annotations

import contextlib
import signal
import threading

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class StopRequest:
    """Whether a signal has asked this process to stop.

    Attributes:
        can_come: whether signals are caught; only the main thread of a process can catch them.
        signal_name: name of the signal, such as "SIGTERM"; None before one has come.
    """

    def __init__(self, can_come):
        self.can_come, self.signal_name = can_come, None


def that_stop():
    """Returns the numbers of the signals that end a program and that this process can catch.

    A SIGHUP that the process ignores, as under `nohup`, stays ignored. There are none outside the
    main thread, where Python cannot catch signals.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    hangup = getattr(signal, "SIGHUP", None)
    return [n for n in numbers if n != hangup or signal.getsignal(n) != signal.SIG_IGN]


@contextlib.contextmanager
def stop_request():
    """Catches the first signal inside its body; a second signal has its usual effect.

    `that_stop` says which signals; all others keep their usual effect.

    Yields:
        A `StopRequest`, which the body asks between two steps.
    """
    numbers = that_stop()
    request, usual = StopRequest(bool(numbers)), {}

    def note(number, _):
        request.signal_name = signal.Signals(number).name
        restore()

    def restore():
        for number, handler in usual.items():
            # None is a handler that was not set from Python and cannot be put back.
            signal.signal(number, handler or signal.SIG_DFL)

    for number in numbers:
        usual[number] = signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
