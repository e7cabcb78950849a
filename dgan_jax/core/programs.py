"""Room for compiled programs: of XLA:CPU each takes hundreds of memory maps, of which Linux grants a process 65,530."""

import contextlib
from pathlib import Path

import jax

MAPS = Path("/proc/self/maps")
GRANTED = Path("/proc/sys/vm/max_map_count")


def make_room() -> bool:
    """Let go of all compiled programs if more than half of the memory maps are taken; whether that was so.

    Past the last map XLA crashes. What is still needed is compiled again, or read from the cache on the disk. To be
    called before work whose shapes differ from call to call, such as a photograph of any size.
    """
    with contextlib.suppress(OSError, ValueError):  # elsewhere than on Linux
        if MAPS.read_bytes().count(b"\n") > int(GRANTED.read_text()) // 2:
            jax.clear_caches()
            return True
    return False
