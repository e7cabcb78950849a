"""Replacement: a diffusion of images samples, and what was measured is put into each of its states.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456,
appendix I.2, in steps of the posterior. Holes come out with seams, which is what RePaint is for.
"""

import dataclasses

import jax
import numpy as np

from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.samplers import repaint
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.systems import walking

PAPER = "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole 2021, arXiv 2011.13456"
TASKS = ("inpaint", "superres", "denoise", "deblur")
PRIOR = Denoiser
STEERS = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Network calls, about; 0: 250, or all that the run has if it has fewer."""
    limit: bool = True
    """Cut predicted images to [-1, 1]."""

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"system.steps must be a number of steps, or 0 for the usual one, got {self.steps}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """Whatever linear damage the task does, with a prior of images."""
    del spec
    chain = walking.chain_of(prior, config.steps, 250, "rounded")
    levels = np.arange(len(chain.times) - 1, -2, -1)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        known = walking.known_in(task, y, steps.space)
        limit = steps.limit if config.limit else unlimited
        x = repaint.sample(
            steps.predict, prior.process, chain, levels, known, steps.start, steps.noise, limit=limit, replace="after"
        )
        return steps.image(x, task)

    return System(restore, calls=len(chain.times), draws=True)
