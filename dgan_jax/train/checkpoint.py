"""Checkpoints of a run: Orbax, with the resolved config and the versions beside the arrays."""

import contextlib
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from dgan_jax.core.machine import versions
from dgan_jax.train.manifest import NAME, flaw, seal
from dgan_jax.train.state import TrainState


def check_shapes(folder: Path, like: TrainState) -> None:
    """A ValueError unless the checkpoint holds the arrays of `like`: Orbax would return others without a word."""
    held = {
        leaf.name: tuple(leaf.shape)
        for leaf in jax.tree.leaves(ocp.StandardCheckpointHandler().metadata(folder / "state").tree)
    }
    part = lambda key: str(next(getattr(key, name) for name in ("name", "key", "idx") if hasattr(key, name)))
    leaves = jax.tree_util.tree_leaves_with_path(like)
    wanted = {".".join(map(part, path)): tuple(leaf.shape) for path, leaf in leaves}
    for name in sorted(held.keys() | wanted.keys()):
        if held.get(name) != wanted.get(name):
            shapes = [list(shapes[name]) if name in shapes else "nothing" for shapes in (held, wanted)]
            raise ValueError(
                f"{folder} holds {shapes[0]} as {name}, its config describes {shapes[1]}; was config.json edited?"
            )


class Checkpoints:
    """The checkpoints of one run. Writing happens in the background; an unfinished one is never seen as a checkpoint.

    Each gets a manifest of its bytes as soon as it is on disk; one without, or with other bytes, is not used.
    A save that fails (a full disk) is reported by a warning; the run goes on and earlier checkpoints stay.
    """

    def __init__(self, folder: Path, *, keep: int = 3) -> None:
        self.folder, self.keep = Path(folder).absolute(), keep
        self.manager = self.open()
        self.unsealed: list[int] = []

    def open(self) -> ocp.CheckpointManager:
        options = ocp.CheckpointManagerOptions(max_to_keep=self.keep, create=True, enable_async_checkpointing=True)
        return ocp.CheckpointManager(self.folder, options=options)

    def newest(self) -> int | None:
        """The last step whose files are intact, or None. Those that are not are named in a warning."""
        for step in sorted(self.manager.all_steps(), reverse=True):
            found = flaw(self.folder / str(step))
            if found is None:
                return step
            warnings.warn(f"checkpoint {step} in {self.folder} is not used: {found}", stacklevel=2)
        return None

    def save(
        self, step: int, state: TrainState, config: dict[str, Any], means: dict[str, list[float]] | None = None
    ) -> None:
        """`state` on the host, and the metrics since the last row of the log (`train.log.Means`).

        Returns at once; an intact step that exists already is left alone.
        """
        self.wait()
        if step in self.manager.all_steps():
            if flaw(self.folder / str(step)) is None:
                return
            self.manager.delete(step)
        about = {"config": config, "versions": versions(), "means": means or {}}
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), about=ocp.args.JsonSave(about))
        try:
            self.manager.save(step, args=arguments, force=True)
        except (OSError, ValueError) as error:
            self.failed(step, error)
        else:
            self.unsealed.append(step)

    def poll(self) -> None:
        """Seal what the background has finished; call it often."""
        if self.unsealed and not self.manager.is_saving_in_progress():
            self.wait()

    def wait(self) -> None:
        """Until everything is on disk and sealed."""
        step = self.unsealed[-1] if self.unsealed else 0
        try:
            self.manager.wait_until_finished()
            if jax.process_index() == 0:
                for done in self.unsealed:
                    seal(self.folder / str(done))
        except Exception as error:  # of the background thread: whatever the file system or tensorstore raised
            self.failed(step, error)
        self.unsealed = []

    def failed(self, step: int, error: Exception) -> None:
        """Say so, and leave nothing half written."""
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        warnings.warn(f"checkpoint {step} could not be written ({reason}); training goes on", stacklevel=2)
        # The manager would raise the same error again at its next call.
        with contextlib.suppress(Exception):
            self.manager.close()
        # A second thread of Orbax may still write files into what the first has given up.
        for _ in range(100):
            partial = [path for path in (self.folder / str(step), *self.folder.glob(f"{step}.*")) if path.exists()]
            for path in partial:
                shutil.rmtree(path, ignore_errors=True)
            if not partial:
                break
            time.sleep(0.1)
        self.manager = self.open()

    def sealed(self, step: int) -> bool:
        """Whether this step lies on disk, whole; all hosts must ask."""
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"sealed {step}")
        return (self.folder / str(step) / NAME).exists()

    def restore(self, step: int, like: TrainState) -> TrainState:
        """The state of a step, on the host; `like` gives the shapes. A ValueError if its files are not intact."""
        found = flaw(self.folder / str(step))
        if found is not None:
            raise ValueError(f"checkpoint {step} in {self.folder} cannot be used: {found}")
        check_shapes(self.folder / str(step), like)
        template = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(template))
        return self.manager.restore(step, args=arguments)["state"]

    def means(self, step: int) -> dict[str, list[float]]:
        """What `save` was given of the log; nothing in a checkpoint that is older than this."""
        arguments = ocp.args.Composite(about=ocp.args.JsonRestore())
        return self.manager.restore(step, args=arguments)["about"].get("means", {})

    def close(self) -> None:
        self.wait()
        self.manager.close()
