"""The U-Net of guided diffusion (ADM): heads of attention, scale and shift by the embedding, resampling in blocks.

Dhariwal, Nichol, "Diffusion Models Beat GANs on Image Synthesis", NeurIPS 2021, arXiv 2105.05233; the prior of RePaint
(arXiv 2201.09865), of DDRM and of DDNM.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, conv, dense
from dgan_jax.nets.layers import GroupNorm, check_halvings
from dgan_jax.nets.spatial_transformer import SpatialTransformer
from dgan_jax.ops import fir

EPSILON = 1e-5


def cosine_first(t: jax.Array, features: int) -> jax.Array:
    """[B] -> [B, features]: cosines, then sines, of unscaled t, frequencies from 1 to just above 1 / 10000.

    The DDPM U-Net has sines first, and ends at 1 / 10000 itself.
    """
    half = features // 2
    frequencies = np.exp(-np.log(10000.0) * np.arange(half) / half).astype(np.float32)
    angles = t.astype(jnp.float32)[:, None] * frequencies
    return jnp.pad(jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=1), ((0, 0), (0, features % 2)))


def zero_conv(x: jax.Array, features: int, size: int, name: str, dtype: Dtype) -> jax.Array:
    """A convolution, inside a compact method, that starts at zero, its biases too."""
    zeros = nn.initializers.zeros
    return nn.Conv(features, (size, size), padding=size // 2, dtype=dtype, kernel_init=zeros, name=name)(x)


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], embedding: [B, E] (before its activation) -> [B, H', W', features].

    `resample`, for blocks that halve or double, acts on both paths between the first norm's activation and the first
    convolution. With `scale_shift` the embedding scales and shifts the second norm's output, else it is added before.
    """

    features: int
    groups: int
    resample: str  # none, halve or double
    scale_shift: bool
    dropout: float
    deterministic: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array) -> jax.Array:
        h = nn.silu(GroupNorm(self.groups, EPSILON, name="norm_in")(x))
        if self.resample != "none":
            resample = {"halve": fir.mean, "double": fir.repeat}[self.resample]
            h, x = resample(h), resample(x)
        h = conv(h, self.features, 3, "conv_in", dtype=self.dtype)
        told = dense(nn.silu(embedding), (1 + self.scale_shift) * self.features, "time", dtype=self.dtype)
        told = told[:, None, None, :]
        norm = GroupNorm(self.groups, EPSILON, name="norm_out")
        if self.scale_shift:
            scale, shift = jnp.split(told, 2, axis=-1)
            h = norm(h) * (1 + scale) + shift
        else:
            h = norm(h + told)
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(nn.silu(h))
        h = zero_conv(h, self.features, 3, "conv_out", self.dtype)
        if x.shape[-1] != self.features:
            x = conv(x, self.features, 1, "skip", dtype=self.dtype)
        return x + h


class Attention(nn.Module):
    """Self-attention in heads over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C].

    One layer makes queries, keys and values of all heads. Their order along its channels: (head, kind) as first
    published, or with `kinds_first` (kind, head).
    """

    heads: int
    groups: int
    kinds_first: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        if self.heads < 1 or channels % self.heads:
            raise ValueError(f"{channels} channels cannot be divided among {self.heads} heads of attention")
        each = channels // self.heads
        h = GroupNorm(self.groups, EPSILON, name="norm")(x)
        h = conv(h, 3 * channels, 1, "qkv", dtype=self.dtype).reshape(batch, height * width, -1)
        if self.kinds_first:
            q, k, v = (part.reshape(batch, -1, self.heads, each) for part in jnp.split(h, 3, axis=-1))
        else:
            q, k, v = jnp.split(h.reshape(batch, -1, self.heads, 3 * each), 3, axis=-1)
        # Half of the scale on each side, which half precision needs.
        scale = each**-0.25
        weights = jnp.einsum("bqhc,bkhc->bhqk", q * scale, k * scale, preferred_element_type=jnp.float32)
        h = jnp.einsum("bhqk,bkhc->bqhc", nn.softmax(weights).astype(v.dtype), v).reshape(x.shape)
        return x + zero_conv(h, channels, 1, "out", self.dtype)


