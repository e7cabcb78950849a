"""The generator of denoising diffusion-GANs: NCSN++ with group norms that the latent modulates.

Xiao et al., arXiv 2112.07804, on the U-net of Song et al., arXiv 2011.13456. Submodules are numbered in the order of the
published module list, so that its checkpoints convert by name.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.layers import sinusoid, uniform_fan_avg, uniform_fan_out
from dgan_jax.ops import fir

Dtype = Any


def groups_of(channels: int) -> int:
    """Groups of a norm over `channels`; a ValueError if they do not divide."""
    groups = min(channels // 4, 32)
    if groups < 1 or channels % groups:
        raise ValueError(
            f"group norm cannot divide {channels} channels into {groups} groups; "
            "try features of 4, 8, 16, 32, 64 or 128 with multipliers that are powers of 2"
        )
    return groups


def conv(features: int, size: int, dtype: Dtype, name: str, *, scale: float = 1.0, stride: int = 1, **options: Any) -> nn.Conv:
    options.setdefault("padding", size // 2)
    return nn.Conv(features, (size, size), stride, dtype=dtype, kernel_init=uniform_fan_avg(scale), name=name, **options)


def norm(channels: int, dtype: Dtype, name: str, *, affine: bool = True) -> nn.GroupNorm:
    return nn.GroupNorm(groups_of(channels), epsilon=1e-6, use_scale=affine, use_bias=affine, dtype=dtype, name=name)


class AdaptiveNorm(nn.Module):
    """Group norm whose gain and bias are linear in w. x: [B, H, W, C], w: [B, Z] -> [B, H, W, C]."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        # The gain has no implicit 1: it is in the bias.
        bias = lambda key, shape, dtype: jnp.concatenate([jnp.ones(channels, dtype), jnp.zeros(channels, dtype)])
        style = nn.Dense(2 * channels, kernel_init=uniform_fan_out(), bias_init=bias, dtype=self.dtype, name="style")(w)
        gain, shift = jnp.split(style[:, None, None, :], 2, axis=-1)
        return gain * norm(channels, self.dtype, "norm", affine=False)(x) + shift


class AffineNorm(nn.Module):
    """Plain group norm in the place of an adaptive one; w is ignored."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        del w
        return norm(x.shape[-1], self.dtype, "norm")(x)


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], time: [B, E] (before its activation), w: [B, Z] -> [B, H', W', features].

    `resample` acts on both paths, between the first norm and the first convolution. `second_norm` is adaptive or affine.
    """

    features: int
    resample: Callable[[jax.Array], jax.Array] | None = None
    second_norm: Callable[..., nn.Module] = AdaptiveNorm
    rescale: bool = True
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array, w: jax.Array) -> jax.Array:
        h = nn.silu(AdaptiveNorm(self.dtype, name="norm_in")(x, w))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = conv(self.features, 3, self.dtype, "conv_in")(h)
        dense = nn.Dense(self.features, kernel_init=uniform_fan_avg(), dtype=self.dtype, name="time")
        h = h + dense(nn.silu(time))[:, None, None, :]
        h = nn.silu(self.second_norm(self.dtype, name="norm_out")(h, w))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=0.0)(h)
        # The skip convolution acts after the resampling, and whenever there is one.
        if x.shape[-1] != self.features or self.resample is not None:
            x = conv(self.features, 1, self.dtype, "skip")(x)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class Attention(nn.Module):
    """Single-head self-attention over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C]."""

    rescale: bool = True
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        dense = lambda name, scale: nn.Dense(channels, kernel_init=uniform_fan_avg(scale), dtype=self.dtype, name=name)
        h = norm(channels, self.dtype, "norm")(x).reshape(batch, height * width, channels)
        q, k, v = (dense(name, 0.1)(h) for name in ("query", "key", "value"))
        weights = jnp.einsum("bqc,bkc->bqk", q, k, preferred_element_type=jnp.float32) * channels**-0.5
        h = jnp.einsum("bqk,bkc->bqc", nn.softmax(weights).astype(self.dtype), v)
        h = dense("out", 0.0)(h).reshape(x.shape)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class DownConv(nn.Module):
    """Learned reduction by 2: [B, H, W, C] -> [B, H/2, W/2, features]."""

    features: int
    kernel: Sequence[float] | None = None
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.kernel is not None:
            x, padding = fir.blur_before_stride(x, self.kernel), 0
        else:
            padding = ((0, 1), (0, 1))
        return conv(self.features, 3, self.dtype, "conv", stride=2, padding=padding)(x)


