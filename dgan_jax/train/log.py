"""The log of a run: one JSON object a line, and TensorBoard where it is asked for."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from dgan_jax.core.files import write_atomically


def read(path: Path) -> list[dict[str, Any]]:
    """All whole lines; one that a kill cut short, or that is no line of a log, ends them."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict) or type(row.get("step")) is not int:
            break
        rows.append(row)
    return rows


class Means:
    """Metrics of all steps since the last row of the log, of which the row holds the means.

    What a step does not compute (a phase that it passes over) or loses (nan) does not count, and what no step has is
    not in the row; what is counted over the whole run ("guard/...") is the last value. `plain` goes into checkpoints,
    so that a restart writes the same rows.
    """

    def __init__(self, plain: dict[str, Any] | None = None) -> None:
        self.sums: dict[str, list[float]] = {name: list(pair) for name, pair in (plain or {}).items()}
        self.last: dict[str, float] = {}

    def add(self, metrics: dict[str, Any]) -> None:
        """Of a step, [], or of several, [S]."""
        for name, values in metrics.items():
            total = self.sums.setdefault(name, [0.0, 0])
            for value in np.atleast_1d(np.asarray(values, np.float64)).tolist():
                self.last[name] = value
                if math.isfinite(value):
                    total[0], total[1] = total[0] + value, total[1] + 1

    def take(self) -> dict[str, float]:
        """The means, in the order of the steps' metrics; from now on a new row."""
        mean = lambda name: self.sums[name][0] / self.sums[name][1]
        has = [name for name in self.last if self.sums[name][1]]
        found = {name: self.last[name] if name.startswith("guard/") else mean(name) for name in has}
        self.sums, self.last = {}, {}
        return found

    def plain(self) -> dict[str, list[float]]:
        """Sum and number of each metric."""
        return {name: list(pair) for name, pair in self.sums.items()}


class Log:
    """Opened at a step, it forgets what was logged after that step, so a resumed run's log has no repeats."""

    def __init__(self, folder: Path, step: int, *, tensorboard: bool = False) -> None:
        path = self.path = folder / "log.jsonl"
        # An event belongs to what came after its step, which is run again.
        kept = [row for row in read(path) if row["step"] < step or (row["step"] == step and "event" not in row)]
        write_atomically(path, "".join(json.dumps(row) + "\n" for row in kept).encode())
        self.file = path.open("a", buffering=1)
        self.writer = None
        if tensorboard:
            try:
                from tensorboardX import SummaryWriter
            except ImportError as error:
                raise ValueError(
                    "train.tensorboard needs tensorboardX; try pip install 'dgan_jax[tensorboard]'"
                ) from error
            self.writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step)

    def write(self, step: int, values: dict[str, Any]) -> None:
        self.file.write(json.dumps({"step": step, **values}) + "\n")
        if self.writer is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        self.file.close()
        if self.writer is not None:
            self.writer.close()
