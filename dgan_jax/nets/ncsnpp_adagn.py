"""The generator of denoising diffusion-GANs: NCSN++ with group norms that the latent modulates.

Xiao et al., arXiv 2112.07804, on the U-net of Song et al., arXiv 2011.13456. Submodules are numbered in the order of
the published module list, so that its checkpoints convert by name.
"""

import functools
import itertools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.adagn_blocks import (
    AdaptiveNorm,
    AffineNorm,
    Attention,
    Combine,
    DownConv,
    Dtype,
    LatentMapping,
    Norm,
    Resample,
    ResidualBlock,
    UpConv,
    conv,
    groups_of,
)
from dgan_jax.nets.layers import check_halvings, sinusoid, uniform_fan_avg
from dgan_jax.ops import fir


def resamplers(kernel: Sequence[float] | None) -> tuple[Resample, Resample]:
    """Enlargement and reduction by 2: FIR with `kernel`, or without one repetition and mean."""
    if kernel is None:
        return fir.repeat, fir.mean
    bind = lambda f: functools.partial(f, kernel=tuple(kernel))
    return bind(fir.upsample), bind(fir.downsample)


# By kind of block: its second norm, and the scale of its skip convolution's initialisation.
BLOCKS = {"biggan": (AdaptiveNorm, 1.0), "biggan_oneadagn": (AffineNorm, 1.0), "ddpm": (AdaptiveNorm, 0.1)}
OPTIONS = {
    "block": tuple(BLOCKS),
    "input_pyramid": ("none", "input_skip", "residual"),
    "output_pyramid": ("none", "output_skip", "residual"),
    "combine": ("sum", "cat"),
    "embedding": ("positional", "fourier"),
}


class NCSNpp(nn.Module):
    """(x [B, H, W, C], t [B] integer, z [B, Z], condition [B, H, W, K] or None) -> x0 [B, H, W, out_channels].

    Condition channels stand behind those of x. H and W must be divisible by 2^(levels - 1). Attention sits where
    `image_size` / 2^level is in `attention`, whatever the size of x, so a network runs on other sizes than it was made
    for. `dtype` is that of activations; parameters, norms and softmax are float32. Dropout needs `deterministic=False`
    and a key named "dropout".
    """

    image_size: int
    out_channels: int = 3
    features: int = 128  # width of the first level
    multipliers: Sequence[int] = (1, 2, 2, 2)  # width of each level, in units of `features`
    blocks: int = 2  # residual blocks per level
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
    rescale: bool = True  # residual sums are divided by sqrt(2)
    timed: bool = True  # False: the network does not see t
    embedding: str = "positional"  # or fourier, which needs t > 0
    fourier_scale: float = 16.0
    resample_with_conv: bool = True  # ddpm blocks only
    deterministic: bool = True
    dtype: Dtype = jnp.float32
    remat: bool = False  # recompute residual blocks in the backward pass

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        self.check(x)
        dtype, out_dtype = self.dtype, x.dtype
        counter = itertools.count()
        named = lambda role: f"{next(counter):02d}_{role}"
        up, down = resamplers(self.fir_kernel)
        join = lambda a, b: (a + b) / np.sqrt(2.0) if self.rescale else a + b
        attend = lambda role, h: Attention(self.rescale, dtype, name=named(role))(h)
        time = self.embed(t, named)
        w = LatentMapping(self.latent_embedding, self.latent_layers, dtype, name="latent")(z)
        residual_block = nn.remat(ResidualBlock) if self.remat else ResidualBlock
        second_norm, skip_scale = lookup("block", self.block, BLOCKS)

        def block(role: str, h: jax.Array, features: int, resample: Resample | None = None) -> jax.Array:
            options = (second_norm, skip_scale, self.rescale, self.dropout, self.deterministic, dtype)
            return residual_block(features, resample, *options, name=named(role))(h, time, w)

        def head(role: str, h: jax.Array, features: int, scale: float) -> jax.Array:
            h = nn.silu(Norm(name=named(f"{role}_norm"))(h))
            return conv(features, 3, dtype, named(f"{role}_conv"), scale=scale)(h)

        def resized(role: str, h: jax.Array, resample: Resample, learned: Callable[[str], nn.Module]) -> jax.Array:
            if self.block != "ddpm":
                return block(role, h, h.shape[-1], resample)
            name = named(role)  # the published list counts a resampler also when it has no parameters
            return learned(name)(h) if self.resample_with_conv else resample(h)

        if condition is not None:
            x = jnp.concatenate([x, condition.astype(x.dtype)], axis=-1)
        pyramid = (x if self.centred else 2 * x - 1).astype(dtype)
        skips = [conv(self.features, 3, dtype, named("stem"))(pyramid)]
        levels = [
            (i, self.features * m, self.image_size // 2**i in self.attention) for i, m in enumerate(self.multipliers)
        ]

        for level, width, attended in levels:
            for i in range(self.blocks):
                h = block(f"down{level}_block{i}", skips[-1], width)
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

        h = block("middle_block0", skips[-1], skips[-1].shape[-1])
        h = attend("middle_attention", h)
        h = block("middle_block1", h, h.shape[-1])

        image: jax.Array | None = None
        for level, width, attended in reversed(levels):
            for i in range(self.blocks + 1):
                h = block(f"up{level}_block{i}", jnp.concatenate([h, skips.pop()], axis=-1), width)
            if attended:
                h = attend(f"up{level}_attention", h)
            if self.output_pyramid == "output_skip":
                part = head(f"up{level}_image", h, self.out_channels, 0.0)
                image = part if image is None else up(image) + part
            elif self.output_pyramid == "residual":
                if image is None:  # the first one does not take the place of h
                    image = head(f"up{level}_pyramid", h, width, 1.0)
                else:
                    image = h = join(UpConv(width, up, dtype, name=named(f"up{level}_pyramid"))(image), h)
            if level:
                h = resized(f"up{level}_enlarge", h, up, lambda name: UpConv(width, up, dtype, name=name))

        if image is None or self.output_pyramid != "output_skip":
            image = head("out", h, self.out_channels, 0.0)
        h = image.astype(out_dtype)
        return jnp.tanh(h) if self.tanh else h

    def embed(self, t: jax.Array, named: Callable[[str], str]) -> jax.Array | None:
        """[B] -> [B, 4 features], without a last activation: each block has its own."""
        if self.embedding == "fourier":
            draw = lambda key, shape: self.fourier_scale * jax.random.normal(key, shape)
            frequencies = jax.lax.stop_gradient(self.param(named("frequencies"), draw, (self.features,)))
            # The published network takes the logarithm, so this needs t > 0.
            angles = jnp.log(t.astype(jnp.float32))[:, None] * frequencies * 2 * np.pi
            time = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
        else:
            time = sinusoid(t, self.features)
        if not self.timed:
            return None
        dense = lambda role: nn.Dense(4 * self.features, kernel_init=uniform_fan_avg(), name=named(role))
        time = nn.silu(dense("time_in")(time))
        return dense("time_out")(time).astype(self.dtype)

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for names, sizes and widths that cannot work."""
        for field, known in OPTIONS.items():
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
