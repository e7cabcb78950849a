"""Noise: how much of it an image holds, and a cheap way to remove it."""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.ops import blocks

NORMAL_MAD = 0.6744897501960817
"""The median of |z| for a standard normal z."""


def noise_level(image: jax.Array) -> jax.Array:
    """[..., H, W, C] -> [...]: standard deviation of white noise, in the image's own units, whatever the picture.

    The median absolute diagonal difference of 2x2 cells (the finest Haar detail), which edges barely move: Donoho,
    Johnstone 1994. Texture counts as noise; pixels at the ends of the range, where noise is cut off, pull it down. Of a
    strip one pixel wide the differences of neighbours are taken, of a single pixel none.
    """
    if min(image.shape[-3:-1]) == 1:
        strip = image.reshape(*image.shape[:-3], -1, image.shape[-1])
        if strip.shape[-2] == 1:
            return jnp.zeros(image.shape[:-3], image.dtype)
        steps = jnp.abs(jnp.diff(strip, axis=-2)) / np.sqrt(2)
        return jnp.median(steps.reshape(*steps.shape[:-2], -1), axis=-1) / NORMAL_MAD
    height, width = (n // 2 * 2 for n in image.shape[-3:-1])
    cells = image[..., :height, :width, :]
    detail = cells[..., ::2, ::2, :] - cells[..., 1::2, ::2, :] - cells[..., ::2, 1::2, :] + cells[..., 1::2, 1::2, :]
    detail = 0.5 * jnp.abs(detail)
    return jnp.median(detail.reshape(*detail.shape[:-3], -1), axis=-1) / NORMAL_MAD


def noise_level_of_bytes(image: np.ndarray) -> float:
    """`noise_level` of one uint8 image [H, W, C] of any size, in grey levels; on the host, by counting, in bands."""
    height, width = (n // 2 * 2 for n in image.shape[:2])
    counts = np.zeros(1021, np.int64)
    for top in range(0, height, 256):
        cells = image[top : min(top + 256, height), :width].astype(np.int16)
        detail = cells[::2, ::2] - cells[1::2, ::2] - cells[::2, 1::2] + cells[1::2, 1::2]
        counts += np.bincount(np.abs(detail).ravel(), minlength=1021)
    reached, total = np.cumsum(counts), counts.sum()
    middle = [int(np.searchsorted(reached, place, side="right")) for place in ((total - 1) // 2, total // 2)]
    return 0.5 * float(np.mean(middle)) / NORMAL_MAD


def opponent(channels: int) -> np.ndarray:
    """An orthonormal change of colours that parts brightness from colour: the cosine transform across channels."""
    if channels == 1:
        return np.ones((1, 1))
    return np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


def dct_threshold(image: jax.Array, sigma: jax.Array | float, *, step: int = 2, cut: float = 2.7) -> jax.Array:
    """[..., H, W, 1 or 3] -> denoised; sigma: a number or [...], in the image's units.

    Cosine coefficients of 8x8 blocks below cut * sigma are dropped, and the answers of blocks on a grid of `step`
    pixels averaged, each weighted by how few coefficients it kept: Yu, Sapiro, IPOL 2011; weights as in Guleryuz 2007.
    """
    height, width, channels = image.shape[-3:]
    colours = jnp.asarray(opponent(channels), image.dtype)
    planes = jnp.einsum("oc,...hwc->...ohw", colours, image, precision="highest")
    side = blocks.SIDE
    margins = [(0, 0)] * (planes.ndim - 2) + [(side, side + (-n) % side) for n in (height, width)]
    planes = jnp.pad(planes, margins, mode="symmetric")
    limit = cut * jnp.asarray(sigma, image.dtype)[..., None, None, None, None, None]
    shifts = np.stack(np.meshgrid(np.arange(0, side, step), np.arange(0, side, step)), -1).reshape(-1, 2)
    high, wide = (n - side for n in planes.shape[-2:])

    def add(carry: tuple, shift: jax.Array) -> tuple[tuple, None]:
        total, weight = carry
        start = [0] * (planes.ndim - 2) + [shift[0], shift[1]]
        part = jax.lax.dynamic_slice(planes, start, (*planes.shape[:-2], high, wide))
        coefficients = blocks.forward(part)
        # The mean of a block is no detail.
        kept = (jnp.abs(coefficients) > limit).at[..., :, 0, :, 0].set(True)
        trust = 1.0 / jnp.sum(kept, axis=(-3, -1), keepdims=True)
        clean = blocks.inverse(kept * coefficients * trust)
        spread = jnp.broadcast_to(trust, coefficients.shape).reshape(clean.shape)
        put = lambda sum_, x: jax.lax.dynamic_update_slice(sum_, jax.lax.dynamic_slice(sum_, start, x.shape) + x, start)
        return (put(total, clean), put(weight, spread)), None

    empty = jnp.zeros_like(planes)
    (total, weight), _ = jax.lax.scan(add, (empty, empty), jnp.asarray(shifts))
    clean = (total / jnp.maximum(weight, 1e-9))[..., side : side + height, side : side + width]
    return jnp.einsum("oc,...ohw->...hwc", colours, clean, precision="highest")


def anscombe(image: jax.Array, peak: jax.Array | float) -> jax.Array:
    """Photon counts image * peak >= 0 to a scale on which their noise has standard deviation 1."""
    return 2.0 * jnp.sqrt(jnp.maximum(image, 0.0) * peak + 0.375)


def anscombe_inverse(values: jax.Array, peak: jax.Array | float) -> jax.Array:
    """Back, unbiased for many photons."""
    return (jnp.square(values / 2.0) - 0.125) / peak
