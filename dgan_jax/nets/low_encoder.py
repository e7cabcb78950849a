"""A small image, seen by residual blocks at its own size, beside the diffusion of the large one.

The blocks are those of EDSR (Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution",
arXiv 1707.02921); encoding the small image once, cheaply, is what diffusion models for super-resolution commonly do
(Li et al., SRDiff, arXiv 2104.14951).
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.ncsnpp_adagn import NCSNpp


class LowEncoder(nn.Module):
    """low [B, h, w, C] -> [B, h, w, features]: convolution, residual blocks without norms, convolution, skip."""

    features: int = 64
    blocks: int = 4
    dtype: jnp.dtype = jnp.dtype(jnp.float32)

    @nn.compact
    def __call__(self, low: jax.Array) -> jax.Array:
        def conv(name: str, scale: float = 1.0) -> nn.Conv:
            init = nn.initializers.variance_scaling(scale, "fan_in", "normal")
            return nn.Conv(self.features, (3, 3), dtype=self.dtype, kernel_init=init, name=name)

        first = h = conv("stem")(low.astype(self.dtype))
        for i in range(self.blocks):
            h = h + conv(f"block_{i}_out", 0.1)(nn.relu(conv(f"block_{i}_in")(h)))
        return first + conv("out")(h)


class LowConditionedGenerator(nn.Module):
    """(x [B, H, W, C], t [B] integer, z [B, Z], condition [B, H, W, K], low [B, h, w, C]) -> x0 [B, H, W, C].

    The features of `low`, each repeated over its square of pixels, stand behind the condition channels of `unet`.
    """

    unet: NCSNpp
    encoder: LowEncoder

    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array, low: jax.Array) -> jax.Array:
        features = self.encoder(low)
        for axis in (1, 2):
            features = jnp.repeat(features, x.shape[axis] // low.shape[axis], axis=axis)
        return self.unet(x, t, z, jnp.concatenate([condition, features.astype(condition.dtype)], axis=-1))
