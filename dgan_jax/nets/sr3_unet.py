"""The U-Net of SR3 as it is commonly re-implemented; the authors released no code.

Saharia, Ho, Chan, Salimans, Fleet, Norouzi, "Image Super-Resolution via Iterative Refinement", arXiv 2104.07636.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.layers import GroupNorm, check_halvings
from dgan_jax.ops import fir

Dtype = Any
EPSILON = 1e-5

orthogonal = nn.initializers.orthogonal()


def conv(x: jax.Array, features: int, size: int, name: str, dtype: Dtype, **options: Any) -> jax.Array:
    """A convolution, inside a compact method, that starts orthogonal, with biases of 0."""
    options |= {"padding": size // 2, "kernel_init": orthogonal, "dtype": dtype}
    return nn.Conv(features, (size, size), name=name, **options)(x)


def dense(x: jax.Array, features: int, name: str, dtype: Dtype = jnp.float32) -> jax.Array:
    return nn.Dense(features, kernel_init=orthogonal, dtype=dtype, name=name)(x)


def level_embedding(level: jax.Array, features: int) -> jax.Array:
    """[B] -> [B, features]: sines, then cosines, of the level as it is, frequencies from 1 to just above 1 / 10000."""
    half = features // 2
    frequencies = np.exp(-np.log(1e4) * np.arange(half) / half).astype(np.float32)
    angles = level.astype(jnp.float32)[:, None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=1)


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], embedding: [B, E], added as it is -> [B, H, W, features]."""

    features: int
    groups: int
    dropout: float
    deterministic: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        h = nn.silu(GroupNorm(self.groups, EPSILON, name="norm_in")(x))
        h = conv(h, self.features, 3, "conv_in", self.dtype)
        h = h + dense(embedding, self.features, "level", self.dtype)[:, None, None, :]
        h = nn.silu(GroupNorm(self.groups, EPSILON, name="norm_out")(h))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(h, self.features, 3, "conv_out", self.dtype)
        if x.shape[-1] != self.features:
            x = conv(x, self.features, 1, "skip", self.dtype)
        return x + h


class Attention(nn.Module):
    """Single-head self-attention over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C]."""

    groups: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        h = GroupNorm(self.groups, EPSILON, name="norm")(x)
        h = conv(h, 3 * channels, 1, "qkv", self.dtype, use_bias=False).reshape(batch, height * width, -1)
        q, k, v = jnp.split(h, 3, axis=-1)
        weights = jnp.einsum("bqc,bkc->bqk", q, k, preferred_element_type=jnp.float32) * channels**-0.5
        h = jnp.einsum("bqk,bkc->bqc", nn.softmax(weights).astype(self.dtype), v).reshape(x.shape)
        return x + conv(h, channels, 1, "out", self.dtype)


class SR3UNet(nn.Module):
    """(x [B, H, W, C + K]: condition, then state; level [B], the state's signal in (0, 1]) -> [B, H, W, out_channels].

    Attention sits where `image_size` / 2^level is in `attention`, whatever the size of x, and in the middle.
    """

    image_size: int
    out_channels: int = 3
    features: int = 64
    multipliers: Sequence[int] = (1, 2, 4, 8, 8)
    blocks: int = 2
    attention: Sequence[int] = (16,)
    groups: int = 32
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        check_halvings(x, len(self.multipliers))
        embedding = dense(level_embedding(level, self.features), 4 * self.features, "level_in")
        embedding = dense(nn.silu(embedding), self.features, "level_out").astype(self.dtype)
        residual = nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(name: str, h: jax.Array, features: int) -> jax.Array:
            options = (self.groups, self.dropout, self.deterministic, self.dtype)
            return residual(features, *options, name=name)(h, embedding)

        attend = lambda name, h: Attention(self.groups, self.dtype, name=name)(h)
        widths = [self.features * multiplier for multiplier in self.multipliers]
        attended = [self.image_size // 2**depth in self.attention for depth in range(len(widths))]

        h = conv(x.astype(self.dtype), self.features, 3, "stem", self.dtype)
        skips = [h]
        for depth, width in enumerate(widths):
            for i in range(self.blocks):
                h = block(f"down{depth}_block{i}", h, width)
                h = attend(f"down{depth}_attention{i}", h) if attended[depth] else h
                skips.append(h)
            if depth < len(widths) - 1:
                # Zeros on both sides: not "SAME", which has them at the bottom and the right only.
                h = conv(h, width, 3, f"down{depth}_reduce", self.dtype, strides=2)
                skips.append(h)

        h = attend("middle_attention", block("middle_block0", h, widths[-1]))
        h = block("middle_block1", h, widths[-1])

        for depth, width in reversed(list(enumerate(widths))):
            for i in range(self.blocks + 1):
                h = block(f"up{depth}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width)
                h = attend(f"up{depth}_attention{i}", h) if attended[depth] else h
            if depth:
                h = conv(fir.repeat(h), width, 3, f"up{depth}_enlarge", self.dtype)

        h = nn.silu(GroupNorm(self.groups, EPSILON, name="out_norm")(h))
        return conv(h.astype(x.dtype), self.out_channels, 3, "out", x.dtype)
