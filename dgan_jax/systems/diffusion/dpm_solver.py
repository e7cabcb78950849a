"""DPM-Solver++(2M): a diffusion's ODE in about twenty calls, each step carried on from the one before.

Lu, Zhou, Bao, Chen, Li, Zhu, "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models", 2022,
arXiv 2211.01095; levels as in Karras et al., arXiv 2206.00364.
"""

import dataclasses

import jax

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.process.gaussian import through
from dgan_jax.samplers import few_steps
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.systems import walking

PAPER = "Lu et al. 2022, arXiv 2211.01095"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture")
PRIOR = Denoiser


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Network calls, at most; 0: 20, or all that the run has if it has fewer."""
    spacing: str = "karras"
    """karras, log_sigma (even in the logarithm of noise over signal), uniform, quadratic, floored or rounded."""
    order: int = 2
    """2, or 1, which is DDIM."""
    limit: bool = False
    """Cut predicted images to [-1, 1]."""

    def __post_init__(self) -> None:
        lookup("spacing of steps", self.spacing, few_steps.SPACINGS)
        if self.order not in (1, 2):
            raise ValueError(f"system.order must be 1 or 2, got {self.order}")
        if self.steps < 0:
            raise ValueError(f"system.steps must be a number of steps, or 0 for the usual one, got {self.steps}")


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """The prior's own task, in fewer calls."""
    del spec
    chain = through(prior.process, few_steps.steps_of(prior.process, config.steps, 20, config.spacing))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        walk = walking.walk(prior, variables, y, keys)
        limit = walk.limit if config.limit else unlimited
        return walk.image(few_steps.multistep(walk.predict, chain, walk.start, order=config.order, limit=limit), task)

    return System(restore, calls=len(chain.times), draws=True)
