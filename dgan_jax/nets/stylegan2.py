"""The generator and the critic of StyleGAN2, in the form of its successor with adaptive augmentation.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, arXiv 1912.04958; Karras et al.,
"Training Generative Adversarial Networks with Limited Data", NeurIPS 2020, arXiv 2006.06676.

Equalised learning rates: weights start as N(0, 1) and are scaled by 1 / sqrt(fan in) whenever they are used, so that
Adam's steps are as large for all layers.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.devices import mean_over
from dgan_jax.core.names import lookup
from dgan_jax.nets.minibatch import minibatch_deviation
from dgan_jax.ops import upfirdn


class Activation(NamedTuple):
    """A function and the gain that keeps the variance behind it."""

    apply: Callable[[jax.Array], jax.Array]
    gain: float


ROOT2 = float(np.sqrt(2.0))
ACTIVATIONS = {
    "linear": Activation(lambda x: x, 1.0),
    "relu": Activation(nn.relu, ROOT2),
    "lrelu": Activation(lambda x: nn.leaky_relu(x, 0.2), ROOT2),
    "tanh": Activation(jnp.tanh, 1.0),
    "sigmoid": Activation(nn.sigmoid, 1.0),
    "elu": Activation(nn.elu, 1.0),
    "selu": Activation(nn.selu, 1.0),
    "softplus": Activation(nn.softplus, 1.0),
    "swish": Activation(nn.silu, ROOT2),
}
ARCHITECTURES = ("orig", "skip", "resnet")

normal = nn.initializers.normal(1.0)


def activate(
    x: jax.Array, bias: jax.Array | None, activation: str = "lrelu", *, gain: float | None = None,
    clamp: float | None = None,
) -> jax.Array:  # fmt: skip
    """x [..., C] plus bias [C], activated, times `gain` (the activation's own unless given), within +-`clamp`."""
    function = lookup("activation", activation, ACTIVATIONS)
    x = x if bias is None else x + bias.astype(x.dtype)
    x = function.apply(x) * (function.gain if gain is None else gain)
    return x if clamp is None else jnp.clip(x, -clamp, clamp)


def second_moment(x: jax.Array) -> jax.Array:
    """[B, C] at a mean square of 1."""
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=1, keepdims=True) + 1e-8)


def modulated_convolution(
    x: jax.Array, weights: jax.Array, styles: jax.Array, kernel: np.ndarray, *, up: int = 1, demodulate: bool = True,
    noise: jax.Array | None = None,
) -> jax.Array:  # fmt: skip
    """x [B, H, W, C] by weights HWIO whose inputs are scaled by styles [B, C].

    `demodulate`: each output's weights are brought to norm 1 then.

    Scales stand before and after one convolution of the whole batch, which is the same and needs no weights of each
    image. `noise` is added.
    """
    y = x * styles[:, None, None, :].astype(x.dtype)
    # Where the published layer enlarges, it convolves; elsewhere it correlates, as all convolutions of this field do.
    oriented = (weights if up == 1 else weights[::-1, ::-1]).astype(x.dtype)
    y = upfirdn.resampled_convolution(y, oriented, kernel, up=up, padding=weights.shape[0] // 2)
    if demodulate:
        power = jnp.square(styles) @ jnp.sum(jnp.square(weights), axis=(0, 1))
        y = y * jax.lax.rsqrt(power + 1e-8)[:, None, None, :].astype(x.dtype)
    return y if noise is None else y + noise.astype(x.dtype)


class Dense(nn.Module):
    """[B, C] -> [B, features], learning at `rate` times the pace."""

    features: int
    activation: str = "linear"
    rate: float = 1.0
    bias_start: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", nn.initializers.normal(1 / self.rate), (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.constant(self.bias_start), (self.features,))
        return activate(x @ (kernel * (self.rate / np.sqrt(x.shape[-1]))), bias * self.rate, self.activation)


class Convolution(nn.Module):
    """[B, H, W, C] -> [B, H', W', features], resampled by `up` or `down` with the filter."""

    features: int
    size: int = 3
    up: int = 1
    down: int = 1
    activation: str = "linear"
    use_bias: bool = True
    filter: tuple[float, ...] = (1, 3, 3, 1)
    clamp: float | None = None

    @nn.compact
    def __call__(self, x: jax.Array, gain: float = 1.0) -> jax.Array:
        shape = (self.size, self.size, x.shape[-1], self.features)
        kernel = self.param("kernel", normal, shape)
        kernel = (kernel / np.sqrt(self.size**2 * x.shape[-1])).astype(x.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)) if self.use_bias else None
        y = upfirdn.resampled_convolution(
            x, kernel, upfirdn.taps(self.filter), up=self.up, down=self.down, padding=self.size // 2
        )
        clamp = None if self.clamp is None else self.clamp * gain
        own = lookup("activation", self.activation, ACTIVATIONS).gain
        return activate(y, bias, self.activation, gain=own * gain, clamp=clamp)


