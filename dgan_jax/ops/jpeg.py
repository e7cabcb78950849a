"""JPEG as a pure function: what a file of a given quality does to an image, without the entropy coding.

Two codecs. LIBJPEG follows the library that wrote nearly every file: whole-numbered tables, borders repeated, chroma
enlarged linearly. DIFFJPEG follows the differentiable layer of Shin and Song 2017 as BasicSR ships it: tables not
rounded (the luminance one transposed), zeros beyond the border, chroma enlarged by repeated pixels.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.ops import blocks, resize

# The standard's tables K.1 and K.2, [vertical frequency, horizontal frequency].
LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float64,
)
CHROMINANCE = np.full((8, 8), 99.0)
CHROMINANCE[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

# Full-range BT.601 (JFIF), and back.
TO_YCC = np.array(
    [[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]], np.float64
)
TO_RGB = np.array([[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]], np.float64)


def soft_round(x: jax.Array) -> jax.Array:
    """Rounding with a slope: round(x) + (x - round(x))^3."""
    whole = jnp.round(x)
    return whole + (x - whole) ** 3


def whole_numbers(table: jax.Array) -> jax.Array:
    """A table as a file holds it: 1 .. 255, halves rounded up."""
    return jnp.clip(jnp.floor(table + 0.5), 1.0, 255.0)


class Codec(NamedTuple):
    """What implementations differ in. `border`: a mode of jnp.pad; `enlarge` doubles chroma planes, [..., H, W, 2]."""

    luminance: np.ndarray
    finish: Callable[[jax.Array], jax.Array]
    border: str
    enlarge: Callable[[jax.Array], jax.Array]
    samples: Callable[[jax.Array], jax.Array]


SMOOTH, BLOCKY = (functools.partial(resize.enlarge, factor=2, name=name) for name in ("bilinear", "box"))
LIBJPEG = Codec(LUMINANCE, whole_numbers, "edge", SMOOTH, jnp.round)
DIFFJPEG = Codec(LUMINANCE.T, lambda table: table, "constant", BLOCKY, lambda x: x)


def factor(quality: jax.Array | float) -> jax.Array:
    """What libjpeg multiplies the standard's tables with, for a quality of 1 .. 100."""
    quality = jnp.asarray(quality, jnp.float32)
    return jnp.where(quality < 50, 50.0 / quality, 2.0 - quality / 50.0)


def quantised(plane: jax.Array, table: jax.Array, rounding: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """[..., H, W] around 128, through the block transform and the table [u, v]."""
    table = table[:, None, :]
    return blocks.inverse(rounding(blocks.forward(plane - 128.0) / table) * table) + 128.0


def jpeg(
    image: jax.Array,
    quality: jax.Array | float,
    *,
    codec: Codec = LIBJPEG,
    rounding: Callable[[jax.Array], jax.Array] = jnp.round,
) -> jax.Array:
    """[..., H, W, 1 or 3] in 0 .. 255 -> the same after encoding (4:2:0) and decoding, cut off but not rounded.

    `quality` may be traced. With `rounding=soft_round` it has a useful slope.
    """
    height, width, channels = image.shape[-3:]
    margins = [(0, 0)] * (image.ndim - 3) + [(0, -height % 16), (0, -width % 16), (0, 0)]
    padded = jnp.pad(image, margins, mode=codec.border)  # type: ignore[call-overload]
    scale = factor(quality)
    luminance = codec.finish(jnp.asarray(codec.luminance, jnp.float32) * scale)
    chrominance = codec.finish(jnp.asarray(CHROMINANCE, jnp.float32) * scale)
    if channels == 1:
        decoded = quantised(padded[..., 0], luminance, rounding)[..., None]
    else:
        mixed = lambda x, m: jnp.einsum("oc,...c->...o", jnp.asarray(m, x.dtype), x, precision="highest")
        ycc = codec.samples(mixed(padded, TO_YCC) + np.array([0, 128, 128], np.float32))
        small = codec.samples(resize.reduce(ycc[..., 1:], 2, "box"))
        luma = quantised(ycc[..., 0], luminance, rounding)[..., None]
        planes = quantised(jnp.moveaxis(small, -1, -3), chrominance, rounding)
        chroma = codec.enlarge(jnp.moveaxis(planes, -3, -1))
        decoded = mixed(jnp.concatenate([luma, chroma - 128.0], -1), TO_RGB)
    return jnp.clip(decoded[..., :height, :width, :], 0.0, 255.0)


def quality_of(table: np.ndarray) -> int:
    """The quality 1 .. 100 whose luminance table [8, 8] comes nearest to the one found in a file."""
    qualities = np.arange(1, 101)
    factors = np.where(qualities < 50, 50.0 / qualities, 2.0 - qualities / 50.0)
    tables = np.clip(np.floor(LUMINANCE * factors[:, None, None] + 0.5), 1, 255)
    return int(qualities[np.argmin(np.abs(tables - table).sum(axis=(1, 2)))])
