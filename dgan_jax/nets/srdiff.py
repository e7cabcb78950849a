"""The networks of SRDiff: an encoder of the small image, and a U-Net without norms that sees its features.

Li et al., "SRDiff: Single Image Super-Resolution with Diffusion Probabilistic Models", Neurocomputing 2022, arXiv
2104.14951.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import bias_init, conv, dense, kernel_init
from dgan_jax.nets.layers import check_halvings, sinusoid
from dgan_jax.nets.rrdb import Block as DenseBlocks
from dgan_jax.ops import fir

Dtype = Any


def mish(x: jax.Array) -> jax.Array:
    return x * jnp.tanh(nn.softplus(x))


def reflected(x: jax.Array, features: int, name: str, dtype: Dtype, stride: int = 1) -> jax.Array:
    """A 3x3 convolution, inside a compact method, of the image mirrored around its edge pixels."""
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    return conv(x, features, 3, name, stride=stride, padding=0, dtype=dtype)


class Transposed(nn.Module):
    """A transposed convolution that enlarges `stride` times: [B, H, W, C] -> [B, stride H, stride W, features]."""

    features: int
    size: int
    stride: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", kernel_init, shape).astype(self.dtype)
        bias = self.param("bias", bias_init(self.size**2 * self.features), (self.features,)).astype(self.dtype)
        margin = self.size - 1 - (self.size - self.stride) // 2
        # As torch has it: the gradient of a convolution, so that its kernel is turned around.
        h = jax.lax.conv_general_dilated(
            x, kernel[::-1, ::-1], (1, 1), [(margin, margin)] * 2, lhs_dilation=(self.stride, self.stride),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return h + bias


class SRDiffEncoder(nn.Module):
    """Small image [B, h, w, C] in [-1, 1] -> (enlarged [B, s h, s w, C] in [-1, 1], features [B, h, w, F]).

    Features are those of every third block, the sum with the first convolution counted as one more.
    """

    features: int = 64
    blocks: int = 17
    scale: int = 4
    growth: int = 0  # 0: half of `features`
    out_channels: int = 3
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, low: jax.Array) -> tuple[jax.Array, jax.Array]:
        if self.scale not in (2, 4, 8):
            raise ValueError(f"SRDiff's encoder enlarges by 2, 4 or 8, got {self.scale}; try --task.scale 4")
        if self.blocks < 2:
            raise ValueError(
                f"SRDiff's encoder shows every third block's features and needs 2 at least, got {self.blocks}"
            )
        plain = lambda x, features, name: conv(x, features, 3, name, dtype=self.dtype)
        h = head = plain((low / 2 + 0.5).astype(self.dtype), self.features, "head")
        seen = []
        for i in range(self.blocks):
            h = DenseBlocks(self.growth or self.features // 2, self.dtype, name=f"block_{i}")(h)
            seen.append(h)
        h = head + plain(h, self.features, "trunk")
        seen.append(h)
        for i in range(self.scale.bit_length() - 1):
            h = nn.leaky_relu(plain(fir.repeat(h), self.features, f"up_{i}"), 0.2)
        h = plain(nn.leaky_relu(plain(h, self.features, "fuse"), 0.2), self.out_channels, "out")
        return 2 * jnp.clip(h.astype(jnp.float32), 0, 1) - 1, jnp.concatenate(seen[2::3], axis=-1)


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], embedding: [B, E], added between two convolutions -> [B, H, W, features]."""

    features: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        h = mish(reflected(x, self.features, "conv_in", self.dtype))
        h = h + dense(mish(embedding), self.features, "time", dtype=self.dtype)[:, None, None, :]
        h = mish(reflected(h, self.features, "conv_out", self.dtype))
        if x.shape[-1] != self.features:
            x = conv(x, self.features, 1, "skip", dtype=self.dtype)
        return h + x


class LinearAttention(nn.Module):
    """Attention whose cost grows with the number of pixels, times a factor that starts at 0, and its skip."""

    dtype: Dtype
    heads: int = 4
    head_channels: int = 32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        inner = self.heads * self.head_channels
        qkv = conv(x, 3 * inner, 1, "qkv", bias=False, dtype=self.dtype)
        split = lambda part: part.reshape(batch, height * width, self.heads, self.head_channels)
        q, k, v = (split(part) for part in jnp.split(qkv, 3, axis=-1))
        context = jnp.einsum("bnhd,bnhe->bhde", nn.softmax(k, axis=1), v)
        h = jnp.einsum("bhde,bnhd->bnhe", context, q).reshape(batch, height, width, inner)
        share = self.param("share", nn.initializers.zeros, (1,)).astype(self.dtype)
        return x + share * conv(h, channels, 1, "out", dtype=self.dtype)


class SRDiffUNet(nn.Module):
    """(x [B, H, W, C], t [B], features [B, H / s, W / s, F], enlarged [B, H, W, C]) -> noise [B, H, W, C].

    t is an unscaled index. `enlarged` is looked at only where `see_enlarged` says so. The first level's skip is not
    used, as published.
    """

    features: int = 64
    multipliers: Sequence[int] = (1, 2, 3, 4)
    scale: int = 4
    see_enlarged: bool = False
    attention: bool = False  # in the middle
    out_channels: int = 3
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, features: jax.Array, enlarged: jax.Array) -> jax.Array:
        check_halvings(x, len(self.multipliers))
        embedding = dense(sinusoid(t, self.features), 4 * self.features, "time_in")
        embedding = dense(mish(embedding), self.features, "time_out").astype(self.dtype)
        kind = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        block = lambda name, h, width: kind(width, self.dtype, name=name)(h, embedding)
        widths = [self.features * multiplier for multiplier in self.multipliers]
        enlarge = lambda size, stride, width, name: Transposed(width, size, stride, self.dtype, name=name)

        h, skips = x.astype(self.dtype), []
        for level, width in enumerate(widths):
            for i in range(2):
                h = block(f"down{level}_block{i}", h, width)
            if level == 0:
                told = features.astype(self.dtype)
                h = h + enlarge(2 * self.scale, self.scale, self.features, "condition")(told)
                if self.see_enlarged:
                    h = h + reflected(enlarged.astype(self.dtype), self.features, "enlarged", self.dtype)
            skips.append(h)
            if level < len(widths) - 1:
                h = reflected(h, width, f"down{level}_reduce", self.dtype, stride=2)

        h = block("middle_block0", h, widths[-1])
        if self.attention:
            h = LinearAttention(self.dtype, name="middle_attention")(h)
        h = block("middle_block1", h, widths[-1])

        for level in reversed(range(1, len(widths))):
            h = jnp.concatenate([h, skips.pop()], axis=-1)
            for i in range(2):
                h = block(f"up{level}_block{i}", h, widths[level - 1])
            h = enlarge(4, 2, widths[level - 1], f"up{level}_enlarge")(h)

        h = mish(reflected(h, self.features, "last", self.dtype))
        return conv(h.astype(x.dtype), self.out_channels, 1, "out", dtype=x.dtype)