class Mapping(nn.Module):
    """z [B, Z] (None without latents) and one-hot labels c [B, K] (None without classes) -> w [B, features].

    With `averaged`, a running mean of w is kept in the collection "average"; `train` moves it, which needs that
    collection mutable, by the mean over all devices of `axis_name`.
    """

    features: int = 512
    layers: int = 8
    hidden: int | None = None
    embedding: int | None = None
    activation: str = "lrelu"
    rate: float = 0.01
    averaged: bool = True
    decay: float = 0.995
    axis_name: str | None = None

    @nn.compact
    def __call__(self, z: jax.Array | None, c: jax.Array | None, train: bool = False) -> jax.Array:
        parts = [] if z is None else [second_moment(z)]
        if c is not None:
            embedding = self.features if self.embedding is None else self.embedding
            parts.append(second_moment(Dense(embedding, name="embed")(c)))
        x = jnp.concatenate(parts, axis=1)
        for i in range(self.layers):
            width = self.features if i == self.layers - 1 or self.hidden is None else self.hidden
            x = Dense(width, self.activation, self.rate, name=f"fc{i}")(x)
        if self.averaged:
            average = self.variable("average", "w_avg", lambda: jnp.zeros(self.features))
            if train and not self.is_initializing():
                mean = mean_over(jax.lax.stop_gradient(x).mean(0), self.axis_name)
                average.value = self.decay * average.value + (1 - self.decay) * mean
        return x


class Look(NamedTuple):
    """What all blocks of a generator share."""

    architecture: str = "skip"
    activation: str = "lrelu"
    filter: tuple[float, ...] = (1, 3, 3, 1)
    clamp: float | None = None
    use_noise: bool = True


class SynthesisLayer(nn.Module):
    """x [B, H, W, C], w [B, W] -> [B, up H, up W, features]. noise: [B, up H, up W, 1], "const" for the noise that came
    with the weights, or None."""

    features: int
    up: int
    look: Look

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array, noise: jax.Array | str | None, gain: float = 1.0) -> jax.Array:
        look, side = self.look, self.up * x.shape[1]
        styles = Dense(x.shape[-1], bias_start=1.0, name="affine")(w)
        weights = self.param("weight", normal, (3, 3, x.shape[-1], self.features))
        added = None
        if look.use_noise:
            fixed = self.variable(
                "noise", "noise_const", lambda: jax.random.normal(self.make_rng("params"), (side, side))
            )
            strength = self.param("noise_strength", nn.initializers.zeros, ())
            if noise is not None:
                added = strength * (fixed.value[:, :, None] if isinstance(noise, str) else noise)
        y = modulated_convolution(x, weights, styles, upfirdn.taps(look.filter), up=self.up, noise=added)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        own = lookup("activation", look.activation, ACTIVATIONS).gain
        clamp = None if look.clamp is None else look.clamp * gain
        return activate(y, bias, look.activation, gain=own * gain, clamp=clamp)


class ToRGB(nn.Module):
    """x [B, H, W, C], w [B, W] -> [B, H, W, channels]: modulated, not demodulated."""

    channels: int
    clamp: float | None

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        width = x.shape[-1]
        styles = Dense(width, bias_start=1.0, name="affine")(w) / np.sqrt(width)
        weights = self.param("weight", normal, (1, 1, width, self.channels))
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        y = modulated_convolution(x, weights, styles, upfirdn.taps([1.0]), demodulate=False)
        return activate(y, bias, "linear", clamp=self.clamp)


