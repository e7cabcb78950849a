"""Diffusion of codes in continuous time, and the times that its training draws by their importance.

Vahdat, Kreis, Kautz, "Score-based Generative Modeling in Latent Space", NeurIPS 2021, arXiv 2106.05931, sections 3.3
and 3.4 and appendices B and F. Time t [B] runs from 0 to 1; a code may have a variance of its own there
(`first_variance`).
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfinv

from dgan_jax.core.names import lookup
from dgan_jax.process.gaussian import expand


@dataclasses.dataclass(frozen=True)
class Common:
    """dx = drift(t) x dt + diffusion(t) dw. What the SDEs of codes share; all functions of t [B] give [B]."""

    steps: int = 1000
    first_variance: float = 0.0
    """Of a code at time 0."""

    def variance(self, t: jax.Array) -> jax.Array:
        """Of the state around its mean."""
        raise NotImplementedError

    def signal(self, t: jax.Array) -> jax.Array:
        raise NotImplementedError

    def time_of(self, variance: jax.Array) -> jax.Array:
        """The t at which the variance is this."""
        raise NotImplementedError

    def diffusion_squared(self, t: jax.Array) -> jax.Array:
        raise NotImplementedError

    def drift(self, t: jax.Array) -> jax.Array:
        raise NotImplementedError

    def pace(self, variance: jax.Array) -> jax.Array:
        """How much g^2 there is to a rise of the variance; this of SDEs that keep the whole variance."""
        return 1 / (1 - variance)

    def diffusion(self, t: jax.Array) -> jax.Array:
        return jnp.sqrt(self.diffusion_squared(t))

    def marginal(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Signal and noise: x_t = signal x0 + noise n."""
        return self.signal(t), jnp.sqrt(self.variance(t))

    @property
    def prior_std(self) -> float:
        return 1.0

    def total(self, t: jax.Array) -> jax.Array:
        """The variance of the state whose code is normal: 1 where the SDE keeps it."""
        return jnp.ones_like(t)

    def mixing(self, x: jax.Array, t: jax.Array) -> jax.Array:
        """The noise in x, if codes were normal (equation 9): what the network's part is mixed with."""
        return expand(jnp.sqrt(self.variance(t)) / self.total(t), x) * x


@dataclasses.dataclass(frozen=True)
class VariancePreserving(Common):
    """Rates from `first` to `last`."""

    first: float = 0.1
    last: float = 20.0

    def rate(self, t: jax.Array) -> jax.Array:
        return self.first + (self.last - self.first) * t

    def fallen(self, t: jax.Array) -> jax.Array:
        """The integral of the rates from 0 to t."""
        return self.first * t + 0.5 * (self.last - self.first) * t**2

    def kept(self, t: jax.Array) -> jax.Array:
        """The square of the signal."""
        return jnp.exp(-self.fallen(t))

    def signal(self, t: jax.Array) -> jax.Array:
        return jnp.exp(-0.5 * self.fallen(t))

    def variance(self, t: jax.Array) -> jax.Array:
        lost = -jnp.expm1(-self.fallen(t))
        return lost + self.first_variance * (1 - lost)

    def drift(self, t: jax.Array) -> jax.Array:
        return -0.5 * self.rate(t)

    def diffusion_squared(self, t: jax.Array) -> jax.Array:
        return self.rate(t)

    def time_at(self, kept: jax.Array) -> jax.Array:
        """The t at which so much of the signal's square is left."""
        slope = self.last - self.first
        return (-self.first + jnp.sqrt(self.first**2 - 2 * slope * jnp.log(kept))) / slope

    def time_of(self, variance: jax.Array) -> jax.Array:
        return self.time_at((1 - variance) / (1 - self.first_variance))

    def bell(self) -> tuple[float, float]:
        """(scale, shift): `kept` is a constant times exp(-(scale (t + shift))^2)."""
        slope = self.last - self.first
        return float(np.sqrt(slope / 2)), self.first / slope

    def area(self, t: jax.Array | float) -> jax.Array:
        """The integral of that exponential from 0 to t."""
        scale, shift = self.bell()
        return np.sqrt(np.pi) / (2 * scale) * (erf(scale * (t + shift)) - erf(scale * shift))

    def time_of_area(self, area: jax.Array) -> jax.Array:
        """The inverse of `area`."""
        scale, shift = self.bell()
        return erfinv(area * 2 * scale / np.sqrt(np.pi) + erf(scale * shift)) / scale - shift


@dataclasses.dataclass(frozen=True)
class SubVariancePreserving(VariancePreserving):
    """The same signal, less noise on the way."""

    def variance(self, t: jax.Array) -> jax.Array:
        lost = -jnp.expm1(-self.fallen(t))
        return jnp.square(lost) + self.first_variance * (1 - lost)

    def diffusion_squared(self, t: jax.Array) -> jax.Array:
        return self.rate(t) * -jnp.expm1(-2 * self.fallen(t))

    def total(self, t: jax.Array) -> jax.Array:
        kept = self.kept(t)
        return jnp.square(1 - kept) + kept

    def time_of(self, variance: jax.Array) -> jax.Array:
        own = self.first_variance
        # variance = (1 - kept)^2 + own kept; the root in [0, 1].
        middle = 1 - own / 2
        return self.time_at(middle - jnp.sqrt(middle**2 - 1 + variance))

    def pace(self, variance: jax.Array) -> jax.Array:
        t = self.time_of(variance)
        squared = self.diffusion_squared(t)
        return squared / (squared - self.rate(t) * variance)


