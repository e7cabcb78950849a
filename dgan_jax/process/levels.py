"""The states at which a diffusion in continuous time is known by tables, and which times its training draws.

Song et al., arXiv 2011.13456; Song, Durkan, Murray, Ermon, "Maximum Likelihood Training of Score-Based Diffusion
Models", NeurIPS 2021, arXiv 2101.09258.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Gaussian, gaussian_of
from dgan_jax.process.sde import SDE, VarianceExploding, VariancePreserving

POINTS = 8192
"""Of the table by which times are drawn by their importance."""


class Continuous(NamedTuple):
    """What a prior in continuous time lends to solvers of its ODE: `score(variables, x, t [B])` is the slope of the
    log-density of the SDE's state at t, from `end` (nearly clean) to 1."""

    sde: SDE
    score: Callable[[dict[str, Any], jax.Array, jax.Array], jax.Array]
    end: float


class Levels(NamedTuple):
    """A chain through `times` [N], ascending; `process` also has clean data in front."""

    times: np.ndarray
    process: Gaussian


def marginal64(sde: SDE, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signal and noise at times [N], on the host."""
    with jax.ensure_compile_time_eval():
        signal, noise = sde.marginal(jnp.asarray(times, jnp.float32))
        return np.asarray(signal, np.float64), np.asarray(noise, np.float64)


def levels_of(sde: SDE, *, continuous: bool, end: float) -> Levels:
    """The SDE's N states: evenly from `end` to 1, or those of its discrete chain (SMLD's, DDPM's)."""
    if continuous:
        times = np.linspace(end, 1.0, sde.steps)
        signal, noise = marginal64(sde, times)
    elif isinstance(sde, VarianceExploding):
        times = np.linspace(0.0, 1.0, sde.steps)
        noise = np.exp(np.linspace(np.log(sde.least), np.log(sde.most), sde.steps))
        signal = np.ones_like(noise)
    elif type(sde) is VariancePreserving:
        times = np.linspace(0.0, 1.0, sde.steps)
        kept = np.cumprod(1 - sde.betas)
        signal, noise = np.sqrt(kept), np.sqrt(1 - kept)
    else:
        raise ValueError("of the sub-VP SDE no discrete chain is known; take continuous times")
    return Levels(times, gaussian_of(np.concatenate([[1.0], signal]), np.concatenate([[0.0], noise])))


def uniform_times(end: float) -> Callable[[jax.Array], jax.Array]:
    """u in [0, 1) -> t in [end, 1)."""
    return lambda u: end + u * (1 - end)


def importance(sde: SDE, end: float) -> tuple[Callable[[jax.Array], jax.Array], float]:
    """(u in [0, 1) -> t, mean weight): times as often as the likelihood weighs them, g(t)^2 / noise(t)^2.

    The mean weight is that over uniform times in [end, 1]: mean weight times the plain loss at these t has the mean
    that the weighted loss has at uniform ones (arXiv 2101.09258, section 5.1), and less variance.
    """
    grid = np.geomspace(end, 1.0, POINTS)
    with jax.ensure_compile_time_eval():
        diffusion = np.asarray(sde.diffusion(jnp.asarray(grid, jnp.float32)), np.float64)
    weight = np.square(diffusion / marginal64(sde, grid)[1])
    # Trapezia in log t, in which the weight, about 1 / t near the clean end, is smooth.
    log, density = np.log(grid), weight * grid
    mass = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(log))])
    shares = np.asarray(mass / mass[-1], np.float32)
    places = np.asarray(log, np.float32)
    draw = lambda u: jnp.exp(jnp.interp(u, jnp.asarray(shares), jnp.asarray(places)))
    return draw, float(mass[-1] / (1 - end))
