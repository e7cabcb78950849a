"""NVAE: an autoencoder whose code is drawn in groups, each with a view of the groups above it.

Vahdat, Kautz, "NVAE: A Deep Hierarchical Variational Autoencoder", NeurIPS 2020, arXiv 2007.03898, in the form of
Vahdat, Kreis, Kautz, arXiv 2106.05931, appendix G: all groups at one size, drawn around a standard normal prior.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.fan_in import bias_init, kernel_init
from dgan_jax.ops import fir, resize

MIXTURES = 10
"""Logistics that a pixel's values are a mixture of."""
LARGEST = 5.0
"""Of a code's mean."""
TINY = 1e-5
"""Added to a kernel's norm, and to the norm's variance."""


def clamped(x: jax.Array, limit: float) -> jax.Array:
    """Softly within +-limit."""
    return limit * jnp.tanh(x / limit)


def normalised(kernel: jax.Array, log_norm: jax.Array) -> jax.Array:
    """A kernel [h, w, in, out] whose outputs have the norms exp(log_norm [out])."""
    norm = jnp.sqrt(jnp.sum(jnp.square(kernel), axis=(0, 1, 2)))
    return jnp.exp(log_norm) * kernel / (norm + TINY)


class WeightedConv(nn.Module):
    """A convolution with weight norm: [B, H, W, C] -> [B, H / stride, W / stride, features]."""

    features: int
    size: int = 3
    stride: int = 1
    bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", kernel_init, (self.size, self.size, x.shape[-1], self.features))
        start = lambda key, shape: jnp.log(jnp.sqrt(jnp.sum(jnp.square(kernel), axis=(0, 1, 2))) + 0.01)
        kernel = normalised(kernel, self.param("log_norm", start, (self.features,)))
        pad, strides = (self.size // 2, self.size // 2), (self.stride, self.stride)
        y = jax.lax.conv_general_dilated(x, kernel, strides, [pad, pad], dimension_numbers=("NHWC", "HWIO", "NHWC"))
        if not self.bias:
            return y
        return y + self.param("bias", bias_init(self.size**2 * x.shape[-1]), (self.features,))


class Cell(nn.Module):
    """x [B, H, W, C] -> [B, H', W', features]: twice norm, swish, 3x3 convolution, and squeeze-and-excitation.

    `way`: "same"; "down" halves the side, "up" doubles it. `train`: by the statistics of the batch.
    """

    features: int
    way: str = "same"
    squeeze: bool = True
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        h = x
        for i in range(2):
            norm = nn.BatchNorm(
                use_running_average=not train, momentum=0.95, epsilon=TINY, axis_name=self.axis_name,
                use_fast_variance=False, name=f"norm_{i}",
            )  # fmt: skip
            h = nn.silu(norm(h))
            if self.way == "up" and i == 0:
                h = fir.repeat(h)
            stride = 2 if self.way == "down" and i == 0 else 1
            h = WeightedConv(self.features, stride=stride, name=f"conv_{i}")(h)
        if self.squeeze:
            told = nn.Dense(max(self.features // 16, 4), kernel_init=kernel_init, name="squeeze")(h.mean((1, 2)))
            gate = nn.sigmoid(nn.Dense(self.features, kernel_init=kernel_init, name="excite")(nn.relu(told)))
            h = h * gate[:, None, None, :]
        return self.skipped(x) + 0.1 * h

    def skipped(self, x: jax.Array) -> jax.Array:
        """What goes past the convolutions."""
        if self.way == "down":
            x = nn.silu(x)
            phases = x[:, ::2, ::2], x[:, 1::2, 1::2], x[:, ::2, 1::2], x[:, 1::2, ::2]
            conv = lambda i: WeightedConv(self.features // 4, size=1, name=f"skip_{i}")
            return jnp.concatenate([conv(i)(phase) for i, phase in enumerate(phases)], axis=-1)
        if self.way == "up":
            return WeightedConv(self.features, size=1, bias=False, name="skip")(
                resize.aligned(x, 2 * x.shape[1], 2 * x.shape[2])
            )
        return x


class Code(NamedTuple):
    """A draw: `eps` [B, h, w, G Z], groups side by side, the topmost first; `mean` and `log_std` of the same shape."""

    eps: jax.Array
    mean: jax.Array
    log_std: jax.Array


class NVAE(nn.Module):
    """Images [B, S, S, C] in [-1, 1] and noise [B, s, s, G Z] -> (logits, Code); s = S / 2^blocks.

    `logits` [B, S, S, 10 (1 + 3 C)] are those of a mixture of logistics (`objectives/mixture.py`), for C = 3. It works
    at the size S that its constant has. Code groups are drawn from the top; each sees those above by the decoder.
    """

    image_size: int
    channels: int = 3
    features: int = 128  # of the encoder at the size of the image
    decoder_features: int = 0  # 0: as many
    multipliers: Sequence[int] = (1, 2)  # width after each halving; as many halvings as there are more than one
    groups: int = 20
    code_channels: int = 9  # of each group
    pre_cells: int = 2  # for each halving, and below for each doubling
    post_cells: int = 2
    encoder_cells: int = 2  # of a group
    decoder_cells: int = 2
    log_std_limit: float = 5.0
    squeeze: bool = True
    axis_name: str | None = None

    @property
    def factor(self) -> int:
        return 2 ** (len(self.multipliers) - 1)

    def setup(self) -> None:
        options: dict[str, Any] = {"squeeze": self.squeeze, "axis_name": self.axis_name}
        wide, last, blocks = self.decoder_features or self.features, self.multipliers[-1], len(self.multipliers) - 1
        self.stem = WeightedConv(self.features)
        self.pre = [
            Cell(self.features * self.multipliers[b + down], "down" if down else "same", **options)
            for b in range(blocks)
            for down in (c == self.pre_cells - 1 for c in range(self.pre_cells))
        ]
        self.encoder = [Cell(self.features * last, **options) for _ in range(self.groups * self.encoder_cells)]
        self.encoder_joins = [WeightedConv(self.features * last, size=1) for _ in range(self.groups - 1)]
        self.samplers = [WeightedConv(2 * self.code_channels) for _ in range(self.groups)]
        self.code_convs = [WeightedConv(self.code_channels) for _ in range(self.groups)]
        self.joins = [WeightedConv(wide * last, size=1) for _ in range(self.groups)]
        self.decoder = [Cell(wide * last, **options) for _ in range(self.groups * self.decoder_cells)]
        self.post = [
            Cell(wide * self.multipliers[b], "same" if c else "up", **options)
            for b in reversed(range(blocks))
            for c in range(self.post_cells)
        ]
        self.out = WeightedConv(MIXTURES * (1 + 3 * self.channels))
        side = self.image_size // self.factor
        self.top = self.param("top", nn.initializers.normal(1.0), (side, side, wide * last))

    def __call__(self, x: jax.Array, noise: jax.Array, train: bool = False) -> tuple[jax.Array, Code]:
        if x.shape[1:3] != (self.image_size, self.image_size):
            raise ValueError(f"this NVAE is for images of {self.image_size} pixels a side, got {x.shape[1:3]}")
        seen = self.features_of(x, train)
        h, parts = self.first(x.shape[0]), []
        for i, drawn in enumerate(jnp.split(noise, self.groups, axis=-1)):
            told = seen[i] if i == 0 else seen[i] + self.encoder_joins[i - 1](h)
            mean, log_std = jnp.split(self.samplers[i](nn.elu(told)), 2, axis=-1)
            mean, log_std = clamped(mean, LARGEST), clamped(log_std, self.log_std_limit)
            parts.append(Code(mean + jnp.exp(log_std) * drawn, mean, log_std))
            h = self.joined(h, parts[-1].eps, i, train)
        return self.finished(h, train), Code(*(jnp.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))

    def decode(self, eps: jax.Array, train: bool = False) -> jax.Array:
        """eps [B, s, s, G Z] -> logits."""
        h = self.first(eps.shape[0])
        for i, part in enumerate(jnp.split(eps, self.groups, axis=-1)):
            h = self.joined(h, part, i, train)
        return self.finished(h, train)

    def first(self, count: int) -> jax.Array:
        return jnp.broadcast_to(self.top, (count, *self.top.shape))

    def features_of(self, x: jax.Array, train: bool) -> list[jax.Array]:
        """What each group sees of the image, the topmost, and last computed, first."""
        h = self.stem(x)
        for cell in self.pre:
            h = cell(h, train)
        seen = []
        for i in range(self.groups):
            for cell in self.encoder[i * self.encoder_cells : (i + 1) * self.encoder_cells]:
                h = cell(h, train)
            seen.append(h)
        return seen[::-1]

    def joined(self, h: jax.Array, eps: jax.Array, i: int, train: bool) -> jax.Array:
        """The decoder's features with one more group."""
        h = self.joins[i](jnp.concatenate([h, self.code_convs[i](eps)], axis=-1))
        for cell in self.decoder[i * self.decoder_cells : (i + 1) * self.decoder_cells]:
            h = cell(h, train)
        return h

    def finished(self, h: jax.Array, train: bool) -> jax.Array:
        for cell in self.post:
            h = cell(h, train)
        return self.out(nn.elu(h))
