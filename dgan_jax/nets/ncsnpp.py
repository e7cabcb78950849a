"""The U-net of score-based models, NCSN++ and DDPM++, and the walk through its levels that diffusion-GANs share.

Song et al., "Score-Based Generative Modeling through Stochastic Differential Equations", ICLR 2021, arXiv 2011.13456,
appendix H. Submodules are numbered in the order of the published module list, so that its checkpoints convert by name.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.adagn_blocks import (
    Attention,
    Combine,
    DownConv,
    Dtype,
    Norm,
    Resample,
    UpConv,
    conv,
    groups_of,
)
from dgan_jax.nets.layers import check_halvings, sinusoid, uniform_fan_avg
from dgan_jax.ops import fir

Activation = Callable[[jax.Array], jax.Array]
ACTIVATIONS: dict[str, Activation] = {
    "swish": nn.silu,
    "relu": nn.relu,
    "elu": nn.elu,
    "lrelu": lambda x: nn.leaky_relu(x, 0.2),
}
SKIP_SCALES: Mapping[str, float] = {"biggan": 1.0, "ddpm": 0.1}
"""By kind of block: the scale of its skip convolution's initialisation."""
Block = Callable[[str, jax.Array, int, Resample | None], jax.Array]
"""(role, h, features, resampling or None) -> h after a residual block."""


def resamplers(kernel: Sequence[float] | None) -> tuple[Resample, Resample]:
    """Enlargement and reduction by 2: FIR with `kernel`, or without one repetition and mean."""
    if kernel is None:
        return fir.repeat, fir.mean
    bind = lambda f: functools.partial(f, kernel=tuple(kernel))
    return bind(fir.upsample), bind(fir.downsample)


