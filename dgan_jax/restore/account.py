"""What is told of a restoration besides its pixels: seconds, coverage, the seam, what was estimated."""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dgan_jax.core.files import write_atomically
from dgan_jax.core.machine import hardware, versions

TOOL = "dgan restore"
RING = 4
"""Pixels around a hole whose own steps its border is compared with."""


def coverage(hole: np.ndarray) -> dict[str, float]:
    """Of a hole [H, W, 1]."""
    return {"pixels": int((hole > 0).sum()), "share": float((hole > 0).mean())}


def seam(image: np.ndarray, hole: np.ndarray) -> float | None:
    """How much larger steps across the border of a hole are than those between known pixels just outside of it, in
    percent of the range: a seam that shows is well above 0. None where nothing can be compared.

    The figure `seam` of `dgan evaluate` compares with the original, which a user does not have.
    """
    missing = hole[..., 0] > 0
    rows, columns = np.flatnonzero(missing.any(1)), np.flatnonzero(missing.any(0))
    if not len(rows):
        return None
    near = lambda places: slice(max(0, places[0] - 2 * RING), places[-1] + 1 + 2 * RING)
    here = near(rows), near(columns)
    values = image[here].astype(np.float32) * np.float32(100 / np.iinfo(image.dtype).max)
    missing = missing[here]
    ring = cv2.dilate(missing.astype(np.uint8), np.ones((2 * RING + 1,) * 2, np.uint8)) > 0
    ring &= ~missing
    sums = np.zeros((2, 2))
    for axis in (0, 1):
        step = np.abs(np.diff(values, axis=axis)).mean(-1)
        before, after = ([slice(None), slice(None)] for _ in range(2))
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        one, other = tuple(before), tuple(after)
        for i, pairs in enumerate((missing[one] != missing[other], ring[one] & ring[other])):
            sums[i] += step[pairs].sum(), pairs.sum()
    return float(sums[0, 0] / sums[0, 1] - sums[1, 0] / sums[1, 1]) if sums[:, 1].all() else None


def peak_bytes() -> int | None:
    """The most memory that this process has held; None where nothing says so."""
    try:
        import resource
    except ImportError:
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else 1024 * held


@dataclasses.dataclass
class Entry:
    """Of one photograph. `about` is what the report holds, as plain data."""

    photo: str
    about: dict[str, Any] = dataclasses.field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """The seconds of what is done inside are added to those of its name."""
        clock = time.perf_counter()
        try:
            yield
        finally:
            seconds = self.about.setdefault("seconds", {})
            seconds[what] = round(seconds.get(what, 0.0) + time.perf_counter() - clock, 3)

    def note(self, text: str) -> None:
        self.about.setdefault("notes", []).append(text)


class Report:
    """Of a whole command: an entry for each photograph, what is common to all, written as one JSON file."""

    def __init__(self, command: Mapping[str, Any]) -> None:
        self.command, self.entries, self.began = dict(command), list[Entry](), time.perf_counter()

    def entry(self, photo: Path) -> Entry:
        self.entries.append(Entry(str(photo)))
        return self.entries[-1]

    def write(self, path: Path) -> None:
        found = {
            "tool": TOOL,
            "command": self.command,
            "seconds": round(time.perf_counter() - self.began, 3),
            "peak_bytes": peak_bytes(),
            "versions": versions(),
            **hardware(),
            "photographs": [{"photo": entry.photo, **entry.about} for entry in self.entries],
        }
        text = json.dumps(found, indent=2, default=str, allow_nan=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, os.fsencode(text))


def check_report(path: Path) -> None:
    """A ValueError where a report would take the place of something else than an earlier one."""
    if not os.path.lexists(path):
        return
    try:
        if path.is_file() and json.loads(path.read_text())["tool"] == TOOL:
            return
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(
        f"{path} is there already, is no report of dgan restore, and is not replaced; give another --report"
    )
