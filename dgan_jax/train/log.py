"""The log of a run: one JSON object a line, and TensorBoard where it is asked for."""

import json
from pathlib import Path
from typing import Any

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


class Log:
    """Opened at a step, it forgets what was logged after that step, so a resumed run's log has no repeats."""

    def __init__(self, folder: Path, step: int, *, tensorboard: bool = False) -> None:
        path = folder / "log.jsonl"
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
