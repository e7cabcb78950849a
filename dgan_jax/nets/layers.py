"""Arithmetic that the networks of the diffusion-GAN family share exactly."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn


def sinusoid(t: jax.Array, features: int) -> jax.Array:
    """[B] -> [B, features]: sines, then cosines, of unscaled t; an odd width is zero-padded on the right."""
    half = features // 2
    frequencies = np.exp(-np.log(10000.0) * np.arange(half) / (half - 1)).astype(np.float32)
    angles = t.astype(jnp.float32)[:, None] * frequencies
    return jnp.pad(jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1), ((0, 0), (0, features % 2)))


def uniform_fan_avg(scale: float = 1.0) -> nn.initializers.Initializer:
    """Uniform with variance scale / mean(fan in, fan out); scale 0 stands for 1e-10."""
    return nn.initializers.variance_scaling(scale or 1e-10, "fan_avg", "uniform")


def uniform_fan_out(scale: float = 1.0) -> nn.initializers.Initializer:
    """Uniform with variance scale / fan out; scale 0 stands for 1e-10.

    The published initialiser of the critic, the latent mapping and the styles is asked for fan_avg, but falls through
    to this.
    """
    return nn.initializers.variance_scaling(scale or 1e-10, "fan_out", "uniform")
