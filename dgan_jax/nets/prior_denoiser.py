"""The denoiser of DiffIR's prior vector: a few dense layers.

Xia et al., arXiv 2303.09472.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import dense
from dgan_jax.nets.prior_encoder import leaky


class PriorDenoiser(nn.Module):
    """(x_t [B, D], t [B] integer in 0 .. steps - 1, condition [B, D]) -> x_0 [B, D]."""

    steps: int = 4  # of the chain: the time that the layers see is t / (10 steps)
    blocks: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, condition: jax.Array) -> jax.Array:
        width = x.shape[-1]
        time = t.astype(jnp.float32)[:, None] / (10 * self.steps)
        h = leaky(dense(jnp.concatenate([condition, time, x], axis=-1), width, "in"))
        for i in range(self.blocks):
            h = leaky(dense(h, width, f"block{i}"))  # no skip, whatever the published name says
        return h
