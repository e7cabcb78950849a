"""The networks of ECDP: an RRDB trunk whose blocks' features are shown, its head, and a U-Net that sees them all over.

Yuan, Yuan, "Efficient Conditional Diffusion Model with Probability Flow Sampling for Image Super-resolution", AAAI
2024, arXiv 2404.10688. Layers start as torch's do, but for factors: a tenth in the trunk's dense blocks, a thousandth
and a tenth in the U-Net's residual blocks, whose convolutions have no biases at first.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, bias_init, conv, dense
from dgan_jax.nets.layers import GroupNorm, sinusoid
from dgan_jax.ops import fir


def scaled(x: jax.Array, features: int, size: int, name: str, dtype: Dtype, *, scale: float = 1.0, stride: int = 1,
           biased: bool = False) -> jax.Array:  # fmt: skip
    """A convolution, inside a compact method, that starts as torch's times `scale`; biases at 0 unless `biased`."""
    start = bias_init(size**2 * x.shape[-1])
    shrunk = lambda key, shape, dtype=jnp.float32: scale * start(key, shape, dtype)
    layer = nn.Conv(
        features, (size, size), stride, padding=size // 2, dtype=dtype, name=name,
        kernel_init=nn.initializers.variance_scaling(scale**2 / 3, "fan_in", "uniform"),
        bias_init=shrunk if biased else nn.initializers.zeros,
    )  # fmt: skip
    return layer(x)


class DenseBlocks(nn.Module):
    """Three blocks of five convolutions that see all before them; a fifth of what each makes, and all, is added."""

    growth: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = x
        for block in range(3):
            seen = h
            for i in range(5):
                width = self.growth if i < 4 else x.shape[-1]
                made = scaled(seen, width, 3, f"dense{block}_conv{i}", self.dtype, scale=0.1, biased=True)
                if i < 4:
                    seen = jnp.concatenate([seen, nn.leaky_relu(made, 0.2)], axis=-1)
            h = h + 0.2 * made
        return x + 0.2 * h


class ECDPEncoder(nn.Module):
    """Small image [B, h, w, C] in [0, 1] -> (the `shown` blocks' features side by side [B, h, w, F], the last's).

    No convolution after the trunk, and no skip around it. Blocks are counted from 0.
    """

    features: int = 64
    blocks: int = 23
    growth: int = 32
    shown: Sequence[int] = (1, 8, 15, 22)
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, low: jax.Array) -> tuple[jax.Array, jax.Array]:
        block = nn.remat(DenseBlocks) if self.remat else DenseBlocks
        h, seen = conv(low.astype(self.dtype), self.features, 3, "head", dtype=self.dtype), []
        for i in range(self.blocks):
            h = block(self.growth, self.dtype, name=f"block_{i}")(h)
            if i in self.shown:
                seen.append(h)
        return jnp.concatenate(seen, axis=-1), h


class ECDPHead(nn.Module):
    """What makes an image of the last block's features, while the trunk learns: [B, h, w, F] -> [B, s h, s w, C]."""

    scale: int = 4
    out_channels: int = 3
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, h: jax.Array) -> jax.Array:
        if self.scale < 2 or self.scale & (self.scale - 1):
            raise ValueError(f"ECDP enlarges by a power of 2, got {self.scale}; try --task.scale 4")
        plain = lambda x, features, name: conv(x, features, 3, name, dtype=self.dtype)
        for i in range(self.scale.bit_length() - 1):
            h = nn.leaky_relu(plain(fir.repeat(h), h.shape[-1], f"up_{i}"), 0.2)
        h = nn.leaky_relu(plain(h, h.shape[-1], "fuse"), 0.2)
        return plain(h, self.out_channels, "out").astype(jnp.float32)


def resized(x: jax.Array, size: tuple[int, int], antialias: bool) -> jax.Array:
    """Bilinear, [B, h, w, C] -> [B, *size, C]; `antialias` counts where it shrinks."""
    return jax.image.resize(x, (x.shape[0], *size, x.shape[-1]), "linear", antialias=antialias)


def norm(x: jax.Array, name: str) -> jax.Array:
    """Group norm inside a compact method, of four channels a group and 32 groups at most."""
    return GroupNorm(max(1, min(x.shape[-1] // 4, 32)), 1e-5, name=name)(x)


class ResidualBlock(nn.Module):
    """x [B, H, W, C], embedding [B, E] and features [B, h, w, F], added between two convolutions -> [.., features]."""

    features: int
    antialias: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array, told: jax.Array) -> jax.Array:
        size = (x.shape[1], x.shape[2])
        # A 1x1 convolution and a resizing commute: the convolution comes where there are fewer pixels.
        first = told.shape[1] * told.shape[2] < size[0] * size[1]
        told = told if first else resized(told, size, self.antialias)
        told = scaled(told, self.features, 1, "told", self.dtype)
        told = resized(told, size, self.antialias) if first else told
        h = scaled(nn.silu(norm(x, "norm_in")), self.features, 3, "conv_in", self.dtype)
        h = h + dense(embedding, self.features, "time", dtype=self.dtype)[:, None, None, :] + told
        h = scaled(nn.silu(norm(h, "norm_out")), self.features, 3, "conv_out", self.dtype, scale=1e-3)
        if x.shape[-1] != self.features:
            x = scaled(x, self.features, 1, "skip", self.dtype, scale=0.1)
        return x + h


class ECDPUNet(nn.Module):
    """(x [B, H, W, C], t [B] in 0 .. 300, features [B, h, w, F]) -> [B, H, W, out_channels]: noise, then clean state.

    t is unscaled and may be a fraction. H and W are any: what was doubled is cut to its skip. `antialias`: features
    are shrunk as torchvision 0.17 and later do, not as those before.
    """

    out_channels: int = 6
    features: int = 64
    multipliers: Sequence[int] = (1, 2, 4, 4)
    blocks: int = 2
    time_features: int = 128
    antialias: bool = False
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, told: jax.Array) -> jax.Array:
        embedding = sinusoid(t, self.time_features)
        for name in ("time_in", "time_out"):
            embedding = nn.silu(dense(embedding, 4 * self.time_features, name))
        embedding, told = embedding.astype(self.dtype), told.astype(self.dtype)
        kind = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        block = lambda name, h, width: kind(width, self.antialias, self.dtype, name=name)(h, embedding, told)
        widths = [self.features * multiplier for multiplier in self.multipliers]

        h = scaled(x.astype(self.dtype), self.features, 3, "stem", self.dtype)
        skips = [h]
        for level, width in enumerate(widths):
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", h, width)
                skips.append(h)
            if level < len(widths) - 1:
                h = scaled(h, width, 3, f"down{level}_reduce", self.dtype, stride=2)
                skips.append(h)
        for i in range(2):
            h = block(f"middle_block{i}", h, widths[-1])
        for level, width in reversed(list(enumerate(widths))):
            for i in range(self.blocks + 1):
                skip = skips.pop()
                h = jnp.concatenate([h[:, : skip.shape[1], : skip.shape[2]], skip], axis=-1)
                h = block(f"up{level}_block{i}", h, width)
            if level:
                h = scaled(fir.repeat(h), width, 3, f"up{level}_enlarge", self.dtype)
        h = nn.silu(norm(h, "out_norm")).astype(jnp.float32)
        return scaled(h, self.out_channels, 3, "out", jnp.float32)
