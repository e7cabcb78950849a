"""The RefineNet of noise conditional score networks: dilated residual blocks, refined from the coarse to the fine.

Song, Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", NeurIPS 2019, arXiv 1907.05600,
appendix A; on Lin et al., arXiv 1611.06612. Submodules are named as published, so that its checkpoints convert by name.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.adagn_blocks import Dtype
from dgan_jax.ops import resize

Norm = Callable[[str, jax.Array], jax.Array]
"""(name, x) -> x, normalised for the level of noise that the network was told."""


class InstanceNormPlus(nn.Module):
    """Conditional instance norm++: each channel has mean 0 and variance 1, and its mean, standardised over channels,
    comes back in part (appendix A.1). x: [B, H, W, C], level: [B] integer -> [B, H, W, C]."""

    levels: int

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        channels, wide = x.shape[-1], x.astype(jnp.float32)

        def rows(key: jax.Array, shape: Sequence[int], dtype: jnp.dtype) -> jax.Array:
            near_one = 1 + 0.02 * jax.random.normal(key, (shape[0], 2 * channels), dtype)
            return jnp.concatenate([near_one, jnp.zeros((shape[0], channels), dtype)], axis=1)

        row = nn.Embed(self.levels, 3 * channels, embedding_init=rows, name="embed")(level)
        gain, again, shift = jnp.split(row[:, None, None, :], 3, axis=-1)
        means = jnp.mean(wide, axis=(1, 2), keepdims=True)
        h = (wide - means) * jax.lax.rsqrt(jnp.mean(jnp.square(wide - means), axis=(1, 2), keepdims=True) + 1e-5)
        # The variance of the means is the unbiased one, that of the pixels is not.
        apart = means - jnp.mean(means, axis=-1, keepdims=True)
        spread = jnp.sum(jnp.square(apart), axis=-1, keepdims=True) / max(channels - 1, 1)
        h = h + again * apart * jax.lax.rsqrt(spread + 1e-5)
        return (gain * h + shift).astype(x.dtype)


def conv(features: int, size: int, name: str, dtype: Dtype, *, bias: bool = True, dilation: int = 1) -> nn.Conv:
    """PyTorch's default initialisation: uniform, of variance 1 / (3 fan in)."""
    init = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
    return nn.Conv(
        features, (size, size), padding=dilation * (size // 2), kernel_dilation=dilation, use_bias=bias, dtype=dtype,
        kernel_init=init, name=name,
    )  # fmt: skip


def phases_mean(x: jax.Array) -> jax.Array:
    """The mean of 2x2 cells: [B, H, W, C] -> [B, H/2, W/2, C]."""
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def mean_pool(x: jax.Array) -> jax.Array:
    """5x5 means of stride 1; the zeros around the image count."""
    return nn.avg_pool(x, (5, 5), (1, 1), ((2, 2), (2, 2)), count_include_pad=True)


class RefineNet(nn.Module):
    """(x [B, H, W, C], level [B] integer) -> the score of x in [0, 1], [B, H, W, C].

    Level 0 has the most noise. `centred`: x comes in [-1, 1], else it is brought there from [0, 1]. H and W must be
    even. The output is the score itself, whatever the level.
    """

    features: int = 128
    levels: int = 10
    centred: bool = False
    units: int = 2  # for each input that is refined, and poolings; at the end one more
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, level: jax.Array) -> jax.Array:
        if x.shape[1] % 2 or x.shape[2] % 2:
            raise ValueError(f"images of {x.shape[1]}x{x.shape[2]} cannot be halved; use even sides")
        n, channels, out_dtype = self.features, x.shape[-1], x.dtype
        level = level.astype(jnp.int32)
        norm: Norm = lambda name, h: InstanceNormPlus(self.levels, name=name)(h, level)
        x = (x if self.centred else 2 * x - 1).astype(self.dtype)
        h = conv(n, 3, "begin_conv", self.dtype)(x)
        layers = []
        for name, width, how in (("res1", n, 1), ("res2", 2 * n, "down"), ("res3", 2 * n, 2), ("res4", 2 * n, 4)):
            h = self.residual(f"{name}_0", norm, h, width, how)
            h = self.residual(f"{name}_1", norm, h, width, 1 if how == "down" else how)
            layers.append(h)
        h = self.refine("refine1", norm, [layers[3]], 2 * n)
        h = self.refine("refine2", norm, [layers[2], h], 2 * n)
        h = self.refine("refine3", norm, [layers[1], h], n)
        h = self.refine("refine4", norm, [layers[0], h], n, last=self.units + 1)
        h = nn.elu(norm("normalizer", h))
        return conv(channels, 3, "end_conv", self.dtype)(h).astype(out_dtype)

    def residual(self, name: str, norm: Norm, x: jax.Array, features: int, how: int | str) -> jax.Array:
        """A residual block; `how`: its dilation (1: none), or "down", which halves."""
        dilation = how if isinstance(how, int) else 1
        same = x.shape[-1] == features
        h = nn.elu(norm(f"{name}_normalize1", x))
        # Where it halves, the width changes in the second convolution.
        inner = x.shape[-1] if how == "down" else features
        h = conv(inner, 3, f"{name}_conv1", self.dtype, dilation=dilation)(h)
        h = nn.elu(norm(f"{name}_normalize2", h))
        h = conv(features, 3, f"{name}_conv2", self.dtype, dilation=dilation)(h)
        if how == "down":
            h = phases_mean(h)
            return h + phases_mean(conv(features, 1, f"{name}_shortcut", self.dtype)(x))
        if dilation > 1 and (not same or name.endswith("_0")):
            x = conv(features, 3, f"{name}_shortcut", self.dtype, dilation=dilation)(x)
        return h + x

    def convolved(self, name: str, norm: Norm, x: jax.Array, blocks: int) -> jax.Array:
        """Residual convolution units of two stages each."""
        for i in range(1, blocks + 1):
            h = x
            for j in (1, 2):
                h = nn.elu(norm(f"{name}_{i}_{j}_norm", h))
                h = conv(x.shape[-1], 3, f"{name}_{i}_{j}_conv", self.dtype, bias=False)(h)
            x = x + h
        return x

    def refine(self, name: str, norm: Norm, inputs: list[jax.Array], features: int, last: int = 1) -> jax.Array:
        """Inputs, the finest first, brought together at its size; pooled in a chain; refined by `last` units."""
        parts = [self.convolved(f"{name}_adapt{i}", norm, x, self.units) for i, x in enumerate(inputs)]
        h = parts[0]
        if len(parts) > 1:
            size = parts[0].shape[1:3]
            h = jnp.zeros(())
            for i, part in enumerate(parts):
                part = conv(features, 3, f"{name}_fuse{i}", self.dtype)(norm(f"{name}_fuse{i}_norm", part))
                h = h + resize.aligned(part, *size)
        h = nn.elu(h)
        path = h
        for i in range(self.units):
            path = mean_pool(norm(f"{name}_pool{i}_norm", path))
            path = conv(features, 3, f"{name}_pool{i}", self.dtype, bias=False)(path)
            h = h + path
        return self.convolved(f"{name}_output", norm, h, last)
