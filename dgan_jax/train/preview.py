"""What is shown while training: held-out images, their damage, what the averaged network makes of it, and its PSNR."""

import dataclasses
from pathlib import Path

import jax
import numpy as np

from dgan_jax import systems, tasks
from dgan_jax.core.experiment import Experiment
from dgan_jax.core.parts import System
from dgan_jax.data.options import open_data
from dgan_jax.data.pictures import damaged, write_grid
from dgan_jax.data.pipeline import evaluation, examples, to_bytes
from dgan_jax.train.runs import built
from dgan_jax.train.state import TrainState

COUNT = 6
ANSWER, ESTIMATE, BEGIN = "held_out/psnr_dB", "held_out/first_estimate_psnr_dB", "held_out/at_the_beginning_psnr_dB"
"""Names of figures: of the network's answer, of the estimate that it starts from, and of the answer at step 0."""


def psnr(images: np.ndarray, restored: np.ndarray) -> float:
    """Mean over images, uint8 [B, H, W, C], of the peak signal-to-noise ratio over all of their pixels, in dB."""
    error = np.square(images.astype(np.float64) - restored).mean(axis=(1, 2, 3))
    return float(np.mean(10 * np.log10(255**2 / np.maximum(error, 1e-10))))


def least_error(experiment: Experiment, system: System) -> System:
    """The system as it has the least error, where one may choose between that and realism."""
    if "realism" not in systems.choosable(systems.module_of(experiment.system)):
        return system
    return built(dataclasses.replace(experiment, system=systems.chosen(experiment.system, {"realism": 0.0})))


class Preview:
    """The same images, holes and noises at every step, so that pictures differ by the training alone."""

    def __init__(self, experiment: Experiment, system: System, folder: Path) -> None:
        data = experiment.data
        _, batch = next(
            iter(evaluation(open_data(data, "validation"), size=data.size, crop="centre", batch=COUNT, limit=COUNT))
        )
        self.images = batch["image"]
        example = examples(batch)
        self.keys, self.other_keys = (
            jax.random.split(jax.random.key(seed), len(self.images))
            for seed in (experiment.train.seed, experiment.train.seed + 1)
        )
        self.y = jax.jit(jax.vmap(experiment.task.measure))(self.keys, example)
        self.start = jax.jit(experiment.task.start)(self.y)
        self.restoring = tasks.name_of(experiment.task) != "generate"
        self.restore = jax.jit(system.restore)
        self.answer = self.restore
        if self.restoring and (best := least_error(experiment, system)) is not system:
            self.answer = jax.jit(best.restore)
        self.began: float | None = None
        self.folder = folder

    def figures(self, state: TrainState) -> dict[str, float]:
        """PSNR of the averaged network on the held-out images, in dB, beside that of the first estimate and, once it
        is known, that at step 0; none of what is generated. With realism to choose, it is that of the least error."""
        if not self.restoring:
            return {}
        answer = psnr(self.images, np.asarray(to_bytes(self.answer(state.variables(), self.y, self.keys))))
        found = {ANSWER: answer, ESTIMATE: psnr(self.images, np.asarray(to_bytes(self.start)))}
        return found if self.began is None else {**found, BEGIN: self.began}

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
