"""LaMa's generator: residual blocks whose global half is convolved among frequencies, so that each sees the image.

Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, arXiv 2109.07161; fast
Fourier convolutions: Chi, Jiang, Mu, NeurIPS 2020. Channels are in two parts, (local, global), either of which may be
missing (None). Published: 27,048,835 parameters ("lama-fourier") and, with 18 blocks, 50,975,875 ("big-lama").
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.dcgan import batch_norm
from dgan_jax.nets.fan_in import bias_init, kernel_init

Parts = tuple[jax.Array | None, jax.Array | None]
"""(local, global) channels of one map, [B, H, W, *]."""

OUTPUTS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "none": lambda x: x,
}


def plain(x: jax.Array, features: int, name: str, bias: bool = False) -> jax.Array:
    """A 1x1 convolution inside a compact method."""
    return nn.Conv(
        features, (1, 1), use_bias=bias, kernel_init=kernel_init, bias_init=bias_init(x.shape[-1]), name=name
    )(x)


def reflected(x: jax.Array, width: int) -> jax.Array:
    """[B, H, W, C] with so many pixels mirrored on each side, edges not repeated."""
    return jnp.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), mode="reflect") if width else x


def reflecting(
    x: jax.Array, features: int, name: str, *, size: int = 3, stride: int = 1, padding: int = 1, dilation: int = 1,
    bias: bool = False,
) -> jax.Array:  # fmt: skip
    """A convolution behind reflection, inside a compact method."""
    layer = nn.Conv(
        features, (size, size), stride, padding="VALID", kernel_dilation=dilation, use_bias=bias,
        kernel_init=kernel_init, bias_init=bias_init(size**2 * x.shape[-1]), name=name,
    )  # fmt: skip
    return layer(reflected(x, padding))


class FourierUnit(nn.Module):
    """[B, H, W, C] -> [B, H, W, C]: a 1x1 convolution, batch norm and ReLU of its spectrum, and back."""

    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        channels = x.shape[-1]
        spectrum = jnp.fft.rfft2(x, axes=(1, 2), norm="ortho")
        # Real and imaginary parts stand side by side, channel by channel.
        h = jnp.stack([spectrum.real, spectrum.imag], axis=-1).reshape(*spectrum.shape[:3], 2 * channels)
        h = nn.relu(batch_norm(plain(h, 2 * channels, "conv"), train, self.axis_name, "norm"))
        h = h.reshape(*spectrum.shape, 2)
        # The size is given: it does not follow from the spectrum where a width is odd.
        return jnp.fft.irfft2(jax.lax.complex(h[..., 0], h[..., 1]), s=x.shape[1:3], axes=(1, 2), norm="ortho")


class SpectralTransform(nn.Module):
    """[B, H, W, C] -> [B, H / stride, W / stride, features]: the way from global to global channels.

    `quarters`: a second unit on a quarter of the channels, cut into 2x2 tiles (no released network has it; height and
    width must be equal and even).
    """

    features: int
    stride: int = 1
    quarters: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        if self.stride == 2:
            x = nn.avg_pool(x, (2, 2), (2, 2))
        x = nn.relu(batch_norm(plain(x, self.features // 2, "in"), train, self.axis_name, "in_norm"))
        h = x + FourierUnit(self.axis_name, name="unit")(x, train)
        if self.quarters:
            h = h + self.tiled(x, train)
        return plain(h, self.features, "out")

    def tiled(self, x: jax.Array, train: bool) -> jax.Array:
        """The local Fourier unit: what it makes of the four tiles is repeated for each of them."""
        if x.shape[1] != x.shape[2] or x.shape[1] % 2 or x.shape[3] % 4:
            raise ValueError(
                f"a local Fourier unit cuts square maps of even sides and of channels in fours, got {x.shape[1:]}; "
                "try images whose sides are equal"
            )
        half = x.shape[1] // 2
        rows = [x[:, :half, :, : x.shape[3] // 4], x[:, half:, :, : x.shape[3] // 4]]
        tiles = [row[:, :, side] for side in (slice(None, half), slice(half, None)) for row in rows]
        done = FourierUnit(self.axis_name, name="local_unit")(jnp.concatenate(tiles, axis=-1), train)
        return jnp.tile(done, (1, 2, 2, 1))


class FFC(nn.Module):
    """A fast Fourier convolution, batch norm and ReLU of (local, global) -> (local, global).

    `ratio_in` and `ratio_out` are the global shares of the channels; `padding` reflects. `gated` weighs the ways
    between the parts by the sigmoid of a 1x1 convolution (no released network has it; stride 1 only).
    """

    features: int
    ratio_in: float = 0.75
    ratio_out: float = 0.75
    size: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    bias: bool = False
    gated: bool = False
    quarters: bool = False
    activation: str = "relu"
    axis_name: str | None = None

    @nn.compact
    def __call__(self, parts: Parts, train: bool = False) -> Parts:
        far = int(self.features * self.ratio_out)
        near = self.features - far
        to_local, to_global = self.gates(parts)
        ways: list[jax.Array | None] = [None, None]
        if near:
            ways[0] = self.summed(self.way(parts[0], near, "ll"), self.way(parts[1], near, "gl"), to_local)
        if far:
            other = None
            if parts[1] is not None:
                transform = SpectralTransform(far, self.stride, self.quarters, self.axis_name, name="gg")
                other = transform(parts[1], train)
            ways[1] = self.summed(other, self.way(parts[0], far, "lg"), to_global)
        act = {"relu": nn.relu, "none": lambda x: x}[self.activation]
        norm = lambda x, name: None if x is None else act(batch_norm(x, train, self.axis_name, name))
        return norm(ways[0], "norm_l"), norm(ways[1], "norm_g")

    def way(self, x: jax.Array | None, features: int, name: str) -> jax.Array | None:
        """A convolution from one part, if it is there."""
        if x is None:
            return None
        return reflecting(
            x, features, name, size=self.size, stride=self.stride, padding=self.padding, dilation=self.dilation,
            bias=self.bias,
        )  # fmt: skip

    def summed(self, own: jax.Array | None, other: jax.Array | None, gate: jax.Array | float) -> jax.Array:
        """What comes from the same part and, gated, from the other one."""
        if own is None or other is None:
            found = own if other is None else gate * other
            assert found is not None
            return found
        return own + gate * other

    def gates(self, parts: Parts) -> tuple[jax.Array | float, jax.Array | float]:
        """(global to local, local to global)."""
        if not self.gated or parts[1] is None or self.ratio_out == 1:
            return 1.0, 1.0
        gates = nn.sigmoid(plain(jnp.concatenate([x for x in parts if x is not None], axis=-1), 2, "gate", bias=True))
        return gates[..., :1], gates[..., 1:]


class FFCBlock(nn.Module):
    """(local, global) plus two fast Fourier convolutions of them."""

    ratio: float = 0.75
    dilation: int = 1
    gated: bool = False
    quarters: bool = False
    axis_name: str | None = None

    @nn.compact
    def __call__(self, parts: Parts, train: bool = False) -> Parts:
        h = parts
        for name in ("conv1", "conv2"):
            layer = FFC(
                sum(x.shape[-1] for x in parts if x is not None), self.ratio, self.ratio, padding=self.dilation,
                dilation=self.dilation, gated=self.gated, quarters=self.quarters, axis_name=self.axis_name, name=name,
            )  # fmt: skip
            h = layer(h, train)
        add = lambda a, b: None if a is None else a + b
        return add(parts[0], h[0]), add(parts[1], h[1])


class Generator(nn.Module):
    """[B, H, W, K] -> [B, H, W, channels]: masked images in [0, 1] and the hole -> images in [0, 1].

    H and W must be multiples of 2^levels. `train`: by the statistics of the batch, noted in "batch_stats".
    """

    channels: int = 3
    features: int = 64
    levels: int = 3
    blocks: int = 9
    ratio: float = 0.75
    early_ratio: float = 0.0
    most: int = 1024
    gated: bool = False
    quarters: bool = False
    output: str = "sigmoid"
    axis_name: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = False) -> jax.Array:
        width = lambda level: min(self.most, self.features * 2**level)
        early, axis = self.early_ratio, self.axis_name
        stem = FFC(self.features, 0.0, early, size=7, padding=0, axis_name=axis, name="stem")
        parts = stem((reflected(x, 3), None), train)
        for i in range(self.levels):
            ratio = self.ratio if i == self.levels - 1 else early
            down = FFC(
                width(i + 1), early, ratio, stride=2, gated=self.gated, quarters=self.quarters, axis_name=axis,
                name=f"down_{i}",
            )  # fmt: skip
            parts = down(parts, train)
        for i in range(self.blocks):
            block = FFCBlock(self.ratio, gated=self.gated, quarters=self.quarters, axis_name=axis, name=f"block_{i}")
            parts = block(parts, train)
        h = jnp.concatenate([part for part in parts if part is not None], axis=-1)
        for i in reversed(range(self.levels)):
            h = nn.relu(batch_norm(self.up(h, width(i), f"up_{i}"), train, axis, f"up_norm_{i}"))
        h = reflecting(h, self.channels, "out", size=7, padding=3, bias=True)
        return lookup("output", self.output, OUTPUTS)(h)

    def up(self, x: jax.Array, features: int, name: str) -> jax.Array:
        """A transposed convolution of 3x3 that doubles the size."""
        layer = nn.ConvTranspose(
            features, (3, 3), (2, 2), ((1, 2), (1, 2)), transpose_kernel=True, kernel_init=kernel_init,
            bias_init=bias_init(9 * features), name=name,
        )  # fmt: skip
        return layer(x)
