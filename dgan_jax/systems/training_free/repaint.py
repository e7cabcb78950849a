"""RePaint: a diffusion of images fills holes, going back to noisier states again and again to harmonise.

Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", CVPR 2022, arXiv 2201.09865. Here
for every linear damage, and with any prior: with a diffusion-GAN of four steps it goes back by one.
"""

import dataclasses

import jax

from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.samplers import repaint
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.samplers.travel import Jumps, calls, schedule
from dgan_jax.systems import walking

PAPER = "Lugmayr, Danelljan, Romero, Yu, Timofte, Van Gool 2022, arXiv 2201.09865"
TASKS = ("inpaint", "superres", "denoise", "deblur")
PRIOR = Denoiser
STEERS = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Levels; 0: 250 as published, or all that the run has if it has fewer."""
    jump: int = 0
    """How many levels it goes back at once; 0: 10 as published, or 1 where there are fewer than 50 levels."""
    repeats: int = 10
    """How often each stretch of `jump` levels is walked in all."""
    below: int = -1
    """Goes back only below this level; -1: everywhere."""
    replace: str = "before"
    """Put what is known into states before the network sees them (the published code) or after they were drawn (the
    paper)."""
    limit: bool = True
    """Cut predicted images to [-1, 1]."""

    def __post_init__(self) -> None:
        if self.steps < 0 or self.jump < 0 or self.repeats < 1:
            raise ValueError(
                f"system.steps and system.jump must be at least 0 and system.repeats at least 1, got {self.steps}, "
                f"{self.jump} and {self.repeats}"
            )
        if self.replace not in ("before", "after"):
            raise ValueError(f"system.replace must be before or after, got {self.replace!r}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """Whatever linear damage the task does, with a prior of images."""
    del spec
    chain = walking.chain_of(prior, config.steps, 250, "rounded")
    count = len(chain.times)
    jumps = Jumps(config.jump or (10 if count >= 50 else 1), config.repeats)
    levels = schedule(count, jumps, below=None if config.below < 0 else config.below)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        known = walking.known_in(task, y, steps.space)
        parts = (steps.predict, prior.process, chain, levels, known, steps.start, steps.noise)
        limit = steps.limit if config.limit else unlimited
        return steps.image(repaint.sample(*parts, limit=limit, replace=config.replace), task)

    return System(restore, calls=calls(levels), draws=True)
