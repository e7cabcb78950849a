"""Room for compiled programs. XLA:CPU keeps tens of megabytes for each, and hundreds of memory maps."""

import contextlib
import ctypes
import gc
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

import jax

from dgan_jax.core.machine import resident

MAPS = Path("/proc/self/maps")
GRANTED = Path("/proc/sys/vm/max_map_count")
KEPT = 768 * 2**20
"""Bytes by which a process may have grown since it had no programs."""
HELD = 16
"""Programs that one owner keeps: those of the sizes that it met last."""

_owners: "weakref.WeakSet[Programs]" = weakref.WeakSet()
_bare = 0


class Programs:
    """Compiled functions by what they compute and the shapes that they are called with; the least used go first."""

    def __init__(self) -> None:
        self.held: dict[Any, Any] = {}
        _owners.add(self)

    def get(self, name: Hashable, shapes: Any, compiled: Callable[[], Any]) -> Any:
        """The program that is kept, or a new one."""
        key = name, jax.tree.structure(shapes), tuple(jax.tree.leaves(shapes))
        found = self.held.pop(key, None)
        if found is None:
            found = compiled()
        self.held[key] = found
        while len(self.held) > HELD:
            del self.held[next(iter(self.held))]
        return found

    def __len__(self) -> int:
        return len(self.held)


def make_room() -> bool:
    """Let go of all compiled programs if more than half of the memory maps are taken, or `KEPT` bytes; whether it was
    so.

    Past the last map XLA crashes. What is still needed is compiled again, or read from the cache on the disk. To be
    called before work whose shapes differ from call to call, such as a photograph of any size, while no pictures are
    held: bytes of them count, too.
    """
    global _bare
    _bare = _bare or resident()
    if not crowded() and resident() - _bare <= KEPT:
        return False
    for owner in _owners:
        owner.held.clear()
    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # elsewhere than with glibc
        ctypes.CDLL(None).malloc_trim(0)
    _bare = resident()
    return True


def crowded() -> bool:
    """Whether more than half of the memory maps that Linux grants a process are taken."""
    with contextlib.suppress(OSError, ValueError):  # elsewhere than on Linux
        return MAPS.read_bytes().count(b"\n") > int(GRANTED.read_text()) // 2
    return False
