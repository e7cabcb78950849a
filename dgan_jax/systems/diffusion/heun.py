"""Heun's method of second order on a diffusion's ODE, at levels that are dense where there is little noise.

Karras, Aittala, Aila, Laine, "Elucidating the Design Space of Diffusion-Based Generative Models", NeurIPS 2022, arXiv
2206.00364, algorithm 1.
"""

import dataclasses

import jax

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.process.gaussian import through
from dgan_jax.samplers import few_steps
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.systems import walking

PAPER = "Karras et al. 2022, arXiv 2206.00364"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture")
PRIOR = Denoiser


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Levels; each costs two network calls, but for the last. 0: 18, or all that the run has if it has fewer."""
    spacing: str = "karras"
    """karras, log_sigma (even in the logarithm of noise over signal), uniform, quadratic, floored or rounded."""
    limit: bool = False
    """Cut predicted images to [-1, 1]."""

    def __post_init__(self) -> None:
        lookup("spacing of steps", self.spacing, few_steps.SPACINGS)
        if self.steps < 0:
            raise ValueError(f"system.steps must be a number of steps, or 0 for the usual one, got {self.steps}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """The prior's own task, in fewer calls."""
    del spec
    chain = through(prior.process, few_steps.steps_of(prior.process, config.steps, 18, config.spacing))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        limit = walk.limit if config.limit else unlimited
        return walk.image(few_steps.heun(walk.predict, chain, walk.start, limit=limit), task)

    return System(restore, calls=2 * len(chain.times) - 1, draws=True)
