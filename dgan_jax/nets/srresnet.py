"""Residual networks that enlarge by pixel shuffles: SRResNet as published, and the two forms that are used today.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a GAN", CVPR 2017, arXiv 1609.04802, figure 4; Shi et
al., arXiv 1609.05158 (pixel shuffles). Today: BasicSR's MSRResNet, and the generator of RankSRGAN (Zhang et al., arXiv
1908.06382). Both do without normalisation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm
from dgan_jax.nets.fan_in import Dtype
from dgan_jax.nets.fan_in import conv as drawn
from dgan_jax.ops import resize
from dgan_jax.ops.patches import from_channels_first as shuffle

Activation = Callable[[jax.Array], jax.Array]


def conv(x: jax.Array, features: int, name: str, dtype: Dtype = jnp.float32, start: float = 0.1) -> jax.Array:
    """A 3x3 convolution that begins small: with `start` times He's deviation."""
    drawn = nn.initializers.variance_scaling(2 * start**2, "fan_in", "normal")
    return nn.Conv(features, (3, 3), kernel_init=drawn, dtype=dtype, name=name)(x)


def factors(scale: int) -> tuple[int, ...]:
    """Pixel shuffles of a factor: 4 takes two of 2; 1 takes none."""
    steps = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
    if scale not in steps:
        raise ValueError(f"pixel shuffles enlarge by {', '.join(map(str, steps))} here, got {scale}")
    return steps[scale]


def leaky(x: jax.Array) -> jax.Array:
    """MSRResNet's slope."""
    return nn.leaky_relu(x, 0.1)


class PReLU(nn.Module):
    """max(x, 0) + slope min(x, 0), a slope for each channel; He et al., arXiv 1502.01852."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        slope = self.param("slope", nn.initializers.constant(0.25), (x.shape[-1],))
        return jnp.maximum(x, 0) + slope.astype(x.dtype) * jnp.minimum(x, 0)


class PlainBlock(nn.Module):
    """x + conv(relu(conv(x)))."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = nn.relu(conv(x, x.shape[-1], "in", self.dtype))
        return x + conv(h, x.shape[-1], "out", self.dtype)


class MSRResNet(nn.Module):
    """[B, h, w, K] in [0, 1] -> [B, s h, s w, out_channels]: the bilinear enlargement and what is added to it.

    Published: 64 features, 16 blocks, s = 2, 3 or 4. K must be `out_channels`. `start`: deviation of the first weights
    around the blocks, in units of He's.
    """

    features: int = 64
    blocks: int = 16
    scale: int = 4
    out_channels: int = 3
    dtype: Dtype = jnp.float32
    start: float = 0.1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = leaky(conv(x.astype(self.dtype), self.features, "head", self.dtype, self.start))
        for i in range(self.blocks):
            h = PlainBlock(self.dtype, name=f"block_{i}")(h)
        for i, factor in enumerate(factors(self.scale)):
            h = leaky(shuffle(conv(h, self.features * factor**2, f"up_{i}", self.dtype, self.start), factor))
        h = leaky(conv(h, self.features, "fuse", self.dtype, self.start))
        h = conv(h, self.out_channels, "out", self.dtype).astype(jnp.float32)
        return h + resize.enlarge(x, self.scale, "bilinear")


class TrunkResNet(nn.Module):
    """RankSRGAN's: [B, h, w, K] in [0, 1] -> [B, s h, s w, out_channels], with a skip around all blocks.

    Unlike MSRResNet it makes the whole image, not what is added to an enlarged one. `start` as there.
    """

    features: int = 64
    blocks: int = 16
    scale: int = 4
    out_channels: int = 3
    dtype: Dtype = jnp.float32
    start: float = 0.1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = head = conv(x.astype(self.dtype), self.features, "head", self.dtype, self.start)
        for i in range(self.blocks):
            h = PlainBlock(self.dtype, name=f"block_{i}")(h)
        h = head + conv(h, self.features, "trunk", self.dtype)
        for i, factor in enumerate(factors(self.scale)):
            h = nn.relu(shuffle(conv(h, self.features * factor**2, f"up_{i}", self.dtype, self.start), factor))
        h = nn.relu(conv(h, self.features, "fuse", self.dtype, self.start))
        return conv(h, self.out_channels, "out", self.dtype).astype(jnp.float32)


class SRResNet(nn.Module):
    """As published: [B, h, w, K] in [0, 1] -> [B, s h, s w, out_channels] in [-1, 1], without a bound.

    Batch norms in every block; `train`: by the statistics of the batch (over all devices of `axis_name`).
    """

    features: int = 64
    blocks: int = 16
    scale: int = 4
    out_channels: int = 3
    axis_name: str | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        plain = lambda x, features, name, size=3: drawn(x, features, size, name, dtype=self.dtype)
        norm = lambda x, name: batch_norm(x, train, self.axis_name, name)
        h = head = PReLU(name="slope_head")(plain(x.astype(self.dtype), self.features, "head", 9))
        for i in range(self.blocks):
            inner = norm(plain(h, self.features, f"block_{i}_in"), f"block_{i}_norm_in")
            inner = plain(PReLU(name=f"block_{i}_slope")(inner), self.features, f"block_{i}_out")
            h = h + norm(inner, f"block_{i}_norm_out")
        h = head + norm(plain(h, self.features, "trunk"), "norm_trunk")
        for i, factor in enumerate(factors(self.scale)):
            h = shuffle(plain(h, self.features * factor**2, f"up_{i}"), factor)
            h = PReLU(name=f"slope_up_{i}")(h)
        return plain(h, self.out_channels, "out", 9).astype(jnp.float32)
