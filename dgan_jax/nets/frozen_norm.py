"""Batch normalisation of a network that is no longer trained."""

import jax
import jax.numpy as jnp
from flax import linen as nn


class FrozenNorm(nn.Module):
    """[..., C] -> [..., C] by noted statistics, which are parameters here: a judge is one tree of weights."""

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1],)
        scale, variance = (self.param(name, nn.initializers.ones, shape) for name in ("scale", "variance"))
        bias, mean = (self.param(name, nn.initializers.zeros, shape) for name in ("bias", "mean"))
        return (x - mean) * (scale * jax.lax.rsqrt(jnp.asarray(variance) + self.epsilon)) + bias
