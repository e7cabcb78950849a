"""Blocks of the NCSN++ generators whose group norms are modulated by a latent: norms, residual, attention, resampling.

Xiao et al., arXiv 2112.07804; Song et al., arXiv 2011.13456.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.layers import group_norm, uniform_fan_avg, uniform_fan_out
from dgan_jax.ops import fir

Dtype = Any
Resample = Callable[[jax.Array], jax.Array]


def groups_of(channels: int) -> int:
    """Groups of a norm over `channels`; a ValueError if they do not divide."""
    groups = min(channels // 4, 32)
    if groups < 1 or channels % groups:
        raise ValueError(f"group norm cannot divide {channels} channels into {groups} groups")
    return groups


def conv(
    features: int, size: int, dtype: Dtype, name: str, *, scale: float = 1.0, stride: int = 1, padding: Any = None
) -> nn.Conv:
    """A convolution with the published start: uniform, by the mean of both fans."""
    padding = size // 2 if padding is None else padding
    init = uniform_fan_avg(scale)
    return nn.Conv(features, (size, size), stride, padding=padding, dtype=dtype, kernel_init=init, name=name)


def pixel_norm(z: jax.Array) -> jax.Array:
    """[B, Z] -> [B, Z], each of mean square 1."""
    return z / jnp.sqrt(jnp.mean(jnp.square(z), axis=1, keepdims=True) + 1e-8)


class Norm(nn.Module):
    """Group norm with a gain and a bias for each channel."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        gain = self.param("scale", nn.initializers.ones, (channels,))
        shift = self.param("bias", nn.initializers.zeros, (channels,))
        return group_norm(x, gain, shift, groups=groups_of(channels))


class AdaptiveNorm(nn.Module):
    """Group norm whose gain and bias are linear in w. x: [B, H, W, C], w: [B, Z] -> [B, H, W, C]."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        # The gain has no implicit 1: it is in the bias.
        bias = lambda key, shape, dtype: jnp.concatenate([jnp.ones(channels, dtype), jnp.zeros(channels, dtype)])
        style = nn.Dense(2 * channels, kernel_init=uniform_fan_out(), bias_init=bias, dtype=self.dtype, name="style")(w)
        gain, shift = jnp.split(style, 2, axis=-1)
        return group_norm(x, gain, shift, groups=groups_of(channels))


class AffineNorm(nn.Module):
    """Plain group norm in the place of an adaptive one; w is ignored."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        del w
        return Norm(name="norm")(x)


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], time: [B, E] (before its activation) or None, w: [B, Z] -> [B, H', W', features].

    `resample` acts on both paths, between the first norm and the first convolution. `second_norm` is adaptive or
    affine, `skip_scale` the scale of the skip convolution's initialisation.
    """

    features: int
    resample: Resample | None = None
    second_norm: Callable[..., nn.Module] = AdaptiveNorm
    skip_scale: float = 1.0
    rescale: bool = True
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array | None, w: jax.Array) -> jax.Array:
        h = nn.silu(AdaptiveNorm(self.dtype, name="norm_in")(x, w))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = conv(self.features, 3, self.dtype, "conv_in")(h)
        if time is not None:
            dense = nn.Dense(self.features, kernel_init=uniform_fan_avg(), dtype=self.dtype, name="time")
            h = h + dense(nn.silu(time))[:, None, None, :]
        h = nn.silu(self.second_norm(self.dtype, name="norm_out")(h, w))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=0.0)(h)
        # The skip convolution acts after the resampling, and whenever there is one.
        if x.shape[-1] != self.features or self.resample is not None:
            x = conv(self.features, 1, self.dtype, "skip", scale=self.skip_scale)(x)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class Attention(nn.Module):
    """Single-head self-attention over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C]."""

    rescale: bool = True
    dtype: Dtype = jnp.float32
    last_scale: float = 0.0  # of the last layer's initialisation

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        dense = lambda name, scale: nn.Dense(channels, kernel_init=uniform_fan_avg(scale), dtype=self.dtype, name=name)
        h = Norm(name="norm")(x).reshape(batch, height * width, channels)
        q, k, v = (dense(name, 0.1)(h) for name in ("query", "key", "value"))
        weights = jnp.einsum("bqc,bkc->bqk", q, k, preferred_element_type=jnp.float32) * channels**-0.5
        h = jnp.einsum("bqk,bkc->bqc", nn.softmax(weights).astype(self.dtype), v)
        h = dense("out", self.last_scale)(h).reshape(x.shape)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class Combine(nn.Module):
    """`side` [B, H, W, K] is brought to `features` channels; then its sum with h [B, H, W, C], or it in front of h."""

    features: int
    concatenate: bool = False
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, side: jax.Array, h: jax.Array) -> jax.Array:
        side = conv(self.features, 1, self.dtype, "conv")(side)
        return jnp.concatenate([side, h], axis=-1) if self.concatenate else side + h


class DownConv(nn.Module):
    """Learned reduction by 2: [B, H, W, C] -> [B, H/2, W/2, features]."""

    features: int
    kernel: Sequence[float] | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        padding: Any = ((0, 1), (0, 1))
        if self.kernel is not None:
            x, padding = fir.blur_before_stride(x, self.kernel), 0
        return conv(self.features, 3, self.dtype, "conv", stride=2, padding=padding)(x)


class UpConv(nn.Module):
    """Enlargement by 2, then a 3x3 convolution: [B, H, W, C] -> [B, 2H, 2W, features].

    With FIR the published layer raises; this is what it evidently intends.
    """

    features: int
    resample: Resample = fir.repeat
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return conv(self.features, 3, self.dtype, "conv")(self.resample(x))


class LatentMapping(nn.Module):
    """z [B, nz] -> w [B, features]: pixel norm, then dense layers, each followed by SiLU (also the last)."""

    features: int
    layers: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        w = pixel_norm(z).astype(self.dtype)
        for i in range(self.layers + 1):
            w = nn.silu(nn.Dense(self.features, kernel_init=uniform_fan_out(), dtype=self.dtype, name=f"dense_{i}")(w))
        return w