class ADMUNet(nn.Module):
    """(x [B, H, W, C], t [B], label [B] integer or None, context [B, N, E] or None) -> [B, H, W, out_channels].

    t is an unscaled index; a fraction is allowed. H and W must be divisible by 2^(levels - 1). `attention` names
    factors of reduction (1 is the full size), not side lengths. Widths are int(multiplier * features). With
    `transformer` latent diffusion's spatial transformers take the place of attention; these alone look at a context.
    """

    out_channels: int = 6  # twice the image's where the variance is learned
    features: int = 256
    multipliers: Sequence[float] = (1, 1, 2, 2, 4, 4)
    blocks: int = 2  # residual blocks per level
    attention: Sequence[int] = (8, 16, 32)
    heads: int = 4
    head_channels: int = -1  # -1: as many heads as `heads` says; else heads of this width
    heads_up: int = -1  # on the way up; -1: `heads`
    kinds_first: bool = False
    scale_shift: bool = True
    transformer: int = 0  # blocks of a spatial transformer wherever there is attention; 0: attention alone
    resample_in_blocks: bool = True
    resample_with_conv: bool = True  # where it is not done in blocks
    classes: int = 0
    groups: int = 32
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(
        self, x: jax.Array, t: jax.Array, label: jax.Array | None = None, context: jax.Array | None = None
    ) -> jax.Array:
        self.check(x)
        if context is not None and not self.transformer:
            raise ValueError("only a network with spatial transformers looks at a context; give `transformer` blocks")
        out_dtype = x.dtype
        embedding = self.embed(t, label)
        residual = nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(name: str, h: jax.Array, width: int, resample: str = "none") -> jax.Array:
            options = (self.groups, resample, self.scale_shift, self.dropout, self.deterministic, self.dtype)
            return residual(width, *options, name=name)(h, embedding)

        def attend(name: str, h: jax.Array, heads: int) -> jax.Array:
            if self.head_channels != -1:
                heads = h.shape[-1] // self.head_channels
            if self.transformer:
                # On the way up too: `heads_up` is for attention alone.
                heads = heads if self.head_channels != -1 else self.heads
                return SpatialTransformer(heads, self.transformer, self.groups, self.dtype, name=name)(h, context)
            return Attention(heads, self.groups, self.kinds_first, self.dtype, name=name)(h)

        def halved(name: str, h: jax.Array) -> jax.Array:
            if self.resample_in_blocks:
                return block(name, h, h.shape[-1], "halve")
            if not self.resample_with_conv:
                return fir.mean(h)
            return conv(h, h.shape[-1], 3, name, stride=2, padding=1, dtype=self.dtype)

        def doubled(name: str, h: jax.Array) -> jax.Array:
            if self.resample_in_blocks:
                return block(name, h, h.shape[-1], "double")
            h = fir.repeat(h)
            return conv(h, h.shape[-1], 3, name, dtype=self.dtype) if self.resample_with_conv else h

        widths = [int(multiplier * self.features) for multiplier in self.multipliers]
        heads_up = self.heads if self.heads_up == -1 else self.heads_up
        skips = [conv(x.astype(self.dtype), widths[0], 3, "stem", dtype=self.dtype)]
        for level, width in enumerate(widths):
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", skips[-1], width)
                attended = 2**level in self.attention
                skips.append(attend(f"down{level}_attention{i}", h, self.heads) if attended else h)
            if level < len(widths) - 1:
                skips.append(halved(f"down{level}_reduce", skips[-1]))

        h = block("middle_block0", skips[-1], widths[-1])
        h = block("middle_block1", attend("middle_attention", h, self.heads), widths[-1])

        for level, width in reversed(list(enumerate(widths))):
            for i in range(self.blocks + 1):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width)
                if 2**level in self.attention:
                    h = attend(f"up{level}_attention{i}", h, heads_up)
            if level:
                h = doubled(f"up{level}_enlarge", h)
        # Normalised in the input's precision, as published: only what lies between is in half.
        h = nn.silu(GroupNorm(self.groups, EPSILON, name="out_norm")(h.astype(out_dtype)))
        return zero_conv(h, self.out_channels, 3, "out", out_dtype)

    def embed(self, t: jax.Array, label: jax.Array | None) -> jax.Array:
        """[B] -> [B, 4 features], without a last activation: each block has its own."""
        if (label is None) == bool(self.classes):
            raise ValueError(f"this network was made for {self.classes or 'no'} classes and needs labels only then")
        wide = 4 * self.features
        embedding = dense(nn.silu(dense(cosine_first(t, self.features), wide, "time_in")), wide, "time_out")
        if self.classes:
            embedding = embedding + nn.Embed(
                self.classes, wide, embedding_init=nn.initializers.normal(1.0), name="label"
            )(label)
        return embedding.astype(self.dtype)

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for sizes that cannot work."""
        check_halvings(x, len(self.multipliers))
