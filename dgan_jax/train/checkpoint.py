"""Checkpoints of a run: Orbax, with the resolved config and the versions beside the arrays."""

import importlib.metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from dgan_jax.train.state import TrainState

PACKAGES = ("dgan_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Version of every package that a result depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


class Checkpoints:
    """The checkpoints of one run. Writing happens in the background; an unfinished one is never seen as a checkpoint."""

    def __init__(self, folder: Path, *, keep: int = 3) -> None:
        self.folder = Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=True, enable_async_checkpointing=True)
        self.manager = ocp.CheckpointManager(self.folder, options=options)

    def newest(self) -> int | None:
        """The last finished step, or None."""
        return self.manager.latest_step()

    def save(self, step: int, state: TrainState, config: dict[str, Any]) -> None:
        """`state` on the host. Returns at once; a step that exists already is left alone."""
        if step in self.manager.all_steps():
            return
        about = {"config": config, "versions": versions()}
        arguments = ocp.args.Composite(state=ocp.args.StandardSave(state), about=ocp.args.JsonSave(about))
        self.manager.save(step, args=arguments, force=True)

    def restore(self, step: int, like: TrainState) -> TrainState:
        """The state of a step, on the host; `like` gives the shapes."""
        template = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), like)
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(template))
        return self.manager.restore(step, args=arguments)["state"]

    def wait(self) -> None:
        """Until everything is on disk."""
        self.manager.wait_until_finished()

    def close(self) -> None:
        self.manager.close()
