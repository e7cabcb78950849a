"""What a measurement y = A x + n tells of an image, as training-free solvers use it.

A has singular values s and right vectors V. All solvers here are written in images, not in coefficients: what differs
between directions is a function of s, applied by `weigh`.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Linear, Measurement, Space

Weights = Callable[[jax.Array], jax.Array]
"""Singular values -> a factor for each; 0 where A sees nothing."""


@runtime_checkable
class Spectral(Linear, Protocol):
    """A linear task that knows its singular vectors and its noise."""

    @property
    def exact(self) -> bool:
        """Whether `deviation` is 0 whatever was measured."""

    def deviation(self, y: Measurement) -> jax.Array:
        """[B, 1, 1, 1]: standard deviation of the noise on `values(y)`, in [-1, 1]."""

    def weigh(self, weights: Weights, x: jax.Array, y: Measurement) -> jax.Array:
        """V f(s) V' x, [B, H, W, C]."""


class Known(NamedTuple):
    """`gap(x, scale)`: A+ (scale y - A x), what x lacks of the measurement, of the shape of x. `weigh(f, x)`:
    V f(s) V' x. `sigma`: the noise's standard deviation, [B, 1, 1, 1]; 0 where y is exact."""

    gap: Callable[[jax.Array, jax.Array | float], jax.Array]
    weigh: Callable[[Weights, jax.Array], jax.Array]
    sigma: jax.Array


def known_of(task: Spectral, y: Measurement) -> Known:
    """What a task's measurement tells of the image."""
    return Known(
        gap=lambda x, scale: task.pseudo_inverse(scale * task.values(y) - task.apply(x, y), y),
        weigh=lambda weights, x: task.weigh(weights, x, y),
        sigma=task.deviation(y),
    )


def in_codes(known: Known, space: Space, channels: int) -> Known:
    """The same of the codes of a space that is a rotation and a scale: pixels and wavelets.

    A code of `factor` x `factor` pixels is a `factor`-th of as many pixels rotated, so its noise is, too.
    """
    if space.channels(channels) != channels * space.factor**2:
        raise ValueError(
            "this solver needs a prior of pixels or of wavelets, and the run's codes are of an autoencoder, through "
            "which no measurement can be inverted; take a run of ddpm, ddgan or wavediff"
        )
    if space.factor == 1:
        return known
    encode, decode = space.encode, space.decode
    return Known(
        gap=lambda x, scale: encode(known.gap(decode(x), scale)),
        weigh=lambda f, x: encode(known.weigh(f, decode(x))),
        sigma=known.sigma / space.factor,
    )


def square_root(x: jax.Array) -> jax.Array:
    """Of what rounding may have made negative."""
    return jnp.sqrt(jnp.maximum(x, 0.0))


def relative(sigma: jax.Array | float, s: jax.Array) -> jax.Array:
    """sigma / s: the measurement's noise in the image; 0 where A sees nothing."""
    return jnp.where(s > 0, sigma / jnp.where(s > 0, s, 1.0), 0.0)


def inject(known: Known, x: jax.Array, signal: jax.Array, noise: jax.Array, fresh: jax.Array) -> jax.Array:
    """The state x = signal x0 + noise n with what is measured put in the place of what it says of that.

    Of y itself, as noisy as the state (`fresh`: standard normal). Where y is noisier than that, the state stays.
    """
    heard = lambda s: (s > 0) & (noise >= signal * relative(known.sigma, s))
    spread = lambda s: square_root(noise**2 - (signal * relative(known.sigma, s)) ** 2)
    told = known.weigh(lambda s: heard(s).astype(x.dtype), known.gap(x, signal))
    return x + told + known.weigh(lambda s: jnp.where(heard(s), spread(s), 0.0), fresh)
