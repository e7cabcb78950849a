"""Partial convolutions, which look at known pixels only and tell where something is known, and their U-Net.

Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018, arXiv 1804.07723. Masks here
are of what is known, 1 = known, as in the paper; the network itself takes the hole.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from dgan_jax.nets.dcgan import batch_norm
from dgan_jax.ops import fir

he = nn.initializers.he_normal()


class PartialConv(nn.Module):
    """(x [B, H, W, C], known [B, H, W, 1 or C]) -> (y [B, h, w, features], known [B, h, w, 1]), equations 1 and 2.

    Zero padding counts as unknown. `known` with C channels has one mask for each channel, as behind a concatenation.
    """

    features: int
    size: int = 3
    stride: int = 1
    padding: int | None = None  # None: size // 2
    dilation: int = 1
    bias: bool = True

    def __call__(self, x: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array]:
        y, _, there = self.scaled(x, known)
        return y, there

    @nn.compact
    def scaled(self, x: jax.Array, known: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """y, the ratio that it was scaled by [B, h, w, 1], and where something is known."""
        if known.shape[-1] not in (1, x.shape[-1]):
            raise ValueError(
                f"a partial convolution of {x.shape[-1]} channels takes as many masks or one, got {known.shape[-1]}"
            )
        padding = self.size // 2 if self.padding is None else self.padding
        dilation, kernel = (self.dilation, self.dilation), (self.size, self.size)
        layer = nn.Conv(
            self.features, kernel, self.stride, padding=padding, kernel_dilation=dilation, use_bias=False,
            kernel_init=he, name="conv",
        )  # fmt: skip
        count = jax.lax.conv_general_dilated(
            jnp.sum(known, axis=-1, keepdims=True), jnp.ones((*kernel, 1, 1)), (self.stride, self.stride),
            [(padding, padding)] * 2, rhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        there = jnp.clip(count, 0, 1)
        ratio = self.size**2 * known.shape[-1] / (count + 1e-8) * there
        y = layer(x * known) * ratio
        if self.bias:
            y = (y + self.param("bias", nn.initializers.zeros, (self.features,))) * there
        return y, ratio, there


class UNet(nn.Module):
    """(image [B, H, W, C], 0 in the hole, hole [B, H, W, 1]) -> image [B, H, W, C], by partial convolutions.

    H and W must be multiples of 2^levels. Published: eight levels of 64, 128, 256 and then 512 channels, for 512x512.
    `train`: by the statistics of the batch; with `frozen` the encoder's stay those that are noted.
    """

    features: int = 64
    levels: int = 8
    channels: int = 3
    axis_name: str | None = None

    @nn.compact
    def __call__(self, image: jax.Array, hole: jax.Array, train: bool = False, frozen: bool = False) -> jax.Array:
        factor = 2**self.levels
        if image.shape[1] % factor or image.shape[2] % factor:
            raise ValueError(
                f"images of {image.shape[1]}x{image.shape[2]} cannot be halved {self.levels} times; use sides that "
                f"are multiples of {factor}, or fewer levels"
            )
        norm = lambda x, name, train: batch_norm(x, train, self.axis_name, name)
        h, known = image, 1 - hole
        skips = [(h, known)]
        for i in range(self.levels):
            size, width = {0: 7, 1: 5, 2: 5}.get(i, 3), self.features * min(2**i, 8)
            h, known = PartialConv(width, size, 2, bias=i == 0, name=f"encode_{i}")(h, known)
            if i:
                h = norm(h, f"encode_norm_{i}", train and not frozen)
            h = nn.relu(h)
            skips.append((h, known))
        for i in reversed(range(self.levels)):
            width = self.features * min(2 ** (i - 1), 8) if i else self.channels
            skip, there = skips[i]
            h, known = fir.repeat(h), fir.repeat(known)
            # One mask for each channel: what is known of the one is not known of the other.
            masks = [jnp.broadcast_to(mask, x.shape) for x, mask in ((h, known), (skip, there))]
            merged = jnp.concatenate([h, skip], axis=-1), jnp.concatenate(masks, axis=-1)
            h, known = PartialConv(width, bias=i == 0, name=f"decode_{i}")(*merged)
            if i:
                h = nn.leaky_relu(norm(h, f"decode_norm_{i}", train), 0.2)
        return h
