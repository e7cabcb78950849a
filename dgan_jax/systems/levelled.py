"""Conditional diffusions whose network is told the level of noise itself: their schedules, and what they lend."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Denoiser, Measurement
from dgan_jax.process.gaussian import Gaussian, gaussian_of_betas
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.schedules import betas_of
from dgan_jax.spaces.pixel import pixel

WHEN_RESTORING = ("restore_steps", "restore_schedule", "restore_beta_first", "restore_beta_last")
"""A network that is told levels of noise does not care by which steps they come."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedules:
    """Of the training and of restoring, which may have steps of its own."""

    steps: int = 2000
    """Levels T between which training draws."""
    schedule: str = "beta_linear"
    """What is linear, or which curve: see process/schedules.py."""
    beta_first: float = 1e-6
    beta_last: float = 0.01
    restore_steps: int = 2000
    """Network calls of a restoration."""
    restore_schedule: str = "beta_linear"
    restore_beta_first: float = 1e-6
    restore_beta_last: float = 0.01

    def check(self) -> None:
        """A ValueError for schedules that cannot work."""
        for process in (trained(self), restoring(self)):
            if not process.signal[-1] > 0:
                raise ValueError("a schedule leaves nothing of the image at its end; take fewer steps or smaller betas")


def trained(config: Schedules) -> Gaussian:
    """The chain between whose states training draws levels."""
    return gaussian_of_betas(betas_of(config.schedule, config.steps, first=config.beta_first, last=config.beta_last))


def restoring(config: Schedules) -> Gaussian:
    """The chain that a restoration walks down."""
    first, last = config.restore_beta_first, config.restore_beta_last
    return gaussian_of_betas(betas_of(config.restore_schedule, config.restore_steps, first=first, last=last))


Say = Callable[[Any, jax.Array, jax.Array, Measurement, jax.Array], jax.Array]
"""(parameters, x, signal [B], y, keys [B] of what a condition draws) -> the noise in x."""


def lent(say: Say, process: Gaussian) -> Denoiser:
    """The denoiser as solvers such as DDIM see it, in fewer of a restoration's steps."""

    def predict(
        variables: dict[str, Any], x: jax.Array, t: jax.Array, y: Measurement, keys: jax.Array
    ) -> tuple[jax.Array, None]:
        signal = jnp.interp(t + 1.0, jnp.arange(process.steps + 1.0), jnp.asarray(process.signal))
        return x0_of_noise(process, say(variables["params"]["denoiser"], x, signal, y, keys), x, t), None

    return Denoiser(predict, process, lambda variables: pixel())
