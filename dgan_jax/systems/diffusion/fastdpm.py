"""FastDPM: a diffusion in a few steps, chosen as some of its times or as variances that lie between them.

Kong, Ping, "On Fast Sampling of Diffusion Probabilistic Models", 2021, arXiv 2106.00132.
"""

import dataclasses

import jax
import numpy as np

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Measurement, Spec, System, Tables, Task
from dgan_jax.process.gaussian import Chain, gaussian_of, through
from dgan_jax.process.schedules import floored_steps, quadratic_steps, times_of_levels, variances
from dgan_jax.samplers import ddim
from dgan_jax.systems import walking

PAPER = "Kong, Ping 2021, arXiv 2106.00132"
TASKS = ("generate", "inpaint", "superres", "denoise", "deblur", "dehaze", "jpeg", "mixture", "paired")
PRIOR = Denoiser
SPACINGS = {"linear": floored_steps, "quadratic": quadratic_steps}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    steps: int = 0
    """Network calls; 0: 50, or all that the run has if it has fewer."""
    choose: str = "variance"
    """variance (VAR: levels of a short schedule, whose times are fractions) or step (STEP: some of the times)."""
    spacing: str = "quadratic"
    """quadratic (the paper's for CIFAR-10) or linear."""
    kappa: float = 0.0
    """Share of the posterior's noise: 0 is as DDIM, 1 as DDPM."""

    def __post_init__(self) -> None:
        lookup("spacing", self.spacing, SPACINGS)
        lookup("way to choose", self.choose, dict.fromkeys(("variance", "step")))
        if not 0 <= self.kappa <= 1 or self.steps < 0:
            raise ValueError(
                f"system.kappa must be in [0, 1] and system.steps at least 0, got {self.kappa} and {self.steps}"
            )


def by_variances(process: Tables, count: int, spacing: str) -> Chain:
    """Levels of `count` betas, and the times at which the process, whose betas are linear, is as noisy."""
    betas = 1 - np.square(np.asarray(process.signal[1:], np.float64) / np.asarray(process.signal[:-1], np.float64))
    first, last, steps = float(betas[0]), float(betas[-1]), process.steps
    linear = np.linspace(first, last, steps)
    if steps < 3 or np.max(np.abs(betas - linear)) > 1e-3 * last:
        raise ValueError(
            "FastDPM's variances are worked out for betas that grow linearly, and this run's do not; "
            "take --choose choose=step"
        )
    levels = np.cumprod(1 - variances(steps, count, first=first, last=last, spacing=spacing))
    times = times_of_levels(levels, steps, first=first, last=last)
    roots = np.sqrt(np.concatenate([[1.0], levels]))
    # The first variance is the process's own, whose time is 0 but for rounding.
    return Chain(gaussian_of(roots, np.sqrt(1 - roots**2)), np.maximum(times, 0).astype(np.float32))


def build(config: Config, task: Task, spec: Spec, prior: Denoiser) -> System:
    """The prior's own task, in fewer calls."""
    del spec
    count = config.steps or min(50, prior.process.steps)
    if config.choose == "variance":
        chain = by_variances(prior.process, count, config.spacing)
    else:
        chain = through(prior.process, SPACINGS[config.spacing](prior.process.steps, count))

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        steps = walking.walk(prior, variables, y, keys)
        parts = (steps.predict, prior.process, chain, steps.start, steps.noise)
        return steps.image(ddim.sample(*parts, eta=config.kappa), task)

    return System(restore, calls=len(chain.times), draws=True)
