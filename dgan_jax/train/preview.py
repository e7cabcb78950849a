"""Pictures written while training: held-out images, their damage, and what the averaged network makes of it."""

from pathlib import Path

import jax
import numpy as np

from dgan_jax import tasks
from dgan_jax.core.experiment import Experiment
from dgan_jax.core.parts import System
from dgan_jax.data.options import open_data
from dgan_jax.data.pictures import damaged, write_grid
from dgan_jax.data.pipeline import evaluation, to_bytes, to_unit
from dgan_jax.train.state import TrainState

COUNT = 6


class Preview:
    """The same images, holes and noises at every step, so that pictures differ by the training alone."""

    def __init__(self, experiment: Experiment, system: System, folder: Path) -> None:
        data = experiment.data
        _, batch = next(
            iter(evaluation(open_data(data, "validation"), size=data.size, crop="centre", batch=COUNT, limit=COUNT))
        )
        self.images = batch["image"]
        example = {**batch, "image": to_unit(batch["image"])}
        self.keys, self.other_keys = (
            jax.random.split(jax.random.key(seed), len(self.images))
            for seed in (experiment.train.seed, experiment.train.seed + 1)
        )
        self.y = jax.jit(jax.vmap(experiment.task.measure))(self.keys, example)
        self.start = jax.jit(experiment.task.start)(self.y)
        self.restoring = tasks.name_of(experiment.task) != "generate"
        self.restore = jax.jit(system.restore)
        self.folder = folder

    def write(self, state: TrainState, step: int) -> float:
        """One row for each image. The restored ones come from averaged parameters.

        Returns the root mean square, over all pixels in [-1, 1], of the difference to a restoration with other keys.
        """
        restored = self.restore(state.variables(), self.y, self.keys)
        other = self.restore(state.variables(), self.y, self.other_keys)
        columns = {"restored": np.asarray(to_bytes(restored))}
        if self.restoring:
            start = np.asarray(to_bytes(self.start))
            columns = {"original": self.images, "damaged": damaged(self.y), "first estimate": start, **columns}
        rows = list(zip(*columns.values(), strict=True))
        write_grid(self.folder / f"{step:08d}.png", rows, list(columns), title=f"step {step}")
        return float(np.sqrt(np.mean(np.square(np.asarray(restored) - np.asarray(other)))))
