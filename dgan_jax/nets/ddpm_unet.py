"""The U-Net of denoising diffusion models.

Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020, arXiv 2006.11239; the same network in
DDIM (arXiv 2010.02502) and, with fewer attentions, in score SDE (arXiv 2011.13456).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.adagn_blocks import DownConv, Dtype, UpConv, conv
from dgan_jax.nets.layers import GroupNorm, check_halvings, sinusoid, uniform_fan_avg
from dgan_jax.ops import fir

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "swish": nn.silu,
    "relu": nn.relu,
    "elu": nn.elu,
    "lrelu": lambda x: nn.leaky_relu(x, 0.2),
}


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], embedding: [B, E] (before its activation) or None -> [B, H, W, features]; a plain sum."""

    features: int
    groups: int
    activation: Callable[[jax.Array], jax.Array]
    dropout: float
    deterministic: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array, embedding: jax.Array | None) -> jax.Array:
        h = self.activation(GroupNorm(self.groups, name="norm_in")(x))
        h = conv(self.features, 3, self.dtype, "conv_in")(h)
        if embedding is not None:
            dense = nn.Dense(self.features, kernel_init=uniform_fan_avg(), dtype=self.dtype, name="time")
            h = h + dense(self.activation(embedding))[:, None, None, :]
        h = self.activation(GroupNorm(self.groups, name="norm_out")(h))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=0.0)(h)
        if x.shape[-1] != self.features:
            x = conv(self.features, 1, self.dtype, "skip")(x)
        return x + h


class Attention(nn.Module):
    """Single-head self-attention over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C]."""

    groups: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        h = GroupNorm(self.groups, name="norm")(x)
        flat = lambda name: conv(channels, 1, self.dtype, name)(h).reshape(batch, height * width, channels)
        q, k, v = flat("query"), flat("key"), flat("value")
        weights = jnp.einsum("bqc,bkc->bqk", q, k, preferred_element_type=jnp.float32) * channels**-0.5
        h = jnp.einsum("bqk,bkc->bqc", nn.softmax(weights).astype(self.dtype), v).reshape(x.shape)
        return x + conv(channels, 1, self.dtype, "out", scale=0.0)(h)


class DDPMUNet(nn.Module):
    """(x [B, H, W, C], t [B], label [B] integer or None) -> [B, H, W, out_channels].

    t is an index in 0 .. T-1, unscaled; a fraction is allowed. H and W must be divisible by 2^(levels - 1). Attention
    sits where `image_size` / 2^level is in `attention`, whatever the size of x, so a network runs on other sizes than
    it was made for. On the way up there is one after each block (the original and DDIM) or, with
    `attention_up="level"`, one after each level's last block (score SDE). With `classes` a label's embedding is added
    to that of the time. Dropout needs `deterministic=False` and a key named "dropout".
    """

    image_size: int
    out_channels: int = 3  # twice the image's where the variance is learned
    features: int = 128  # width of the first level
    multipliers: Sequence[int] = (1, 2, 2, 2)  # width of each level, in units of `features`
    blocks: int = 2  # residual blocks per level
    attention: Sequence[int] = (16,)
    attention_up: str = "block"  # or level
    classes: int = 0
    groups: int = 32
    dropout: float = 0.0
    activation: str = "swish"  # or relu, elu, lrelu
    resample_with_conv: bool = True  # False: mean and repetition
    timed: bool = True  # False: the network does not see t
    centred: bool = True  # False: x is in [0, 1] and is brought to [-1, 1] here
    sigmas: Sequence[float] | None = None  # the output is divided by sigmas[t], t integer
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False  # recompute residual blocks in the backward pass

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, label: jax.Array | None = None) -> jax.Array:
        act = lookup("activation", self.activation, ACTIVATIONS)
        each = lookup("attention_up", self.attention_up, {"block": True, "level": False})
        self.check(x)
        out_dtype = x.dtype
        embedding = self.embed(t, label, act)
        residual = nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(name: str, h: jax.Array, features: int) -> jax.Array:
            options = (self.groups, act, self.dropout, self.deterministic, self.dtype)
            return residual(features, *options, name=name)(h, embedding)

        attend = lambda name, h: Attention(self.groups, self.dtype, name=name)(h)
        widths = [self.features * multiplier for multiplier in self.multipliers]
        attended = [self.image_size // 2**level in self.attention for level in range(len(widths))]

        x = (x if self.centred else 2 * x - 1).astype(self.dtype)
        skips = [conv(self.features, 3, self.dtype, "stem")(x)]
        for level, width in enumerate(widths):
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", skips[-1], width)
                skips.append(attend(f"down{level}_attention{i}", h) if attended[level] else h)
            if level < len(widths) - 1:
                name = f"down{level}_reduce"
                by_conv = self.resample_with_conv
                reduce = DownConv(width, None, self.dtype, name=name) if by_conv else fir.mean
                skips.append(reduce(skips[-1]))

        h = block("middle_block0", skips[-1], widths[-1])
        h = block("middle_block1", attend("middle_attention", h), widths[-1])

        for level, width in reversed(list(enumerate(widths))):
            for i in range(self.blocks + 1):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width)
                if attended[level] and (each or i == self.blocks):
                    h = attend(f"up{level}_attention{i}", h)
            if level:
                name = f"up{level}_enlarge"
                h = UpConv(width, fir.repeat, self.dtype, name=name)(h) if self.resample_with_conv else fir.repeat(h)

        h = act(GroupNorm(self.groups, name="out_norm")(h))
        h = conv(self.out_channels, 3, self.dtype, "out", scale=0.0)(h).astype(out_dtype)
        if self.sigmas is None:
            return h
        return h / jnp.asarray(self.sigmas, h.dtype)[t.astype(jnp.int32), None, None, None]

    def embed(self, t: jax.Array, label: jax.Array | None, act: Callable[[jax.Array], jax.Array]) -> jax.Array | None:
        """[B] -> [B, 4 features], without a last activation: each block has its own. None where nothing is told."""
        if self.classes and label is None:
            raise ValueError(f"this network was made for {self.classes} classes and needs labels")
        wide = 4 * self.features
        embedding = jnp.zeros((t.shape[0], wide))
        if self.timed:
            dense = lambda name: nn.Dense(wide, kernel_init=uniform_fan_avg(), name=name)
            embedding = dense("time_out")(act(dense("time_in")(sinusoid(t, self.features))))
        if self.classes:
            embedding = embedding + nn.Embed(self.classes, wide, name="label")(label)
        return embedding.astype(self.dtype) if self.timed or self.classes else None

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for sizes and widths that cannot work."""
        check_halvings(x, len(self.multipliers))
        if self.features % self.groups:
            raise ValueError(
                f"features {self.features} cannot be normalised in {self.groups} groups; "
                f"use a multiple of {self.groups}, or fewer groups"
            )


def geometric_sigmas(largest: float, smallest: float, count: int) -> tuple[float, ...]:
    """`count` noise levels from the largest to the smallest, evenly in their logarithm (Song and Ermon, 1907.05600)."""
    return tuple(np.exp(np.linspace(np.log(largest), np.log(smallest), count)))
