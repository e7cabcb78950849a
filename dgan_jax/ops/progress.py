"""How far a long computation on the host is, told to whoever listens: without an argument through every function.

Who listens says so with `heard`; who works calls `tell`, or `part` around what is one of several.
"""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Observe = Callable[[int, int], None]
"""(done, of how many)."""

_listener: contextvars.ContextVar[Observe | None] = contextvars.ContextVar("progress", default=None)


@contextmanager
def heard(observe: Observe | None) -> Iterator[None]:
    """What is told inside goes to `observe`, in this thread."""
    token = _listener.set(observe)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(done: int, of: int) -> None:
    """So much is done; nothing happens where nobody listens."""
    observe = _listener.get()
    if observe is not None and of > 0:
        observe(done, of)


def part(number: int, of: int) -> AbstractContextManager[None]:
    """What is told inside is of one part, from 0, of so many of equal length."""
    outer = _listener.get()
    return heard(None if outer is None else lambda done, all_: outer(number * all_ + done, of * all_))


def steps(of: int) -> Callable[[], None]:
    """Called once for each of so many parts that is done, from whatever thread; what they tell themselves is lost."""
    observe, lock, done = _listener.get(), threading.Lock(), [0]

    def step() -> None:
        with lock:
            done[0] += 1
            if observe is not None:
                observe(done[0], of)

    return step
