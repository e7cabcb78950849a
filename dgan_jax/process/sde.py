"""Diffusion in continuous time: variance exploding, variance preserving, and below the latter.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456,
section 3.4 and appendices B to D.

Time t [B] runs from 0 (clean) to 1. Each has `steps` steps where it is cut into pieces (N).
"""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import expand

Score = Callable[[jax.Array, jax.Array], jax.Array]
"""(x, t [B]) -> the slope of the state's log-density, of the shape of x."""


class SDE(Protocol):
    """dx = drift(t) x dt + diffusion(t) dw. All functions of t [B] give [B]."""

    @property
    def steps(self) -> int: ...

    def marginal(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Signal and noise: x_t = signal x0 + noise n."""

    @property
    def prior_std(self) -> float:
        """The deviation that sampling starts with."""

    def drift(self, t: jax.Array) -> jax.Array: ...
    def diffusion(self, t: jax.Array) -> jax.Array: ...

    def piece(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """A step forward of the discrete chain: x <- x + drift x + diffusion n."""

    def ancestral(self, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(a, b, c): a step back is x <- a (x + b score) + c n."""

    def label(self, t: jax.Array, continuous: bool) -> tuple[jax.Array, jax.Array]:
        """What the network is told at t, and what its output is divided by to become a score."""

    def alpha(self, t: jax.Array) -> jax.Array:
        """What corrector steps are scaled by."""


def index(t: jax.Array, steps: int) -> jax.Array:
    """The piece of t: cut off, in float32, in which a whole number may come out one lower, as published."""
    return (t * (steps - 1)).astype(jnp.int32)


@dataclasses.dataclass(frozen=True)
class VarianceExploding:
    """The noise grows geometrically from `least` to `most`, the signal stays."""

    least: float = 0.01
    most: float = 50.0
    steps: int = 1000

    @property
    def prior_std(self) -> float:
        return self.most

    @property
    def sigmas(self) -> jax.Array:
        return jnp.asarray(np.exp(np.linspace(np.log(self.least), np.log(self.most), self.steps)), jnp.float32)

    def marginal(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.ones_like(t), self.least * (self.most / self.least) ** t

    def drift(self, t: jax.Array) -> jax.Array:
        return jnp.zeros_like(t)

    def diffusion(self, t: jax.Array) -> jax.Array:
        return self.marginal(t)[1] * np.sqrt(2 * np.log(self.most / self.least))

    def pair(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Squares of the noise here and one piece earlier."""
        i = index(t, self.steps)
        here = jnp.square(self.sigmas[i])
        return here, jnp.where(i == 0, 0.0, jnp.square(self.sigmas[jnp.maximum(i - 1, 0)]))

    def piece(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        here, before = self.pair(t)
        return jnp.zeros_like(t), jnp.sqrt(here - before)

    def ancestral(self, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        here, before = self.pair(t)
        return jnp.ones_like(t), here - before, jnp.sqrt(before * (here - before) / here)

    def label(self, t: jax.Array, continuous: bool) -> tuple[jax.Array, jax.Array]:
        if continuous:
            return self.marginal(t)[1], jnp.ones_like(t)
        return jnp.round((1 - t) * (self.steps - 1)), jnp.ones_like(t)

    def alpha(self, t: jax.Array) -> jax.Array:
        return jnp.ones_like(t)


@dataclasses.dataclass(frozen=True)
class VariancePreserving:
    """Rates of decay from `first` to `last`; signal^2 + noise^2 = 1."""

    first: float = 0.1
    last: float = 20.0
    steps: int = 1000

    @property
    def prior_std(self) -> float:
        return 1.0

    @property
    def betas(self) -> np.ndarray:
        betas = np.linspace(self.first / self.steps, self.last / self.steps, self.steps)
        if betas.max() >= 1:
            raise ValueError(
                f"{self.steps} pieces are too few for a rate of {self.last}: a beta reaches {betas.max():.2f}; "
                f"take at least {int(self.last) + 1}"
            )
        return betas

    def rate(self, t: jax.Array) -> jax.Array:
        return self.first + t * (self.last - self.first)

    def log_signal(self, t: jax.Array) -> jax.Array:
        return -0.25 * t**2 * (self.last - self.first) - 0.5 * t * self.first

    def marginal(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        log = self.log_signal(t)
        return jnp.exp(log), jnp.sqrt(-jnp.expm1(2 * log))

    def drift(self, t: jax.Array) -> jax.Array:
        return -0.5 * self.rate(t)

    def diffusion(self, t: jax.Array) -> jax.Array:
        return jnp.sqrt(self.rate(t))

    def beta(self, t: jax.Array) -> jax.Array:
        return jnp.asarray(self.betas, jnp.float32)[index(t, self.steps)]

    def piece(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        beta = self.beta(t)
        return jnp.sqrt(1 - beta) - 1, jnp.sqrt(beta)

    def ancestral(self, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        beta = self.beta(t)
        return 1 / jnp.sqrt(1 - beta), beta, jnp.sqrt(beta)

    def label(self, t: jax.Array, continuous: bool) -> tuple[jax.Array, jax.Array]:
        if continuous:
            return 999 * t, -self.marginal(t)[1]
        label = t * (self.steps - 1)
        noise = np.sqrt(1 - np.cumprod(1 - self.betas))
        return label, -jnp.asarray(noise, jnp.float32)[label.astype(jnp.int32)]

    def alpha(self, t: jax.Array) -> jax.Array:
        return 1 - self.beta(t)


@dataclasses.dataclass(frozen=True)
class SubVariancePreserving(VariancePreserving):
    """The same signal, with the square of the other's variance for its noise."""

    def marginal(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        log = self.log_signal(t)
        return jnp.exp(log), -jnp.expm1(2 * log)

    def diffusion(self, t: jax.Array) -> jax.Array:
        return jnp.sqrt(self.rate(t) * -jnp.expm1(-2 * self.first * t - (self.last - self.first) * t**2))

    def piece(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        return self.drift(t) / self.steps, self.diffusion(t) / np.sqrt(self.steps)

    def ancestral(self, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        raise ValueError("ancestral steps are known of the variance exploding and preserving SDEs only; try euler")

    def label(self, t: jax.Array, continuous: bool) -> tuple[jax.Array, jax.Array]:
        del continuous  # there is no discrete form
        return 999 * t, -self.marginal(t)[1]


def score_of(network: Callable[[jax.Array, jax.Array], jax.Array], sde: SDE, *, continuous: bool = True) -> Score:
    """The score that a network(x, label [B]) means: itself (variance exploding) or minus the noise over its size."""

    def score(x: jax.Array, t: jax.Array) -> jax.Array:
        label, scale = sde.label(t, continuous)
        return network(x, label) / expand(scale, x)

    return score
