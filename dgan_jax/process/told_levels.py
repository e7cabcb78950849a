"""Levels of noise that are drawn between two steps of a chain, and told to the network as they are.

Chen et al., "WaveGrad", arXiv 2009.00713; SR3, arXiv 2104.07636 (section 2.4), tells the network sqrt(alpha_bar);
Palette, arXiv 2111.05826, alpha_bar. Tables are those of `process.gaussian`.
"""

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Tables
from dgan_jax.process.gaussian import expand


def between(process: Tables, t: jax.Array, share: jax.Array, *, squared: bool) -> jax.Array:
    """[B]: the signal of a level between the states t and t + 1 of the chain, t [B] in 0 .. T-1.

    `share` [B] in [0, 1) says where between them: on the line of signals, or (`squared`) on that of their squares.
    """
    line = jnp.asarray(process.signal) ** (2 if squared else 1)
    value = line[t] + share * (line[t + 1] - line[t])
    return jnp.sqrt(value) if squared else value


def noisy(signal: jax.Array, x0: jax.Array, noise: jax.Array) -> jax.Array:
    """x = signal x0 + sqrt(1 - signal^2) noise, signal [B]."""
    signal = expand(signal, x0)
    return signal * x0 + jnp.sqrt((1 - signal) * (1 + signal)) * noise
