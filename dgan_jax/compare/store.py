"""What a comparison keeps on the disk: damaged images and results, each under a hash of all that it depends on.

So a rerun computes nothing, one that was killed goes on where it was, and another system, or another run of one, leaves
the files of all others as they are.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dgan_jax import __version__, tasks
from dgan_jax.core.files import write_atomically
from dgan_jax.core.parts import Example, Task
from dgan_jax.evaluate import Cost, Result, damage
from dgan_jax.metrics.intervals import Figure

LENGTH = 16
"""Digits of a hash in a file's name."""


def hashed(about: Any, arrays: Iterable[np.ndarray] = ()) -> str:
    """A hash of plain data and arrays."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:LENGTH]


def read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if it is not there or not whole, so that it is made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def write(path: Path, arrays: dict[str, Any]) -> None:
    """Whole or not at all."""
    data = io.BytesIO()
    np.savez(data, **arrays)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data.getvalue())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}; make room, or give another --out") from error


class Store:
    """The folder of a comparison."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def key(self, task: Task, index: np.ndarray, batch: dict[str, np.ndarray], seed: int) -> str:
        """Of a batch of inputs: its images and how they are damaged."""
        about = ["given", tasks.name_of(task), repr(task), seed, sorted(batch), __version__]
        return hashed(about, [np.asarray(index), *(np.asarray(batch[name]) for name in sorted(batch))])

    def damaged(self, task: Task, index: np.ndarray, batch: dict[str, np.ndarray], seed: int) -> Example:
        """`evaluate.damage`, computed once."""
        path = self.folder / "inputs" / f"{self.key(task, index, batch, seed)}.npz"
        kept = read(path)
        if kept is not None:
            return {name[6:]: value for name, value in kept.items() if name.startswith("given.")}  # type: ignore[misc]
        given = damage(task, index, batch, seed)
        originals = {name: np.asarray(value) for name, value in batch.items()}
        write(
            path, {"index": index, **originals, **{f"given.{name}": np.asarray(value) for name, value in given.items()}}
        )
        return given

    def result_path(self, trial: str, entrant: str, about: Any) -> Path:
        slug = re.sub(r"\W+", "-", f"{trial} {entrant}").strip("-").lower()
        return self.folder / "results" / f"{slug}-{hashed(about)}.npz"

    def keep(self, path: Path, result: Result, about: dict[str, Any]) -> None:
        """A result, and in words what it depends on."""
        told = {
            "metrics": list(result.summary), "summary": result.summary, "cost": result.cost, "about": about,
            "coverage": result.coverage is not None, "single": list(result.figures), "images": len(result.images),
        }  # fmt: skip
        arrays: dict[str, Any] = {"index": result.index, "told": np.array(json.dumps(told, default=str))}
        arrays |= {f"figure.{name}": values for name, values in result.figures.items()}
        arrays |= {f"image.{i}": image for i, image in enumerate(result.images)}
        if result.coverage is not None:
            arrays["coverage"] = result.coverage
        write(path, arrays)

    def result(self, path: Path) -> Result | None:
        """What `keep` wrote, or None."""
        kept = read(path)
        if kept is None:
            return None
        told = json.loads(str(kept["told"]))
        return Result(
            index=kept["index"],
            figures={name: kept[f"figure.{name}"] for name in told["single"]},
            summary={name: Figure(*told["summary"][name]) for name in told["metrics"]},
            cost=Cost(*told["cost"]),
            images=[kept[f"image.{i}"] for i in range(told["images"])],
            coverage=kept.get("coverage"),
        )
