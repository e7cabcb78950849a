"""DDRM: a diffusion's chain conditioned on a noisy linear measurement, direction by direction of its singular vectors.

Kawar, Elad, Ermon, Song, "Denoising Diffusion Restoration Models", NeurIPS 2022, arXiv 2201.11793.
"""

import dataclasses

import jax

from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.samplers import ddrm
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.systems import walking

PAPER = "Kawar, Elad, Ermon, Song 2022, arXiv 2201.11793"
TASKS = ("inpaint", "superres", "denoise", "deblur")
PRIOR = Denoiser
STEERS = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Network calls, about; 0: 20 as published, or all that the run has if it has fewer."""
    eta: float = 0.85
    """Share of fresh noise where the measurement says nothing, or is noisier than the state (etaA and etaC)."""
    trust: float = 1.0
    """How much of the measurement is taken where it is less noisy than the state (etaB)."""
    limit: bool = False
    """Cut predicted images to [-1, 1]; the paper does not, and a weak prior may then diverge."""

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 1 or not 0 <= self.trust <= 1:
            raise ValueError(f"system.eta and system.trust must be in [0, 1], got {self.eta} and {self.trust}")
        if self.steps < 0:
            raise ValueError(f"system.steps must be a number of steps, or 0 for the usual one, got {self.steps}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """Whatever linear damage the task does, with a prior of images."""
    del spec
    chain = walking.chain_of(prior, config.steps, 20, "uniform")

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        known = walking.known_in(task, y, steps.space)
        parts = (steps.predict, prior.process, chain, known, steps.draw(walking.START, 0), steps.noise)
        limit = steps.limit if config.limit else unlimited
        return steps.image(ddrm.sample(*parts, eta=config.eta, trust=config.trust, limit=limit), task)

    return System(restore, calls=len(chain.times), draws=True)
