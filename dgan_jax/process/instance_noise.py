"""Instance noise by forward diffusion over a chain whose length may change while one trains.

Wang et al., "Diffusion-GAN: Training GANs with Diffusion", ICLR 2023, arXiv 2206.02262.

Time `t` is an integer in 0 .. T here and x_0 is the clean image. The length T follows from an intensity p in [0, 1]
and may be a traced number: tables have room for the longest chain, and entries past T mean nothing.
"""

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.process.gaussian import at


@struct.dataclass
class InstanceNoise:
    """Tables of x_t = signal[t] x0 + noise[t] n, [longest + 1], and the present length T, [] integer."""

    signal: jax.Array
    noise: jax.Array
    steps: jax.Array


def length(intensity: jax.Array | float, *, shortest: int = 10, longest: int = 1000) -> jax.Array:
    """T in shortest .. longest for an intensity in [0, 1]."""
    added = jnp.round(intensity * (longest - shortest)).astype(jnp.int32)
    return jnp.clip(shortest + added, shortest, longest)


def instance_noise(
    steps: jax.Array, *, longest: int = 1000, deviation: float = 0.05, first: float = 1e-4, last: float = 2e-2
) -> InstanceNoise:
    """Tables of a chain of T = `steps`, whose betas go evenly from `first` to `last` however long it is.

    `deviation` is that of n: the noise stays weak also at t = T, where the image is all but gone.
    """
    place = jnp.arange(longest, dtype=jnp.float32)
    beta = first + (last - first) * jnp.minimum(place / jnp.maximum(steps - 1, 1), 1.0)
    # In float32 a sum of logarithms loses less than a product, and expm1 less than 1 - alpha_bar.
    log_alpha_bar = jnp.concatenate([jnp.zeros(1), jnp.cumsum(jnp.log1p(-beta))])
    return InstanceNoise(jnp.exp(0.5 * log_alpha_bar), deviation * jnp.sqrt(-jnp.expm1(log_alpha_bar)), steps)


def diffuse(process: InstanceNoise, x0: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x0), t [B] in 0 .. T; t = 0 returns x0."""
    return at(process.signal, t, x0) * x0 + at(process.noise, t, x0) * noise


def priority_level(place: jax.Array, steps: jax.Array) -> jax.Array:
    """t in 1 .. T from `place` uniform in [0, 1): P(t) is proportional to t - 1, so that what is new comes often.

    The inverse of the distribution function t (t - 1) / (T (T - 1)), as a formula because T is traced.
    """
    total = (steps * (steps - 1)).astype(jnp.float32)
    t = jnp.floor((1 + jnp.sqrt(1 + 4 * place * total)) / 2).astype(jnp.int32) + 1
    return jnp.clip(t, 1, steps)


def uniform_level(place: jax.Array, steps: jax.Array) -> jax.Array:
    """t in 1 .. T, each as likely, from `place` uniform in [0, 1)."""
    return jnp.clip(jnp.floor(place * steps).astype(jnp.int32) + 1, 1, steps)


LEVELS = {"priority": priority_level, "uniform": uniform_level}
