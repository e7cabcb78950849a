"""DDIM: some of a diffusion's steps, with any share of their noise, by default none.

Song, Meng, Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, arXiv 2010.02502.
"""

import dataclasses

import jax

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.process.schedules import STEPS
from dgan_jax.samplers import ancestral, ddim
from dgan_jax.systems import walking

PAPER = "Song, Meng, Ermon 2021, arXiv 2010.02502"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
PRIOR = Denoiser


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Network calls, about; 0: 50, or all that the run has if it has fewer."""
    spacing: str = "uniform"
    """uniform, quadratic (dense where there is little noise; the paper's for CIFAR-10), floored or rounded."""
    eta: float = 0.0
    """Share of the posterior's noise: 0 draws none, 1 is ancestral."""
    noisy: bool = False
    """Ancestral steps with the larger variance instead (the paper's sigma-hat)."""
    limit: bool = False
    """Cut predicted images to [-1, 1], as ancestral sampling does; the paper does not."""

    def __post_init__(self) -> None:
        lookup("spacing of steps", self.spacing, STEPS)
        if not 0 <= self.eta <= 1:
            raise ValueError(f"system.eta must be in [0, 1], got {self.eta}")
        if self.steps < 0:
            raise ValueError(f"system.steps must be a number of steps, or 0 for the usual one, got {self.steps}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """The prior's own task, in fewer calls."""
    del spec
    chain = walking.chain_of(prior, config.steps, 50, config.spacing, variance="forward" if config.noisy else "small")

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        parts = (steps.predict, prior.process, chain, steps.start, steps.noise)
        if config.noisy:
            return steps.image(ancestral.sample(*parts, limit=steps.limit), task)
        limit = steps.limit if config.limit else ancestral.unlimited
        return steps.image(ddim.sample(*parts, eta=config.eta, limit=limit), task)

    return System(restore, calls=len(chain.times), draws=True)