@dataclasses.dataclass(frozen=True)
class Exploding(Common):
    """The signal stays, the variance grows geometrically from `least` to `most`."""

    least: float = 3e-5
    most: float = 0.999

    @property
    def growth(self) -> float:
        return float(np.log(self.most / self.least))

    @property
    def prior_std(self) -> float:
        return float(np.sqrt(1 + self.most - self.least))

    def grown(self, t: jax.Array) -> jax.Array:
        """A power, whose rounding is least where the variance is near 1."""
        return self.least * jnp.power(self.most / self.least, t)

    def variance(self, t: jax.Array) -> jax.Array:
        return self.grown(t) - self.least + self.first_variance

    def signal(self, t: jax.Array) -> jax.Array:
        return jnp.ones_like(t)

    def drift(self, t: jax.Array) -> jax.Array:
        return jnp.zeros_like(t)

    def pace(self, variance: jax.Array) -> jax.Array:
        return jnp.ones_like(variance)

    def diffusion_squared(self, t: jax.Array) -> jax.Array:
        return self.growth * self.grown(t)

    def total(self, t: jax.Array) -> jax.Array:
        return self.variance(t) + 1 - self.first_variance

    def time_of(self, variance: jax.Array) -> jax.Array:
        return jnp.log1p((variance - self.first_variance) / self.least) / self.growth


@dataclasses.dataclass(frozen=True)
class Geometric(Exploding):
    """The same variance, kept by a falling signal; `most` is below 1."""

    @property
    def prior_std(self) -> float:
        return 1.0

    def diffusion_squared(self, t: jax.Array) -> jax.Array:
        return super().diffusion_squared(t) / (1 - self.first_variance + self.least - self.grown(t))

    def drift(self, t: jax.Array) -> jax.Array:
        return -0.5 * self.diffusion_squared(t)

    def pace(self, variance: jax.Array) -> jax.Array:
        return Common.pace(self, variance)

    def signal(self, t: jax.Array) -> jax.Array:
        return jnp.sqrt(1 - (self.grown(t) - self.least) / (1 - self.first_variance))

    def total(self, t: jax.Array) -> jax.Array:
        return jnp.ones_like(t)


class Times(NamedTuple):
    """Times [B] and the weights of their squared errors of noise, summed over a code: [B] each."""

    t: jax.Array
    prior: jax.Array  # for the prior
    likelihood: jax.Array  # for the encoder: what makes the sum the likelihood's bound


Draw = Callable[[Common, float, jax.Array], Times]
"""(SDE, least time, u [B] in [0, 1]) -> times and weights."""


def uniform(sde: Common, least: float, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Times in [least, 1] and the likelihood's weights."""
    t = least + u * (1 - least)
    return t, 0.5 * sde.diffusion_squared(t) / sde.variance(t)


def ends(sde: Common, least: float) -> tuple[jax.Array, jax.Array]:
    """Variances at the least time and at 1."""
    return sde.variance(jnp.asarray(least, jnp.float32)), sde.variance(jnp.ones((), jnp.float32))


def likelihood_uniform(sde: Common, least: float, u: jax.Array) -> Times:
    t, weight = uniform(sde, least, u)
    return Times(t, weight, weight)


def likelihood_important(sde: Common, least: float, u: jax.Array) -> Times:
    """Uniform in the logarithm of the variance."""
    low, high = ends(sde, least)
    span = jnp.log(high / low)
    variance = low * jnp.exp(u * span)
    weight = 0.5 * span * sde.pace(variance)
    return Times(sde.time_of(variance), weight, weight)


def plain_uniform(sde: Common, least: float, u: jax.Array) -> Times:
    t, weight = uniform(sde, least, u)
    return Times(t, jnp.ones_like(t), weight)


def plain_important(sde: Common, least: float, u: jax.Array) -> Times:
    """As often as a normal code's error is large: as `kept` is."""
    if type(sde) is not VariancePreserving:
        raise ValueError("drop_all_iw is known of the variance preserving SDE only; try drop_all_uniform")
    span = sde.area(1.0) - sde.area(least)
    t = sde.time_of_area(sde.area(least) + u * span)
    # The constant as published, with the first rate where the integral has its square: 0.2 % more of 0.1 and 20.
    constant = np.exp(0.5 * sde.first / (sde.last - sde.first))
    weight = constant * span / sde.kept(t)
    return Times(t, weight, weight * 0.5 * sde.diffusion_squared(t) / sde.variance(t))


def scaled_uniform(sde: Common, least: float, u: jax.Array) -> Times:
    t, weight = uniform(sde, least, u)
    return Times(t, 0.5 * sde.diffusion_squared(t), weight)


def scaled_important(sde: Common, least: float, u: jax.Array) -> Times:
    """Uniform in the variance."""
    low, high = ends(sde, least)
    variance = low + u * (high - low)
    weight = 0.5 * (high - low) * sde.pace(variance)
    return Times(sde.time_of(variance), weight, weight / variance)


def rescaled(sde: Common, least: float, u: jax.Array) -> Times:
    """Uniform times; errors in units of those that a normal code has."""
    t, weight = uniform(sde, least, u)
    return Times(t, 0.5 / (1 - sde.variance(t)), weight)


WEIGHTINGS: dict[str, Draw] = {
    "ll_uniform": likelihood_uniform, "ll_iw": likelihood_important, "drop_all_uniform": plain_uniform,
    "drop_all_iw": plain_important, "drop_sigma2t_uniform": scaled_uniform, "drop_sigma2t_iw": scaled_important,
    "rescale_iw": rescaled,
}  # fmt: skip
"""Table 1 by its published names: the likelihood's weight, none (drop_all), or the likelihood's without the variance
(drop_sigma2t); times uniform, or by their importance (iw)."""


def times_of(weighting: str, sde: Common, least: float, u: jax.Array) -> Times:
    """Times and weights by a weighting's published name, from u [B] in [0, 1]."""
    return lookup("weighting", weighting, WEIGHTINGS)(sde, least, u)
