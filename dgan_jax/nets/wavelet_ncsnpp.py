"""The generator of wavelet diffusion-GANs: NCSN++ whose levels, input pyramid and middle work on Haar bands.

Phung, Dao, Tran, arXiv 2211.16152, on the generator of Xiao et al., arXiv 2112.07804. Submodules are numbered in the
order of the published module list, so that its checkpoints convert by name.
"""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from dgan_jax.core.names import lookup
from dgan_jax.nets.adagn_blocks import (
    AdaptiveNorm,
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
)
from dgan_jax.nets.layers import uniform_fan_avg
from dgan_jax.nets.ncsnpp_adagn import BLOCKS, NCSNpp, resamplers
from dgan_jax.ops import haar, patches


class BandConv(nn.Module):
    """A 3x3 convolution for each of three bands: [B, H, W, 3C] -> [B, H, W, 3 features].

    One grouped convolution says the same, but XLA:CPU takes 35 times as long for its weight gradient (measured).
    """

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", uniform_fan_avg(), (3, 3, x.shape[-1] // 3, 3 * self.features))
        bias = self.param("bias", nn.initializers.zeros, (3 * self.features,))
        x, kernel, bias = (value.astype(self.dtype) for value in (x, kernel, bias))
        pairs = zip(jnp.split(x, 3, axis=-1), jnp.split(kernel, 3, axis=-1), strict=True)
        layout = ("NHWC", "HWIO", "NHWC")
        parts = [jax.lax.conv_general_dilated(a, k, (1, 1), "SAME", dimension_numbers=layout) for a, k in pairs]
        return jnp.concatenate(parts, axis=-1) + bias