class Walk(nn.Module):
    """What all networks of this kind are made of: levels, pyramids, attention, the embedding of time.

    H and W must be divisible by 2^(levels - 1). Attention sits where `image_size` / 2^level is in `attention`, whatever
    the size of x, so a network runs on other sizes than it was made for. `dtype` is that of activations; parameters,
    norms and softmax are float32. Dropout needs `deterministic=False` and a key named "dropout".
    """

    image_size: int
    out_channels: int = 3
    features: int = 128  # width of the first level
    multipliers: Sequence[int] = (1, 2, 2, 2)  # width of each level, in units of `features`
    blocks: int = 2  # residual blocks per level
    attention: Sequence[int] = (16,)
    dropout: float = 0.0
    centred: bool = True  # False: x is in [0, 1] and is brought to [-1, 1] here
    block: str = "biggan"  # or ddpm: resampling outside the blocks
    fir_kernel: Sequence[float] | None = (1, 3, 3, 1)  # None: repeat and mean
    input_pyramid: str = "residual"  # or none, input_skip
    output_pyramid: str = "none"  # or output_skip, residual
    combine: str = "sum"  # or cat: how input_skip joins
    rescale: bool = True  # residual sums are divided by sqrt(2)
    timed: bool = True  # False: the network does not see t
    embedding: str = "positional"  # or fourier, which needs t > 0
    fourier_scale: float = 16.0
    embedded: int = 0  # length of the embedding of time; 0: `features`
    resample_with_conv: bool = True  # ddpm blocks only
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False  # recompute residual blocks in the backward pass

    def walk(
        self, x: jax.Array, named: Callable[[str], str], block: Block, *, act: Activation = nn.silu,
        up_conv: Callable[..., nn.Module] = UpConv, scale: float = 0.0,
    ) -> jax.Array:  # fmt: skip
        """x [B, H, W, C + K] -> [B, H, W, out_channels]. `scale`: of the last layers' initialisation."""
        dtype = self.dtype
        up, down = resamplers(self.fir_kernel)
        join = lambda a, b: (a + b) / np.sqrt(2.0) if self.rescale else a + b
        attend = lambda role, h: Attention(self.rescale, dtype, scale, name=named(role))(h)

        def head(role: str, h: jax.Array, features: int, scale: float) -> jax.Array:
            h = act(Norm(name=named(f"{role}_norm"))(h))
            return conv(features, 3, dtype, named(f"{role}_conv"), scale=scale)(h)

        def resized(role: str, h: jax.Array, resample: Resample, learned: Callable[[str], nn.Module]) -> jax.Array:
            if self.block != "ddpm":
                return block(role, h, h.shape[-1], resample)
            name = named(role)  # the published list counts a resampler also when it has no parameters
            return learned(name)(h) if self.resample_with_conv else resample(h)

        pyramid = (x if self.centred else 2 * x - 1).astype(dtype)
        skips = [conv(self.features, 3, dtype, named("stem"))(pyramid)]
        levels = [
            (i, self.features * m, self.image_size // 2**i in self.attention) for i, m in enumerate(self.multipliers)
        ]

        for level, width, attended in levels:
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", skips[-1], width, None)
                skips.append(attend(f"down{level}_attention{i}", h) if attended else h)
            if level == len(levels) - 1:
                break
            by_conv = lambda name: DownConv(width, self.fir_kernel, dtype, name=name)
            h = resized(f"down{level}_reduce", skips[-1], down, by_conv)
            if self.input_pyramid == "input_skip":
                pyramid = down(pyramid)
                h = Combine(width, self.combine == "cat", dtype, name=named(f"down{level}_combine"))(pyramid, h)
            elif self.input_pyramid == "residual":
                # The pyramid takes the place of h and goes on to the next level.
                pyramid = h = join(by_conv(named(f"down{level}_pyramid"))(pyramid), h)
            skips.append(h)

        h = block("middle_block0", skips[-1], skips[-1].shape[-1], None)
        h = attend("middle_attention", h)
        h = block("middle_block1", h, h.shape[-1], None)

        image: jax.Array | None = None
        for level, width, attended in reversed(levels):
            for i in range(self.blocks + 1):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width, None)
            if attended:
                h = attend(f"up{level}_attention", h)
            if self.output_pyramid == "output_skip":
                part = head(f"up{level}_image", h, self.out_channels, scale)
                image = part if image is None else up(image) + part
            elif self.output_pyramid == "residual":
                if image is None:  # the first one does not take the place of h
                    image = head(f"up{level}_pyramid", h, width, 1.0)
                else:
                    image = h = join(up_conv(width, up, dtype, name=named(f"up{level}_pyramid"))(image), h)
            if level:
                h = resized(f"up{level}_enlarge", h, up, lambda name: up_conv(width, up, dtype, name=name))

        if image is not None and self.output_pyramid == "output_skip":
            return image
        return head("out", h, self.out_channels, scale)

    def embed(self, t: jax.Array, named: Callable[[str], str], act: Activation = nn.silu) -> jax.Array | None:
        """[B] -> [B, 4 times the embedding], without a last activation: each block has its own."""
        length = self.embedded or self.features
        if self.embedding == "fourier":
            draw = lambda key, shape: self.fourier_scale * jax.random.normal(key, shape)
            frequencies = jax.lax.stop_gradient(self.param(named("frequencies"), draw, (length,)))
            # The published network takes the logarithm, so this needs t > 0.
            angles = jnp.log(t.astype(jnp.float32))[:, None] * frequencies * 2 * np.pi
            time = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        else:
            time = sinusoid(t, length)
        if not self.timed:
            return None
        dense = lambda role: nn.Dense(4 * length, kernel_init=uniform_fan_avg(), name=named(role))
        time = act(dense("time_in")(time))
        return dense("time_out")(time).astype(self.dtype)

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for names, sizes and widths that cannot work."""
        for field, known in self.options().items():
            lookup(field, getattr(self, field), dict.fromkeys(known))
        check_halvings(x, len(self.multipliers))
        for channels in self.norm_widths():
            try:
                groups_of(channels)
            except ValueError as error:
                raise ValueError(
                    f"features {self.features} with multipliers {tuple(self.multipliers)}: {error}; "
                    "try features of 32, 64 or 128 with multipliers that are powers of 2"
                ) from None

    def options(self) -> Mapping[str, Sequence[str]]:
        """Fields whose values are names, and the names."""
        return {
            "block": tuple(SKIP_SCALES), "input_pyramid": ("none", "input_skip", "residual"),
            "output_pyramid": ("none", "output_skip", "residual"), "combine": ("sum", "cat"),
            "embedding": ("positional", "fourier"),
        }  # fmt: skip

    def norm_widths(self) -> list[int]:
        """Channels that the norms see, those of the decoder's concatenations included."""
        doubled = 2 if (self.input_pyramid, self.combine) == ("input_skip", "cat") else 1
        widths = [self.features * m for m in self.multipliers]
        skips = [self.features]
        for level, width in enumerate(widths):
            skips += [width] * self.blocks + [doubled * width] * (level < len(widths) - 1)
        seen, h = list(skips), skips[-1]
        for width in reversed(widths):
            for _ in range(self.blocks + 1):
                seen.append(h + skips.pop())
                h = width
        return seen


