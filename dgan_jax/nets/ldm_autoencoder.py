"""The autoencoders of latent diffusion: a KL-regularised one and one with a code book.

Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022, arXiv 2112.10752; used by
LDDGAN, arXiv 2406.11713, with an optional tanh at the exit.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.nets.fan_in import Dtype, bias_init, conv, kernel_init
from dgan_jax.nets.layers import GroupNorm
from dgan_jax.ops import fir


class Norm(GroupNorm):
    """Group norm with a gain and a bias for each channel, eps 1e-6; with 0 groups nothing is normalised."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return super().__call__(x) if self.groups else x


class ResidualBlock(nn.Module):
    """[B, H, W, C] -> [B, H, W, features]; no time, no rescaling of the sum."""

    features: int
    groups: int
    dropout: float
    deterministic: bool
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = nn.silu(Norm(self.groups, name="norm_in")(x))
        h = conv(h, self.features, 3, "conv_in", dtype=self.dtype)
        h = nn.silu(Norm(self.groups, name="norm_out")(h))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(h, self.features, 3, "conv_out", dtype=self.dtype)
        if x.shape[-1] != self.features:
            x = conv(x, self.features, 1, "skip", dtype=self.dtype)
        return x + h


class Attention(nn.Module):
    """Single-head self-attention over all pixels, with its skip path. [B, H, W, C] -> [B, H, W, C]."""

    groups: int
    dtype: Dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        h = Norm(self.groups, name="norm")(x)
        flat = lambda name: conv(h, channels, 1, name, dtype=self.dtype).reshape(batch, height * width, channels)
        q, k, v = flat("query"), flat("key"), flat("value")
        weights = jnp.einsum("bqc,bkc->bqk", q, k, preferred_element_type=jnp.float32) * channels**-0.5
        h = jnp.einsum("bqk,bkc->bqc", nn.softmax(weights).astype(self.dtype), v).reshape(x.shape)
        return x + conv(h, channels, 1, "out", dtype=self.dtype)


class Half(nn.Module):
    """What encoder and decoder have in common: widths by level, and blocks made from them."""

    resolution: int
    out_channels: int
    features: int
    multipliers: Sequence[int]
    blocks: int
    attention: Sequence[int]
    middle_attention: bool
    groups: int
    dropout: float
    deterministic: bool
    dtype: Dtype

    def block(self, name: str, h: jax.Array, features: int) -> jax.Array:
        return ResidualBlock(features, self.groups, self.dropout, self.deterministic, self.dtype, name=name)(h)

    def attend(self, name: str, h: jax.Array, level: int) -> jax.Array:
        # By the configured side, so that other sizes run on the same weights. Without attention in the middle there is
        # none anywhere.
        wanted = self.middle_attention and self.resolution // 2**level in self.attention
        return Attention(self.groups, self.dtype, name=name)(h) if wanted else h

    def middle(self, h: jax.Array) -> jax.Array:
        h = self.block("middle_block0", h, h.shape[-1])
        if self.middle_attention:
            h = Attention(self.groups, self.dtype, name="middle_attention")(h)
        return self.block("middle_block1", h, h.shape[-1])

    def head(self, h: jax.Array) -> jax.Array:
        h = nn.silu(Norm(self.groups, name="out_norm")(h))
        return conv(h, self.out_channels, 3, "out", dtype=self.dtype)


