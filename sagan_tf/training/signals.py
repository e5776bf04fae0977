"""Signals that end training: the loop finishes its step and saves first."""

from __future__ import annotations

import contextlib
import signal

_CAUGHT = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether a signal has asked this process to stop.

    Attributes:
        signal_name: name of the signal, such as "SIGTERM"; None before one has come.
    """

    signal_name = None


@contextlib.contextmanager
def stop_request():
    """Catches the first signal inside its body; a second signal has its usual effect.

    Yields:
        A `StopRequest`, which the body asks between two steps.
    """
    request, usual = StopRequest(), {}

    def note(number, _):
        request.signal_name = signal.Signals(number).name
        restore()

    def restore():
        for number, handler in usual.items():
            signal.signal(number, handler)

    for number in _CAUGHT:
        usual[number] = signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