class ResidualBlock(nn.Module):
    """x: [B, H, W, C], time: [B, E] (before its activation) or None -> [B, H', W', features].

    `resample` acts on both paths, between the first norm and the first convolution.
    """

    features: int
    resample: Resample | None = None
    act: Activation = nn.silu
    skip_scale: float = 1.0
    last_scale: float = 0.0
    rescale: bool = True
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array | None) -> jax.Array:
        h = self.act(Norm(name="norm_in")(x))
        if self.resample is not None:
            h, x = self.resample(h), self.resample(x)
        h = conv(self.features, 3, self.dtype, "conv_in")(h)
        if time is not None:
            dense = nn.Dense(self.features, kernel_init=uniform_fan_avg(), dtype=self.dtype, name="time")
            h = h + dense(self.act(time))[:, None, None, :]
        h = self.act(Norm(name="norm_out")(h))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=self.last_scale)(h)
        # The skip convolution acts after the resampling, and whenever there is one.
        if x.shape[-1] != self.features or self.resample is not None:
            x = conv(self.features, 1, self.dtype, "skip", scale=self.skip_scale)(x)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class FilteredUpConv(nn.Module):
    """A transposed 3x3 convolution of stride 2, then the FIR filter: [B, H, W, C] -> [B, 2H, 2W, features].

    Inside the image it is `UpConv` with FIR; at the border it is not.
    """

    features: int
    kernel: Sequence[float]
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Conv(
            self.features, (3, 3), padding=2, input_dilation=2, dtype=self.dtype, kernel_init=uniform_fan_avg(),
            use_bias=False, name="conv",
        )(x)  # fmt: skip
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return fir.blur_after_stride(x, self.kernel) + bias.astype(x.dtype)


class ScoreNCSNpp(Walk):
    """(x [B, H, W, C], t [B]) -> [B, H, W, out_channels]: NCSN++ or DDPM++; what it says is its system's affair.

    t is what it is told of the noise, unscaled: its deviation with `embedding="fourier"`, else a number that may be a
    fraction. The output is divided by the deviation where `by_sigma`: by t itself with the Fourier embedding, with the
    positional one by sigmas[t], t a whole number.
    """

    activation: str = "swish"  # or relu, elu, lrelu
    init_scale: float = 0.0  # of the last layers of blocks, attentions and the network
    by_sigma: bool = False
    sigmas: Sequence[float] = ()

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array) -> jax.Array:
        act = lookup("activation", self.activation, ACTIVATIONS)
        self.check(x)
        counter = itertools.count()
        named = lambda role: f"{next(counter):02d}_{role}"
        time = self.embed(t, named, act)
        residual = nn.remat(ResidualBlock) if self.remat else ResidualBlock

        def block(role: str, h: jax.Array, features: int, resample: Resample | None) -> jax.Array:
            options = (act, SKIP_SCALES[self.block], self.init_scale, self.rescale)
            rest = (self.dropout, self.deterministic, self.dtype)
            return residual(features, resample, *options, *rest, name=named(role))(h, time)

        def up_conv(features: int, resample: Resample, dtype: Dtype, name: str) -> nn.Module:
            if self.fir_kernel is None:
                return UpConv(features, resample, dtype, name=name)
            return FilteredUpConv(features, tuple(self.fir_kernel), dtype, name=name)

        h = self.walk(x, named, block, act=act, up_conv=up_conv, scale=self.init_scale).astype(x.dtype)
        if not self.by_sigma:
            return h
        return h / self.deviations(t).astype(h.dtype)[:, None, None, None]

    def deviations(self, t: jax.Array) -> jax.Array:
        """[B]: of the noise that t means."""
        if self.embedding == "fourier":
            return t
        if not self.sigmas:
            raise ValueError("by_sigma with a positional embedding needs the table `sigmas` of the network's levels")
        return jnp.asarray(self.sigmas, jnp.float32)[t.astype(jnp.int32)]