class Encoder(Half):
    """[B, H, W, C] -> [B, H / 2^(levels-1), W / 2^(levels-1), out_channels]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = conv(x.astype(self.dtype), self.features, 3, "stem", dtype=self.dtype)
        for level, multiplier in enumerate(self.multipliers):
            for i in range(self.blocks):
                h = self.block(f"down{level}_block{i}", h, multiplier * self.features)
                h = self.attend(f"down{level}_attention{i}", h, level)
            if level < len(self.multipliers) - 1:
                # Zeros at the bottom and the right only.
                h = jnp.pad(h, ((0, 0), (0, 1), (0, 1), (0, 0)))
                h = conv(h, h.shape[-1], 3, f"down{level}_reduce", stride=2, padding=0, dtype=self.dtype)
        return self.head(self.middle(h)).astype(jnp.float32)


class Decoder(Half):
    """[B, h, w, Z] -> [B, h 2^(levels-1), w 2^(levels-1), out_channels]."""

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        levels = list(enumerate(self.multipliers))
        h = conv(z.astype(self.dtype), self.features * levels[-1][1], 3, "stem", dtype=self.dtype)
        h = self.middle(h)
        for level, multiplier in reversed(levels):
            for i in range(self.blocks + 1):
                h = self.block(f"up{level}_block{i}", h, multiplier * self.features)
                h = self.attend(f"up{level}_attention{i}", h, level)
            if level:
                h = conv(fir.repeat(h), h.shape[-1], 3, f"up{level}_enlarge", dtype=self.dtype)
        return self.head(h).astype(jnp.float32)


class Pointwise(nn.Module):
    """The 1x1 convolution between a half and the codes; the last half of its biases starts around `start`."""

    features: int
    start: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        around = np.where(np.arange(self.features) < self.features // 2, 0.0, self.start).astype(np.float32)
        biases = lambda key, shape, dtype=jnp.float32: bias_init(x.shape[-1])(key, shape, dtype) + around
        return nn.Conv(self.features, (1, 1), kernel_init=kernel_init, bias_init=biases, name="conv")(x)


class Autoencoder(nn.Module):
    """Images [B, H, W, out_channels] in [-1, 1] <-> codes [B, h, w, code_channels]; h = H / 2^(levels-1).

    Subclasses say what a code is. `resolution` is the side at which `attention` (side lengths) is meant.
    `middle_attention=False` turns all attention off. Dropout needs `deterministic=False` and a key named "dropout".
    Codes are divided by `scale` where they are to lie in [-1, 1]; None: by `largest`, among the variables, which holds
    how large they get and is written by whoever trains the network.
    """

    resolution: int
    out_channels: int = 3
    features: int = 128  # width of the first level
    multipliers: Sequence[int] = (1, 2, 4)
    blocks: int = 2
    attention: Sequence[int] = ()
    middle_attention: bool = True
    bottleneck: int = 4  # channels at the decoder's entrance, and (KL: twice) at the encoder's exit
    code_channels: int = 4
    tanh: bool = False
    scale: float | None = None
    groups: int = 32
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32

    parts = 1  # arrays that the encoder makes of a code: a KL code has mean and log-variance

    @property
    def factor(self) -> int:
        return 2 ** (len(self.multipliers) - 1)

    def setup(self) -> None:
        half: Callable[..., dict[str, Any]] = lambda out: {
            "resolution": self.resolution, "out_channels": out, "features": self.features, "blocks": self.blocks,
            "multipliers": self.multipliers, "attention": self.attention, "middle_attention": self.middle_attention,
            "groups": self.groups, "dropout": self.dropout, "deterministic": self.deterministic, "dtype": self.dtype,
        }  # fmt: skip
        self.encoder = Encoder(**half(self.parts * self.bottleneck))
        self.decoder = Decoder(**half(self.out_channels))
        self.to_code = self.exit()
        self.from_code = Pointwise(self.bottleneck)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        self.variable("statistics", "largest", jnp.ones, ())
        return self.reconstruct(x)

    def exit(self) -> Pointwise:
        """The encoder's last layer."""
        return Pointwise(self.code_channels)

    def encoded(self, x: jax.Array) -> jax.Array:
        sides = x.shape[1:3]
        if sides[0] % self.factor or sides[1] % self.factor:
            raise ValueError(
                f"images of {sides[0]}x{sides[1]} cannot be halved {len(self.multipliers) - 1} times; "
                f"use sides that are multiples of {self.factor}, or fewer autoencoder multipliers"
            )
        return self.to_code(self.encoder(x))

    def decoded(self, z: jax.Array) -> jax.Array:
        y = self.decoder(self.from_code(z))
        return jnp.tanh(y) if self.tanh else y


class KLAutoencoder(Autoencoder):
    """A code is a draw from a Gaussian, whose log-variance starts around `start`: at 0, as published, noise is larger
    than what it says at first. `log_variance` [] is that of the Laplacian p(image | code).
    """

    start: float = 0.0

    parts = 2

    def setup(self) -> None:
        super().setup()
        self.log_variance = self.param("log_variance", nn.initializers.zeros, ())

    def exit(self) -> Pointwise:
        return Pointwise(self.parts * self.code_channels, start=self.start)

    def reconstruct(self, x: jax.Array) -> jax.Array:
        return self.decode(self.encode(x)[0])

    def encode(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and log-variance (in [-30, 20]) of the code, each [B, h, w, code_channels]."""
        mean, log_variance = jnp.split(self.encoded(x), 2, axis=-1)
        return mean, jnp.clip(log_variance, -30.0, 20.0)

    def decode(self, z: jax.Array) -> jax.Array:
        return self.decoded(z)


class VQAutoencoder(Autoencoder):
    """A code is continuous until it is decoded: only then the nearest entry of the book takes each vector's place."""

    codes: int = 8192

    def setup(self) -> None:
        super().setup()
        # As a matrix of a dense layer: an entry is a column.
        self.book = self.param("book", bias_init(self.codes**2), (self.code_channels, self.codes))

    def reconstruct(self, x: jax.Array) -> jax.Array:
        return self.decode(self.encode(x))

    def encode(self, x: jax.Array) -> jax.Array:
        """The code before quantisation."""
        return self.encoded(x)

    def quantise(self, h: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The nearest entries (Euclidean) and their numbers: [B, h, w, code_channels], [B, h, w]."""
        distance = jnp.sum(h**2, -1, keepdims=True) + jnp.sum(self.book**2, 0) - 2 * h @ self.book
        index = jnp.argmin(distance, axis=-1)
        return jnp.moveaxis(jnp.take(self.book, index, axis=1), 0, -1), index

    def decode(self, h: jax.Array, *, quantised: bool = True) -> jax.Array:
        """Quantises first; gradients pass that step as if it were not there."""
        if quantised:
            h = h + jax.lax.stop_gradient(self.quantise(h)[0] - h)
        return self.decoded(h)
