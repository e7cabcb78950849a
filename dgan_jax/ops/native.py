"""Loops that no array library runs well, compiled by Numba at their first call.

A patch search looks at few of many places and stops early: in XLA, on a CPU, a comparison of two patches costs ten
times as much, since every candidate is gathered before any is compared.
"""

from collections.abc import Callable
from typing import Any

import numba

OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": True, "error_model": "numpy"}
"""Without the GIL, so that threads run side by side; a sum's order is the compiler's, the same at every call."""


def native(function: Callable[..., Any]) -> Any:
    """The function compiled, and kept on the disk for the next process where a folder for that can be written.

    Numba looks at the file of the function alone to know whether what it kept is stale: a kernel that calls another
    must stand in the same file.
    """
    try:
        return numba.njit(function, cache=True, **OPTIONS)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return numba.njit(function, **OPTIONS)
