"""DDNM: what was measured is put into each predicted image; what the damage hides is the prior's.

Wang, Yu, Zhang, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model", ICLR 2023, arXiv 2212.00490;
DDNM+ where the measurement is noisy. With a prior of a few large steps, as a diffusion-GAN's, states are drawn from the
posterior as in the paper's algorithm 1, not with a share of fresh noise as in its code.
"""

import dataclasses

import jax

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Task
from dgan_jax.samplers import ddnm
from dgan_jax.samplers.ancestral import unlimited
from dgan_jax.samplers.travel import Jumps, calls, schedule
from dgan_jax.systems import walking

PAPER = "Wang, Yu, Zhang 2023, arXiv 2212.00490"
TASKS = ("inpaint", "superres", "denoise", "deblur")
PRIOR = Denoiser
STEERS = True
FEW = 20
"""Chains shorter than this draw from the posterior unless told otherwise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Levels, about; 0: 100 as published, or all that the run has if it has fewer."""
    draw: str = "auto"
    """How the next state is drawn: share (`eta` of its noise is fresh), posterior, or auto (posterior in chains of
    fewer than 20 steps)."""
    eta: float = 0.85
    """Share of fresh noise."""
    travel: int = 1
    """How many levels it goes back at once."""
    repeats: int = 1
    """How often each stretch of `travel` levels is walked in all; 1: it never goes back, as published for faces."""
    limit: bool = False
    """Cut predicted images to [-1, 1]; the paper does not, and a weak prior may then diverge."""

    def __post_init__(self) -> None:
        lookup("way to draw", self.draw, dict.fromkeys(("auto", "share", "posterior")))
        if not 0 <= self.eta <= 1:
            raise ValueError(f"system.eta must be in [0, 1], got {self.eta}")
        if self.steps < 0 or self.travel < 1 or self.repeats < 1:
            raise ValueError(
                f"system.steps must be at least 0, system.travel and system.repeats at least 1, got {self.steps}, "
                f"{self.travel} and {self.repeats}"
            )


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """Whatever linear damage the task does, with a prior of images."""
    del spec
    chain = walking.chain_of(prior, config.steps, 100, "uniform")
    count = len(chain.times)
    levels = schedule(count, Jumps(config.travel, config.repeats))
    share = config.draw == "share" or (config.draw == "auto" and count >= FEW)

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        known = walking.known_in(task, y, steps.space)
        x, _ = ddnm.sample(
            steps.predict, prior.process, chain, levels, known, steps.start, steps.noise,
            eta=config.eta if share else None, exact=getattr(task, "exact", False),
            limit=steps.limit if config.limit else unlimited,
        )  # fmt: skip
        return steps.image(x, task)

    return System(restore, calls=calls(levels), draws=True)
