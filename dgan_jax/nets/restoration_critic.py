"""A critic of places: is what is restored here, before this condition, an original?

The blocks of `nets/restoration_unet.py` on the way down. It gives each place a logit of its own and nothing for the
image as a whole (PatchGAN: Isola et al., arXiv 1611.07004), so that one image is as many examples as it has places.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.layers import sinusoid
from dgan_jax.nets.restoration_unet import SteeredBlock, conv
from dgan_jax.ops import haar


class RestorationCritic(nn.Module):
    """(x_t [B, H, W, C], t [B] integer, x_{t+1} [B, H, W, C], condition [B, H, W, K]) -> logits [B, places].

    H and W must be multiples of 2^(levels - 1); the last level has the places.
    """

    features: tuple[int, ...] = (32, 64, 128)  # width of each level
    blocks: tuple[int, ...] = (1, 1, 1)  # of each level
    embedding: int = 64
    dtype: jnp.dtype = jnp.dtype(jnp.float32)

    @nn.compact
    def __call__(self, x_t: jax.Array, t: jax.Array, x_next: jax.Array, condition: jax.Array) -> jax.Array:
        steer = nn.silu(nn.Dense(self.embedding, dtype=self.dtype, name="steer")(sinusoid(t, 32).astype(self.dtype)))
        given = jnp.concatenate([x_t, x_next, condition], axis=-1).astype(self.dtype)
        h = conv(self.features[0], 1, self.dtype, "stem")(given)
        for level, (width, count) in enumerate(zip(self.features, self.blocks, strict=True)):
            if level:
                h = conv(width, 1, self.dtype, f"down_{level}")(haar.dwt(h) / 2)
            for i in range(count):
                h = SteeredBlock(self.dtype, name=f"down_{level}_{i}")(h, steer)
        # Real and fake are judged against each other: what both are given means nothing.
        out = nn.Conv(1, (1, 1), use_bias=False, dtype=self.dtype, name="out")
        return out(nn.relu(h)).astype(jnp.float32).reshape(h.shape[0], -1)
