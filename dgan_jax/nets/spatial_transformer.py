"""The spatial transformer of latent diffusion: pixels attend to one another, then to a context.

Rombach, Blattmann, Lorenz, Esser, Ommer, "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022,
arXiv 2112.10752.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import conv, dense
from dgan_jax.nets.layers import GroupNorm

Dtype = Any


class CrossAttention(nn.Module):
    """Queries of x [B, N, C], keys and values of context [B, M, E] -> [B, N, C]."""

    heads: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, context: jax.Array) -> jax.Array:
        batch, count, channels = x.shape
        each = channels // self.heads
        linear = lambda value, name: dense(value, channels, name, bias=False, dtype=self.dtype)
        split = lambda value: value.reshape(batch, -1, self.heads, each)
        q, k, v = split(linear(x, "query")), split(linear(context, "key")), split(linear(context, "value"))
        weights = jnp.einsum("bqhc,bkhc->bhqk", q, k, preferred_element_type=jnp.float32) * each**-0.5
        h = jnp.einsum("bhqk,bkhc->bqhc", nn.softmax(weights).astype(v.dtype), v).reshape(batch, count, channels)
        return dense(h, channels, "out", dtype=self.dtype)


class TransformerBlock(nn.Module):
    """x [B, N, C], context [B, M, E] or None, which is x itself then -> [B, N, C]."""

    heads: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, context: jax.Array | None) -> jax.Array:
        channels = x.shape[-1]
        norm = lambda name, x: nn.LayerNorm(epsilon=1e-5, use_fast_variance=False, dtype=self.dtype, name=name)(x)
        h = norm("norm_self", x)
        x = x + CrossAttention(self.heads, self.dtype, name="self")(h, h)
        h = norm("norm_cross", x)
        x = x + CrossAttention(self.heads, self.dtype, name="cross")(h, h if context is None else context)
        wide, gate = jnp.split(dense(norm("norm_feed", x), 8 * channels, "widen", dtype=self.dtype), 2, axis=-1)
        return x + dense(wide * nn.gelu(gate, approximate=False), channels, "narrow", dtype=self.dtype)


class SpatialTransformer(nn.Module):
    """x [B, H, W, C], context [B, M, E] or None -> [B, H, W, C]; it starts as its skip."""

    heads: int
    depth: int
    groups: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, context: jax.Array | None) -> jax.Array:
        batch, height, width, channels = x.shape
        if self.heads < 1 or channels % self.heads:
            raise ValueError(f"{channels} channels cannot be divided among {self.heads} heads of attention")
        h = conv(GroupNorm(self.groups, 1e-6, name="norm")(x), channels, 1, "in", dtype=self.dtype)
        h = h.reshape(batch, height * width, channels)
        context = None if context is None else context.astype(self.dtype)
        for i in range(self.depth):
            h = TransformerBlock(self.heads, self.dtype, name=f"block{i}")(h, context)
        zeros = nn.initializers.zeros
        out = nn.Conv(channels, (1, 1), dtype=self.dtype, kernel_init=zeros, name="out")
        return x + out(h.reshape(x.shape))
