"""The compact network of Real-ESRGAN: a row of convolutions at the small image's size, and one pixel shuffle.

SRVGGNetCompact: Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCVW 2021, arXiv 2107.10833, in its code.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.fan_in import Dtype
from dgan_jax.nets.fan_in import conv as drawn
from dgan_jax.nets.srresnet import PReLU
from dgan_jax.ops.patches import from_channels_first as shuffle

ACTIVATIONS = {
    "prelu": lambda x, name: PReLU(name=name)(x),
    "relu": lambda x, name: nn.relu(x),
    "leakyrelu": lambda x, name: nn.leaky_relu(x, 0.1),
}


class SRVGGNet(nn.Module):
    """[B, h, w, K] in [0, 1] -> [B, s h, s w, out_channels]: the image with each pixel repeated, and what is added.

    `layers` counts the convolutions between the first and the last. K must be `out_channels`. Published: 64 features,
    16 layers (videos) or 32 (photographs), prelu.
    """

    features: int = 64
    layers: int = 16
    scale: int = 4
    out_channels: int = 3
    activation: str = "prelu"
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        act = lookup("activation", self.activation, ACTIVATIONS)
        h = x.astype(self.dtype)
        for i in range(self.layers + 1):
            h = act(drawn(h, self.features, 3, f"conv_{i}", dtype=self.dtype), f"slope_{i}")
        h = drawn(h, self.out_channels * self.scale**2, 3, "out", dtype=self.dtype)
        enlarged = jnp.repeat(jnp.repeat(x, self.scale, axis=1), self.scale, axis=2)
        return shuffle(h, self.scale).astype(jnp.float32) + enlarged
