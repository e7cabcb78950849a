"""What the page orders, and what comes back: plain data, which goes from one process to the other."""

import dataclasses
from pathlib import Path

TASKS = {
    "inpaint": "Parts are missing: a hole", "denoise": "Noise", "superres": "Too small: enlarge it",
    "jpeg": "Strong compression (JPEG)", "deblur": "Blur", "dehaze": "Haze",
}  # fmt: skip
"""What the page can ask for, in its words."""
MOST_SAMPLES = 16


@dataclasses.dataclass(frozen=True)
class Method:
    """Something that can do a task. name: weights or a run by its place, or "system:" and a classical system's name.

    realism: what it restores with unless it is told, None where there is nothing to choose. draws: whether another key
    gives another restoration.
    """

    task: str
    what: str
    name: str
    title: str
    realism: float | None
    draws: bool


@dataclasses.dataclass(frozen=True)
class Order:
    """A photograph to restore. file, hole, out: places that the server chose itself; name: what the user calls the
    photograph."""

    file: Path
    name: str
    out: Path
    task: str
    method: str
    hole: Path | None = None
    realism: float | None = None
    samples: int = 1
    seed: int = 0
    levels: tuple[tuple[str, float], ...] = ()
    megapixels: float = 50.0


@dataclasses.dataclass(frozen=True)
class Progress:
    """share: of the whole job, in [0, 1]."""

    doing: str
    share: float


@dataclasses.dataclass(frozen=True)
class Result:
    """name: what a download is called; file: like the photograph; picture: what a browser can show."""

    name: str
    file: Path
    picture: Path


@dataclasses.dataclass(frozen=True)
class Done:
    results: tuple[Result, ...]
    invention: Path | None
    notes: tuple[str, ...]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Failed:
    sentence: str
