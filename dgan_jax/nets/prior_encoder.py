"""The encoder of DiffIR that compresses a damaged image, with or without its original, to a prior vector.

Xia et al., arXiv 2303.09472 (CPEN).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, conv, dense
from dgan_jax.ops.patches import channels_first as unshuffle


def leaky(x: jax.Array) -> jax.Array:
    """Leaky rectifier of slope 0.1, as DiffIR's encoder has it."""
    return nn.leaky_relu(x, 0.1)


def stacked(degraded: jax.Array, truth: jax.Array | None = None, *, scale: int = 1) -> jax.Array:
    """The encoder's input: everything at a quarter of the original's resolution, the degraded image first.

    degraded: [B, H/scale, W/scale, K], truth: [B, H, W, C] or None; scale: 1, 2 or 4.
    """
    x = unshuffle(degraded, 4 // scale)
    return x if truth is None else jnp.concatenate([x, unshuffle(truth, 4)], axis=-1)


class PriorEncoder(nn.Module):
    """[B, h, w, K] (see `stacked`) -> prior [B, 4 features]."""

    features: int = 64
    blocks: int = 5
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        convolved = lambda h, width, name: conv(h, self.features * width, 3, name, dtype=self.dtype)
        h = leaky(convolved(x.astype(self.dtype), 1, "stem"))
        for i in range(self.blocks):
            h = h + convolved(leaky(convolved(h, 1, f"block{i}_in")), 1, f"block{i}_out")
        for i, width in enumerate((2, 2, 4)):
            h = leaky(convolved(h, width, f"widen{i}"))
        h = h.astype(jnp.float32).mean((1, 2))
        for i in range(2):
            h = leaky(dense(h, 4 * self.features, f"dense{i}"))
        return h