class UpConv(nn.Module):
    """Enlargement by 2, then a 3x3 convolution: [B, H, W, C] -> [B, 2H, 2W, features]."""

    features: int
    resample: Callable[[jax.Array], jax.Array] = fir.repeat
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
        w = z / jnp.sqrt(jnp.mean(jnp.square(z), axis=1, keepdims=True) + 1e-8)
        for i in range(self.layers + 1):
            w = nn.silu(nn.Dense(self.features, kernel_init=uniform_fan_out(), dtype=self.dtype, name=f"dense_{i}")(w))
        return w


class NCSNpp(nn.Module):
    """(x [B, H, W, C], t [B] integer, z [B, nz], condition [B, H, W, K] or None) -> x0 [B, H, W, out_channels].

    H and W must be divisible by 2^(levels - 1). Attention sits where `image_size` / 2^level is in `attention`, whatever
    the size of x, so a network runs on other sizes than it was made for. dtype is that of activations; parameters are float32.
    """

    image_size: int
    out_channels: int = 3
    features: int = 128
    multipliers: Sequence[int] = (1, 2, 2, 2)
    blocks: int = 2
    attention: Sequence[int] = (16,)
    latent_layers: int = 3
    latent_embedding: int = 256
    dropout: float = 0.0
    tanh: bool = True
    centred: bool = True  # False: x is in [0, 1] and is brought to [-1, 1] here
    block: str = "biggan"  # or biggan_oneadagn (the second norm is affine), ddpm (resampling outside the blocks)
    fir_kernel: Sequence[float] | None = (1, 3, 3, 1)  # None: repeat and mean
    input_pyramid: str = "residual"  # or none, input_skip
    output_pyramid: str = "none"  # or output_skip, residual
    combine: str = "sum"  # or cat: how input_skip joins
    rescale: bool = True
    embedding: str = "positional"  # or fourier
    fourier_scale: float = 16.0
    resample_with_conv: bool = True  # ddpm blocks only
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False

    def check(self, x: jax.Array) -> None:
        """Raise before anything is computed for sizes and widths that cannot work."""
        factor = 2 ** (len(self.multipliers) - 1)
        if x.shape[1] % factor or x.shape[2] % factor:
            raise ValueError(
                f"images of {x.shape[1]}x{x.shape[2]} cannot be halved {len(self.multipliers) - 1} times; "
                f"use sides that are multiples of {factor}, or fewer multipliers"
            )
        for multiplier in self.multipliers:
            groups_of(self.features * multiplier)

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        self.check(x)
        dtype, out_dtype = self.dtype, x.dtype
        numbers = iter(range(10_000))
        named = lambda role: f"{next(numbers):02d}_{role}"
        up, down = fir.repeat, fir.mean
        if self.fir_kernel is not None:
            up, down = (functools.partial(f, kernel=tuple(self.fir_kernel)) for f in (fir.upsample, fir.downsample))
        join = (lambda a, b: (a + b) / np.sqrt(2.0)) if self.rescale else (lambda a, b: a + b)
        residual_block = nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(role: str, features: int, resample: Any = None) -> ResidualBlock:
            second = AffineNorm if self.block == "biggan_oneadagn" else AdaptiveNorm
            return residual_block(
                features, resample, second, self.rescale, self.dropout, self.deterministic, dtype, name=named(role)
            )

        attend = lambda role, h: Attention(self.rescale, dtype, name=named(role))(h)
        head = lambda role, h, features, scale=1.0: conv(features, 3, dtype, named(f"{role}_conv"), scale=scale)(
            nn.silu(h)
        )
        normed = lambda role, h: norm(h.shape[-1], dtype, named(f"{role}_norm"))(h)

        time = self.embed(t, named).astype(dtype)
        w = LatentMapping(self.latent_embedding, self.latent_layers, dtype, name="latent")(z.astype(dtype))
        if condition is not None:
            x = jnp.concatenate([x, condition.astype(x.dtype)], axis=-1)
        x = (x if self.centred else 2 * x - 1).astype(dtype)

        levels = len(self.multipliers)
        widths = [self.features * m for m in self.multipliers]
        attended = [self.image_size // 2**level in self.attention for level in range(levels)]
        pyramid = x
        skips = [conv(self.features, 3, dtype, named("stem"))(x)]
        for level, width in enumerate(widths):
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", width)(skips[-1], time, w)
                if attended[level]:
                    h = attend(f"down{level}_attention{i}", h)
                skips.append(h)
            if level == levels - 1:
                break
            if self.block == "ddpm":
                h = self.plain_down(skips[-1], named, level)
            else:
                h = block(f"down{level}_reduce", width, down)(skips[-1], time, w)
            if self.input_pyramid == "input_skip":
                pyramid = down(pyramid)
                side = conv(h.shape[-1], 1, dtype, named(f"down{level}_combine"))(pyramid)
                h = side + h if self.combine == "sum" else jnp.concatenate([side, h], axis=-1)
            elif self.input_pyramid == "residual":
                # The pyramid takes the place of h and goes on to the next level.
                pyramid = DownConv(h.shape[-1], self.fir_kernel, dtype, name=named(f"down{level}_pyramid"))(pyramid)
                pyramid = h = join(pyramid, h)
            skips.append(h)

        h = skips[-1]
        h = block("middle_block0", h.shape[-1])(h, time, w)
        h = attend("middle_attention", h)
        h = block("middle_block1", h.shape[-1])(h, time, w)

        image = None
        for level in reversed(range(levels)):
            for i in range(self.blocks + 1):
                h = block(f"up{level}_block{i}", widths[level])(jnp.concatenate([h, skips.pop()], axis=-1), time, w)
            if attended[level]:
                h = attend(f"up{level}_attention", h)
            if self.output_pyramid == "output_skip":
                part = head(f"up{level}_image", normed(f"up{level}_image", h), self.out_channels, 0.0)
                image = part if image is None else up(image) + part
            elif self.output_pyramid == "residual":
                if image is None:
                    image = head(f"up{level}_pyramid", normed(f"up{level}_pyramid", h), h.shape[-1])
                else:
                    image = UpConv(h.shape[-1], up, dtype, name=named(f"up{level}_pyramid"))(image)
                    image = h = join(image, h)
            if level:
                if self.block == "ddpm":
                    h = UpConv(h.shape[-1], up, dtype, name=named(f"up{level}_enlarge"))(h) if self.resample_with_conv else up(h)
                else:
                    h = block(f"up{level}_enlarge", h.shape[-1], up)(h, time, w)
        if self.output_pyramid == "output_skip":
            h = image
        else:
            h = head("out", normed("out", h), self.out_channels, 0.0)
        h = h.astype(out_dtype)
        return jnp.tanh(h) if self.tanh else h

    def embed(self, t: jax.Array, named: Callable[[str], str]) -> jax.Array:
        """[B] -> [B, 4 features], without a last activation: each block has its own."""
        dense = lambda role: nn.Dense(4 * self.features, kernel_init=uniform_fan_avg(), name=named(role))
        if self.embedding == "fourier":
            draw = lambda key, shape: self.fourier_scale * jax.random.normal(key, shape)
            frequencies = jax.lax.stop_gradient(self.param(named("frequencies"), draw, (self.features,)))
            # The published network takes the logarithm, so this needs t > 0.
            angles = jnp.log(t.astype(jnp.float32))[:, None] * frequencies * 2 * np.pi
            time = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        else:
            time = sinusoid(t, self.features)
        time = dense("time_in")(time)
        return dense("time_out")(nn.silu(time))

    def plain_down(self, h: jax.Array, named: Callable[[str], str], level: int) -> jax.Array:
        """The reduction between ddpm blocks."""
        if self.resample_with_conv:
            return DownConv(h.shape[-1], self.fir_kernel, self.dtype, name=named(f"down{level}_reduce"))(h)
        return fir.mean(h) if self.fir_kernel is None else fir.downsample(h, tuple(self.fir_kernel))
