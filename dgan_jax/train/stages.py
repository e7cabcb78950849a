"""The stages of a run: where a step belongs, and the compiled step of each."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np

from dgan_jax.core.experiment import Experiment
from dgan_jax.core.parts import Stage, System
from dgan_jax.data.pipeline import Batches, examples
from dgan_jax.train import parallel
from dgan_jax.train.state import TrainState
from dgan_jax.train.step import NONE, Frozen, train_step


def stage_at(stages: tuple[Stage, ...], step: int) -> tuple[int, int]:
    """(index, first step) of the stage that step `step` belongs to; the last one at the end of the training."""
    first = 0
    for i, stage in enumerate(stages[:-1]):
        if step < first + stage.steps:
            return i, first
        first += stage.steps
    return len(stages) - 1, first


@dataclasses.dataclass(frozen=True)
class Calls:
    """Batches by call of the compiled step instead of by step: `count` of them, stacked if that is more than one."""

    batches: Batches
    first: int
    count: int

    def __getitem__(self, call: int) -> dict[str, np.ndarray]:
        parts = [self.batches[self.first + call * self.count + i] for i in range(self.count)]
        return parts[0] if self.count == 1 else jax.tree.map(lambda *each: np.stack(each), *parts)


def compile_stage(
    experiment: Experiment, system: System, mapping: parallel.Mapping, index: int, first_step: int
) -> Callable[..., tuple[TrainState, dict]]:
    """The compiled step of a stage: (state, uint8 batch, key, variables of `System.frozen`) -> (state, metrics)."""
    stage = system.stages[index]
    step = functools.partial(
        train_step, objective=stage.objective, optimizers=stage.optimizers, first_step=first_step,
        ema={name: player.ema for name, player in system.players.items()},
        accumulate=experiment.train.accumulate, axis_name=mapping.axis_name,
    )  # fmt: skip

    def from_bytes(state: TrainState, batch: dict, key: jax.Array, frozen: Frozen = NONE) -> tuple[TrainState, dict]:
        return step(state, examples(batch), key, frozen=frozen)

    return mapping.compile(from_bytes, experiment.train.steps_per_call)
