"""The U-Net discriminator of Real-ESRGAN, which judges pixels: DiffIR's third stage of enlarging plays against it.

Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCVW 2021, arXiv 2107.10833, section 3.4; Schonfeld et al., "A U-Net Based
Discriminator for GANs", CVPR 2020, arXiv 2002.12655; spectral norm: Miyato et al., ICLR 2018, arXiv 1802.05957.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, conv, kernel_init


class UNetCritic(nn.Module):
    """Images [B, H, W, C] -> logits [B, H, W, 1]. H and W must be multiples of 8.

    All but the first and the last convolution are divided by their largest singular value, which one step of power
    iteration follows each time that it is applied; the vectors of that are in "batch_stats", so apply it with that
    collection mutable.
    """

    features: int = 64  # doubles with each of three halvings
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if x.shape[1] % 8 or x.shape[2] % 8:
            raise ValueError(f"the U-Net critic needs sides that are multiples of 8, got {x.shape[1]}x{x.shape[2]}")
        kept = [nn.leaky_relu(conv(x, self.features, 3, "conv0", dtype=self.dtype), 0.2)]
        for level in (1, 2, 3):
            kept.append(self.normed(kept[-1], self.features * 2**level, f"conv{level}", halve=True))
        h = kept.pop()
        for level in (4, 5, 6):
            wider = (h.shape[0], 2 * h.shape[1], 2 * h.shape[2], h.shape[3])
            h = jax.image.resize(h, wider, "bilinear")
            skip = kept.pop()
            h = self.normed(h, skip.shape[-1], f"conv{level}") + skip
        for level in (7, 8):
            h = self.normed(h, self.features, f"conv{level}")
        return conv(h, 1, 3, "conv9", dtype=self.dtype).astype(jnp.float32)

    def normed(self, x: jax.Array, features: int, name: str, *, halve: bool = False) -> jax.Array:
        """A 3x3 convolution, or one of 4x4 that halves the sides, by normalised weights, and a leaky ReLU."""
        size, stride = (4, 2) if halve else (3, 1)
        layer = nn.Conv(
            features, (size, size), stride, padding=1, use_bias=False, dtype=self.dtype, kernel_init=kernel_init,
            name=name,
        )  # fmt: skip
        out = nn.SpectralNorm(layer, name=f"norm_{name}")(x, update_stats=True)
        return nn.leaky_relu(out, 0.2)
