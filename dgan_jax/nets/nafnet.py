"""NAFNet, told a time and a damaged image: the network of Refusion.

Luo et al., "Refusion", CVPR workshops 2023, arXiv 2304.08291; the blocks: Chen et al., arXiv 2204.04676.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import bias_init, conv, dense, kernel_init
from dgan_jax.nets.irsde_unet import ChannelNorm
from dgan_jax.nets.layers import sinusoid
from dgan_jax.ops.depthwise import depthwise

Dtype = Any


def gate(x: jax.Array) -> jax.Array:
    """One half of the channels times the other."""
    first, second = jnp.split(x, 2, axis=-1)
    return first * second


def shuffled(x: jax.Array) -> jax.Array:
    """Every four channels as a square of pixels: [B, H, W, 4 C] -> [B, 2 H, 2 W, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, channels // 4, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    return x.reshape(batch, 2 * height, 2 * width, channels // 4)


class Depthwise(nn.Module):
    """Each channel by its own 3x3 kernel, and a bias."""

    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        kernel = self.param("kernel", kernel_init, (3, 3, 1, channels))
        bias = self.param("bias", bias_init(9), (channels,))
        return depthwise(x, kernel.astype(self.dtype)) + bias.astype(self.dtype)


class NAFBlock(nn.Module):
    """x: [B, H, W, C], embedding: [B, E] -> [B, H, W, C]; it starts as its skip."""

    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        told = dense(gate(embedding), 4 * channels, "time", dtype=self.dtype)[:, None, None, :]
        shift, scale, second_shift, second_scale = jnp.split(told, 4, axis=-1)
        point = lambda h, features, name: conv(h, features, 1, name, dtype=self.dtype)
        factor = lambda name: self.param(name, nn.initializers.zeros, (channels,)).astype(self.dtype)

        h = ChannelNorm(name="norm_in")(x) * (1 + scale) + shift
        h = gate(Depthwise(self.dtype, name="depthwise")(point(h, 2 * channels, "widen_in")))
        h = h * point(h.mean((1, 2), keepdims=True), channels, "attention")
        y = x + point(h, channels, "narrow_in") * factor("share_in")
        h = ChannelNorm(name="norm_out")(y) * (1 + second_scale) + second_shift
        h = point(gate(point(h, 2 * channels, "widen_out")), channels, "narrow_out")
        return y + h * factor("share_out")


class ConditionalNAFNet(nn.Module):
    """(x [B, H, W, C], damaged [B, H, W, C], t [B]) -> noise [B, H, W, out_channels].

    t counts 1 .. T, unscaled. Sides are padded with zeros to multiples of 2^levels and cut again.
    """

    out_channels: int = 3
    features: int = 64
    down: Sequence[int] = (1, 1, 1, 28)  # blocks of each level
    middle: int = 1
    up: Sequence[int] = (1, 1, 1, 1)  # from the deepest level
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, damaged: jax.Array, t: jax.Array) -> jax.Array:
        if len(self.down) != len(self.up):
            raise ValueError(f"NAFNet goes up as many levels as down, got blocks {self.down} and {self.up}")
        height, width = x.shape[1:3]
        factor = 2 ** len(self.down)
        h = jnp.concatenate([x - damaged, damaged], axis=-1).astype(self.dtype)
        h = jnp.pad(h, ((0, 0), (0, -height % factor), (0, -width % factor), (0, 0)))
        embedding = gate(dense(sinusoid(t, self.features), 8 * self.features, "time_in"))
        embedding = dense(embedding, 4 * self.features, "time_out").astype(self.dtype)
        kind = nn.remat(NAFBlock) if self.remat else NAFBlock
        block = lambda name, h: kind(self.dtype, name=name)(h, embedding)

        h, skips = conv(h, self.features, 3, "stem", dtype=self.dtype), []
        for level, blocks in enumerate(self.down):
            for i in range(blocks):
                h = block(f"down{level}_block{i}", h)
            skips.append(h)
            h = conv(h, 2 * h.shape[-1], 2, f"down{level}_reduce", stride=2, padding=0, dtype=self.dtype)
        for i in range(self.middle):
            h = block(f"middle_block{i}", h)
        for stage, blocks in enumerate(self.up):
            h = conv(h, 2 * h.shape[-1], 1, f"up{stage}_enlarge", bias=False, dtype=self.dtype)
            h = shuffled(h) + skips.pop()
            for i in range(blocks):
                h = block(f"up{stage}_block{i}", h)
        return conv(h.astype(x.dtype), self.out_channels, 3, "out", dtype=x.dtype)[:, :height, :width]