def widths(side: int, base: int, most: int) -> dict[int, int]:
    """Features at each side, from 4 to `side`."""
    if side < 4 or side & (side - 1):
        raise ValueError(f"StyleGAN2's images have a side that is a power of two, at least 4; got {side}")
    return {2**i: min(base // 2**i, most) for i in range(2, side.bit_length())}


class Synthesis(nn.Module):
    """Styles [B, L, W] -> images [B, side, side, channels]. L = `styles`.

    noise: maps [B, s, s, 1] of `noise_sides`, "const" for those that came with the weights, or None.
    """

    side: int
    channels: int = 3
    base: int = 32768
    most: int = 512
    look: Look = Look()
    half: int = 0  # resolutions, from the highest, in bfloat16

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Sides of the noise maps, in order of use."""
        return tuple(s for s in widths(self.side, self.base, self.most) for _ in range(1 if s == 4 else 2))

    @property
    def styles(self) -> int:
        return len(self.noise_sides) + 1

    @nn.compact
    def __call__(self, ws: jax.Array, noise: Sequence[jax.Array] | str | None = None) -> jax.Array:
        lookup("architecture", self.look.architecture, dict.fromkeys(ARCHITECTURES))
        sides = list(widths(self.side, self.base, self.most))
        x = jnp.zeros(())
        image: jax.Array | None = None
        used = 0
        for place, side in enumerate(sides):
            own = [noise if noise is None or isinstance(noise, str) else noise[used + i] for i in (0, 1)]
            lower = self.half > len(sides) - 1 - place and side > 4
            block = SynthesisBlock(
                widths(self.side, self.base, self.most)[side], side, self.channels, side == self.side, self.look,
                jnp.bfloat16 if lower else jnp.float32, name=f"b{side}",
            )  # fmt: skip
            x, image = block(x, image, ws[:, used : used + 3], own)
            used += 1 if side == 4 else 2
        assert image is not None
        return image


class SynthesisBlock(nn.Module):
    """(x [B, H/2, W/2, C], image so far, ws [B, 2 or 3, W]) -> (x [B, H, W, features], image [B, H, W, channels])."""

    features: int
    side: int
    channels: int
    last: bool
    look: Look
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(
        self, x: jax.Array, image: jax.Array | None, ws: jax.Array, noise: Sequence[jax.Array | str | None]
    ) -> tuple[jax.Array, jax.Array | None]:
        layer = lambda name, up=1: SynthesisLayer(self.features, up, self.look, name=name)
        look, kernel = self.look, upfirdn.taps(self.look.filter)
        if self.side == 4:
            const = jnp.asarray(self.param("const", normal, (4, 4, self.features)))
            x = jnp.broadcast_to(const, (ws.shape[0], *const.shape)).astype(self.dtype)
            x = layer("conv1")(x, ws[:, 0], noise[0])
            at = 1
        else:
            x = x.astype(self.dtype)
            gain, shortcut = 1.0, None
            if look.architecture == "resnet":
                gain = float(np.sqrt(0.5))
                skip = Convolution(self.features, 1, up=2, use_bias=False, filter=look.filter, name="skip")
                shortcut = skip(x, gain)
            x = layer("conv0", 2)(x, ws[:, 0], noise[0])
            x = layer("conv1")(x, ws[:, 1], noise[1], gain)
            x = x if shortcut is None else x + shortcut
            at = 2
        if image is not None:
            image = upfirdn.upsample(image, kernel)
        if self.last or look.architecture == "skip":
            colours = ToRGB(self.channels, look.clamp, name="torgb")(x, ws[:, at]).astype(jnp.float32)
            image = colours if image is None else image + colours
        return x, image


class Generator(nn.Module):
    """(z [B, Z], c [B, K] or None) -> images [B, side, side, channels], without a bound on their range.

    Published for CIFAR-10: Z = W = 512, 2 mapping layers. `mapped` and `synthesised` are its halves.
    """

    synthesis: Synthesis
    mapping: Mapping

    def __call__(
        self, z: jax.Array, c: jax.Array | None = None, noise: Sequence[jax.Array] | str | None = None, *,
        truncation: float = 1.0, cutoff: int | None = None,
    ) -> jax.Array:  # fmt: skip
        return self.synthesis(self.mapped(z, c, truncation=truncation, cutoff=cutoff), noise)

    def mapped(
        self, z: jax.Array, c: jax.Array | None = None, *, truncation: float = 1.0, cutoff: int | None = None,
        train: bool = False,
    ) -> jax.Array:  # fmt: skip
        """Styles [B, L, W]; the first `cutoff` (None: all) are mean + truncation (w - mean)."""
        w = self.mapping(z, c, train)
        ws = jnp.broadcast_to(w[:, None], (w.shape[0], self.synthesis.styles, w.shape[1]))
        if truncation == 1.0:
            return ws
        mean: jax.Array = self.mapping.get_variable("average", "w_avg")
        drawn = mean + truncation * (ws - mean)
        return drawn if cutoff is None else ws.at[:, :cutoff].set(drawn[:, :cutoff])

    def synthesised(self, ws: jax.Array, noise: Sequence[jax.Array] | str | None = None) -> jax.Array:
        return self.synthesis(ws, noise)


class Critic(nn.Module):
    """Images [B, side, side, C] and one-hot labels [B, K] or None -> logits [B].

    `group`: images in a group of the minibatch deviation (None: all), `deviations`: channels of it (0: none).
    """

    side: int
    architecture: str = "resnet"
    base: int = 32768
    most: int = 512
    clamp: float | None = None
    activation: str = "lrelu"
    filter: tuple[float, ...] = (1, 3, 3, 1)
    group: int | None = 4
    deviations: int = 1
    mapping: Mapping | None = None  # of labels
    half: int = 0  # resolutions, from the highest, in bfloat16
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image: jax.Array, c: jax.Array | None = None) -> jax.Array:
        lookup("architecture", self.architecture, dict.fromkeys(ARCHITECTURES))
        width = widths(self.side, self.base, self.most)
        sides = sorted(width, reverse=True)
        x = jnp.zeros(())
        for place, side in enumerate(sides[:-1]):
            dtype = jnp.bfloat16 if place < self.half else jnp.float32
            x, image = self.halved(x.astype(dtype), image, side, width)
        x = x.astype(jnp.float32)
        if self.architecture == "skip":
            x = x + self.convolution(width[4], 1, "b4_fromrgb", clamp=None)(image)
        if self.deviations:
            group = x.shape[0] if self.group is None else self.group
            if self.group is None and self.axis_name is not None:
                group = x.shape[0] * jax.lax.axis_size(self.axis_name)
            x = minibatch_deviation(x, group, None if self.is_initializing() else self.axis_name, self.deviations)
        x = self.convolution(width[4], 3, "b4_conv", clamp=self.clamp)(x)
        flat = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
        x = Dense(width[4], self.activation, name="b4_fc")(flat)
        if self.mapping is None:
            return Dense(1, name="b4_out")(x)[:, 0]
        label = self.mapping(None, c)
        out = Dense(label.shape[-1], name="b4_out")(x)
        return jnp.sum(out * label, axis=1) / np.sqrt(label.shape[-1])

    def convolution(self, features: int, size: int, name: str, *, clamp: float | None, down: int = 1) -> Convolution:
        return Convolution(
            features, size, down=down, activation=self.activation, filter=self.filter, clamp=clamp, name=name
        )

    def halved(self, x: jax.Array, image: jax.Array, side: int, width: dict[int, int]) -> tuple[jax.Array, jax.Array]:
        """A block: what it makes of x, at half the side, and the image, halved for "skip"."""
        own = f"b{side}"
        if side == self.side or self.architecture == "skip":
            seen = self.convolution(width[side], 1, f"{own}_fromrgb", clamp=self.clamp)(image.astype(x.dtype))
            x = seen if side == self.side else x + seen
            if self.architecture == "skip":
                image = upfirdn.downsample(image, upfirdn.taps(self.filter))
        gain, shortcut = 1.0, None
        if self.architecture == "resnet":
            gain = float(np.sqrt(0.5))
            skip = Convolution(width[side // 2], 1, down=2, use_bias=False, filter=self.filter, name=f"{own}_skip")
            shortcut = skip(x, gain)
        x = self.convolution(width[side], 3, f"{own}_conv0", clamp=self.clamp)(x)
        x = self.convolution(width[side // 2], 3, f"{own}_conv1", clamp=self.clamp, down=2)(x, gain)
        return (x if shortcut is None else x + shortcut), image
