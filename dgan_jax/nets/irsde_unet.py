"""The U-Net of the mean-reverting SDE: no norms in its blocks, linear attention at every level.

Luo, Gustafsson, Zhao, Sjoelund, Schoen, "Image Restoration with Mean-Reverting Stochastic Differential Equations", ICML
2023, arXiv 2301.11699.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import conv, dense
from dgan_jax.nets.layers import sinusoid
from dgan_jax.ops import fir

Dtype = Any


class ChannelNorm(nn.Module):
    """Each pixel's channels brought to mean 0 and variance 1, times a gain; no bias."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        wide = x.astype(jnp.float32)
        wide = wide - wide.mean(-1, keepdims=True)
        gain = self.param("gain", nn.initializers.ones, x.shape[-1:])
        return (wide * jax.lax.rsqrt(jnp.square(wide).mean(-1, keepdims=True) + 1e-5) * gain).astype(x.dtype)


class Block(nn.Module):
    """x: [B, H, W, C], embedding: [B, E] -> [B, H, W, features]: two convolutions, the first scaled by the time."""

    features: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        told = dense(nn.silu(embedding), 2 * self.features, "time", dtype=self.dtype)[:, None, None, :]
        scale, shift = jnp.split(told, 2, axis=-1)
        h = conv(x, self.features, 3, "conv_in", bias=False, dtype=self.dtype)
        h = nn.silu(h * (1 + scale) + shift)
        h = nn.silu(conv(h, self.features, 3, "conv_out", bias=False, dtype=self.dtype))
        if x.shape[-1] != self.features:
            x = conv(x, self.features, 1, "skip", bias=False, dtype=self.dtype)
        return h + x


class LinearAttention(nn.Module):
    """Attention whose cost grows with the number of pixels, with its norms and its skip. [B, H, W, C] -> the same."""

    heads: int
    head_channels: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        inner = self.heads * self.head_channels
        qkv = conv(ChannelNorm(name="norm_in")(x), 3 * inner, 1, "qkv", bias=False, dtype=self.dtype)
        split = lambda part: part.reshape(batch, height * width, self.heads, self.head_channels)
        q, k, v = (split(part) for part in jnp.split(qkv, 3, axis=-1))
        q = nn.softmax(q, axis=-1) * self.head_channels**-0.5
        k = nn.softmax(k, axis=1)
        context = jnp.einsum("bnhd,bnhe->bhde", k, v / (height * width))
        h = jnp.einsum("bhde,bnhd->bnhe", context, q).reshape(batch, height, width, inner)
        return x + ChannelNorm(name="norm_out")(conv(h, channels, 1, "out", dtype=self.dtype))


class IRSDEUNet(nn.Module):
    """(x [B, H, W, C], damaged [B, H, W, C], t [B]) -> noise [B, H, W, out_channels].

    t counts 1 .. T, unscaled. Sides are mirrored up to multiples of 2^depth and cut again.
    """

    out_channels: int = 3
    features: int = 64
    depth: int = 4
    heads: int = 4
    head_channels: int = 32
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, damaged: jax.Array, t: jax.Array) -> jax.Array:
        height, width = x.shape[1:3]
        more = (-height % 2**self.depth, -width % 2**self.depth)
        h = jnp.concatenate([x - damaged, damaged], axis=-1).astype(self.dtype)
        h = jnp.pad(h, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), mode="reflect")
        embedding = dense(sinusoid(t, self.features), 4 * self.features, "time_in")
        embedding = dense(nn.gelu(embedding, approximate=False), 4 * self.features, "time_out").astype(self.dtype)
        kind = nn.remat(Block) if self.remat else Block
        block = lambda name, h, features: kind(features, self.dtype, name=name)(h, embedding)
        attend = lambda name, h: LinearAttention(self.heads, self.head_channels, self.dtype, name=name)(h)
        widths = [self.features * 2**level for level in range(self.depth + 1)]

        first = h = conv(h, self.features, 7, "stem", bias=False, dtype=self.dtype)
        skips = []
        for level in range(self.depth):
            h = block(f"down{level}_block0", h, widths[level])
            skips.append(h)
            h = attend(f"down{level}_attention", block(f"down{level}_block1", h, widths[level]))
            skips.append(h)
            wider, name = widths[level + 1], f"down{level}_reduce"
            if level < self.depth - 1:
                h = conv(h, wider, 4, name, stride=2, padding=1, dtype=self.dtype)
            else:
                h = conv(h, wider, 3, name, bias=False, dtype=self.dtype)

        h = attend("middle_attention", block("middle_block0", h, widths[-1]))
        h = block("middle_block1", h, widths[-1])

        for level in reversed(range(self.depth)):
            for i in range(2):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), widths[level + 1])
            h, name = attend(f"up{level}_attention", h), f"up{level}_enlarge"
            if level:
                h = conv(fir.repeat(h), widths[level], 3, name, dtype=self.dtype)
            else:
                h = conv(h, widths[level], 3, name, bias=False, dtype=self.dtype)

        h = block("last_block", jnp.concatenate([h, first], axis=-1), self.features)
        return conv(h.astype(x.dtype), self.out_channels, 3, "out", dtype=x.dtype)[:, :height, :width]