class FrequencyBlock(nn.Module):
    """A residual block that changes the resolution by the Haar transform; what `Reduce` and `Enlarge` share.

    Unlike `ResidualBlock`, both convolutions of the entry act before the resampling.
    """

    features: int
    rescale: bool = True
    dropout: float = 0.0
    deterministic: bool = True
    dtype: Dtype = jnp.float32

    def enter(self, x: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
        h = nn.silu(AdaptiveNorm(self.dtype, name="norm_in")(x, w))
        h = conv(self.features, 3, self.dtype, "conv_in")(h)
        return h, conv(self.features, 1, self.dtype, "skip")(x)

    def leave(self, h: jax.Array, x: jax.Array, time: jax.Array | None, w: jax.Array) -> jax.Array:
        if time is not None:
            dense = nn.Dense(self.features, kernel_init=uniform_fan_avg(), dtype=self.dtype, name="time")
            h = h + dense(nn.silu(time))[:, None, None, :]
        h = nn.silu(AdaptiveNorm(self.dtype, name="norm_out")(h, w))
        h = nn.Dropout(self.dropout, deterministic=self.deterministic)(h)
        h = conv(self.features, 3, self.dtype, "conv_out", scale=0.0)(h)
        return (x + h) / np.sqrt(2.0) if self.rescale else x + h


class Reduce(FrequencyBlock):
    """[B, H, W, C] -> [B, H/2, W/2, features], and the high bands [B, H/2, W/2, 3 features] that `Enlarge` needs."""

    @nn.compact
    def __call__(self, x: jax.Array, time: jax.Array | None, w: jax.Array) -> tuple[jax.Array, jax.Array]:
        h, x = self.enter(x, w)
        (h, high), (x, _) = haar.halve(h), haar.halve(x)
        return self.leave(h, x, time, w), high


class Enlarge(FrequencyBlock):
    """[B, H, W, C] and high bands [B, H, W, 3K] -> [B, 2H, 2W, features]. Both paths receive the same bands."""

    @nn.compact
    def __call__(self, x: jax.Array, high: jax.Array, time: jax.Array | None, w: jax.Array) -> jax.Array:
        h, x = self.enter(x, w)
        high = 2 * BandConv(self.features, self.dtype, name="bands")(high / 2)
        return self.leave(haar.double(h, high), haar.double(x, high), time, w)


class BandDownConv(nn.Module):
    """Learned reduction by 2: a convolution over the four halved bands. [B, H, W, C] -> [B, H/2, W/2, features]."""

    features: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return conv(self.features, 3, self.dtype, "conv")(haar.dwt(x) / 2)


class WaveletNCSNpp(NCSNpp):
    """(x [B, H, W, C], t [B] integer, z [B, Z], condition [B, H, W, K] or None) -> x0 [B, H, W, out_channels].

    With `frequency`, `bottleneck` and `wavelet_pyramid` all False this is `NCSNpp` on patches: the published network of
    the kind "normal". H and W must be divisible by patch * 2^(levels - 1), with the bottleneck twice that. `image_size`
    and `attention` are sizes of x before and of maps after the patches are cut.
    """

    patch: int = 1  # side of the pixel patches that become channels
    frequency: bool = True  # Haar bands between the levels; False: FIR resampling
    bottleneck: bool = True  # the middle blocks also work on the low band
    wavelet_pyramid: bool = True  # the residual input pyramid convolves bands; False: FIR

    @nn.compact
    def __call__(self, x: jax.Array, t: jax.Array, z: jax.Array, condition: jax.Array | None = None) -> jax.Array:
        self.check(x)
        dtype, out_dtype = self.dtype, x.dtype
        counter = itertools.count()
        named = lambda role: f"{next(counter):02d}_{role}"
        up, down = resamplers(self.fir_kernel)
        join = lambda a, b: (a + b) / np.sqrt(2.0) if self.rescale else a + b
        attend = lambda role, h: Attention(self.rescale, dtype, name=named(role))(h)
        kept = nn.remat if self.remat else lambda module: module
        residual_block, reduce, enlarge = kept(ResidualBlock), kept(Reduce), kept(Enlarge)
        second_norm, skip_scale = lookup("block", self.block, BLOCKS)
        common = (self.rescale, self.dropout, self.deterministic, dtype)

        time = self.embed(t, named)
        w = LatentMapping(self.latent_embedding, self.latent_layers, dtype, name="latent")(z)

        def made(role: str, features: int, resample: Resample | None = None) -> Callable[[jax.Array], jax.Array]:
            module = residual_block(features, resample, second_norm, skip_scale, *common, name=named(role))
            return lambda h: module(h, time, w)

        def head(role: str, h: jax.Array, features: int, scale: float) -> jax.Array:
            h = nn.silu(Norm(name=named(f"{role}_norm"))(h))
            return conv(features, 3, dtype, named(f"{role}_conv"), scale=scale)(h)

        def resized(role: str, h: jax.Array, resample: Resample, learned: Callable[[str], nn.Module]) -> jax.Array:
            if self.block != "ddpm":
                return made(role, h.shape[-1], resample)(h)
            name = named(role)
            return learned(name)(h) if self.resample_with_conv else resample(h)

        def on_low_band(f: Callable[[jax.Array], jax.Array], h: jax.Array) -> jax.Array:
            low, high = haar.halve(h)
            return haar.double(f(low), high)

        if condition is not None:
            x = jnp.concatenate([x, condition.astype(x.dtype)], axis=-1)
        # Patches are cut in another channel order than they are put back below: as published.
        x = patches.pixels_first(x, self.patch)
        pyramid = (x if self.centred else 2 * x - 1).astype(dtype)
        skips, highs = [conv(self.features, 3, dtype, named("stem"))(pyramid)], []
        side, out_channels = self.image_size // self.patch, self.out_channels * self.patch**2
        levels = [(i, self.features * m, side // 2**i in self.attention) for i, m in enumerate(self.multipliers)]

        for level, width, attended in levels:
            for i in range(self.blocks):
                h = made(f"down{level}_block{i}", width)(skips[-1])
                skips.append(attend(f"down{level}_attention{i}", h) if attended else h)
            if level == len(levels) - 1:
                break
            by_conv = lambda name: DownConv(width, self.fir_kernel, dtype, name=name)
            by_bands = lambda name: BandDownConv(width, dtype, name=name)
            if self.frequency:
                h, high = reduce(width, *common, name=named(f"down{level}_reduce"))(skips[-1], time, w)
                highs.append(high)
            else:
                h = resized(f"down{level}_reduce", skips[-1], down, by_conv)
            if self.input_pyramid == "input_skip":
                pyramid = down(pyramid)
                h = Combine(width, self.combine == "cat", dtype, name=named(f"down{level}_combine"))(pyramid, h)
            elif self.input_pyramid == "residual":
                # The pyramid takes the place of h and goes on to the next level.
                learned = by_bands if self.wavelet_pyramid else by_conv
                pyramid = h = join(learned(named(f"down{level}_pyramid"))(pyramid), h)
            skips.append(h)

        first = made("middle_block0", skips[-1].shape[-1])
        h = on_low_band(first, skips[-1]) if self.bottleneck else first(skips[-1])
        h = attend("middle_attention", h)
        second = made("middle_block1", h.shape[-1])
        h = second(h)
        if self.bottleneck:
            h = on_low_band(second, h)  # once more, with the same weights

        image = None
        for level, width, attended in reversed(levels):
            for i in range(self.blocks + 1):
                h = made(f"up{level}_block{i}", width)(jnp.concatenate([h, skips.pop()], axis=-1))
            if attended:
                h = attend(f"up{level}_attention", h)
            if self.output_pyramid == "output_skip":
                part = head(f"up{level}_image", h, out_channels, 0.0)
                image = part if image is None else up(image) + part
            elif self.output_pyramid == "residual" and image is None:
                image = head(f"up{level}_pyramid", h, width, 1.0)
            elif image is not None:
                image = h = join(UpConv(width, up, dtype, name=named(f"up{level}_pyramid"))(image), h)
            if level and self.frequency:
                h = enlarge(width, *common, name=named(f"up{level}_enlarge"))(h, highs.pop(), time, w)
            elif level:
                h = resized(f"up{level}_enlarge", h, up, lambda name: UpConv(width, up, dtype, name=name))

        if image is None or self.output_pyramid == "residual":
            image = head("out", h, out_channels, 0.0)
        h = patches.from_channels_first(image, self.patch).astype(out_dtype)
        return jnp.tanh(h) if self.tanh else h

    def check(self, x: jax.Array) -> None:
        """Raise, before anything is computed, for names, sizes and widths that cannot work."""
        lookup("block", self.block, BLOCKS)
        if self.frequency and self.block != "biggan":
            raise ValueError(
                f"block {self.block!r} has no form on wavelet bands; use block 'biggan' or frequency=False"
            )
        multiple = self.patch * 2 ** (len(self.multipliers) - 1 + self.bottleneck)
        if x.shape[1] % multiple or x.shape[2] % multiple:
            raise ValueError(
                f"{len(self.multipliers)} levels on patches of {self.patch}, bottleneck={self.bottleneck}, need sides "
                f"that are multiples of {multiple}, got {x.shape[1]}x{x.shape[2]}; try other sides or fewer multipliers"
            )
        super().check(x)
