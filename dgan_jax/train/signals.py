"""Asking a run to stop: SIGINT and SIGTERM, on this host or on any other."""

import contextlib
import signal
from collections.abc import Callable, Iterator

from dgan_jax.train.parallel import on_any_host


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """SIGINT and SIGTERM ask for a stop at the next step boundary instead of ending the process.

    Yields `stopped()`, which all hosts must call equally often: it is true on all of them once one was asked.
    """
    received: list[int] = []
    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(ValueError):  # not in the main thread
            previous[number] = signal.signal(number, lambda n, _: received.append(n))
    try:
        yield lambda: on_any_host(bool(received))
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
