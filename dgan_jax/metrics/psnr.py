"""Peak signal-to-noise ratio in dB, one value per image.

Images are float [B, H, W, C] in [0, 1], peak 1; quantise first (`planes.eight_bit`), for without rounding the second
decimal moves. The mean over a set is the mean of these values, never the dB of a pooled error. Identical images give
infinity: a report counts them and leaves them out of the means (`intervals.counted`).
"""

import jax
import jax.numpy as jnp

from dgan_jax.metrics.planes import check_hole, check_pair, luma, shave


def decibel(square_error: jax.Array) -> jax.Array:
    """10 log10(1 / MSE) for a peak of 1; an error of zero gives infinity."""
    return -10.0 * jnp.log10(square_error)


def psnr(restored: jax.Array, original: jax.Array, *, crop: int = 0, bias: float = 0.0) -> jax.Array:
    """[B] dB; the error is averaged over pixels and channels jointly, after `crop` pixels are cut off each side.

    `bias` is added to the error: BasicSR's tensor version has 1e-8, and so never passes 80 dB.
    """
    check_pair(restored, original)
    error = jnp.square(shave(restored, crop) - shave(original, crop))
    return decibel(jnp.mean(error, axis=(1, 2, 3)) + bias)


def psnr_y(restored: jax.Array, original: jax.Array, *, crop: int = 0, bias: float = 0.0) -> jax.Array:
    """[B] dB of the unrounded BT.601 Y plane, as super-resolution reports it with `crop` = scale."""
    check_pair(restored, original)
    return psnr(luma(restored), luma(original), crop=crop, bias=bias)


def psnr_hole(restored: jax.Array, original: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[B] dB of the missing pixels alone (all channels of them); NaN where nothing is missing.

    With the known pixels put back, this is the whole image's PSNR less 10 log10(1 / coverage).
    """
    check_pair(restored, original)
    missing = check_hole(hole, original, "psnr_hole")
    error = jnp.sum(jnp.square(restored - original) * missing, axis=(1, 2, 3))
    return decibel(error / (jnp.sum(missing, axis=(1, 2, 3)) * original.shape[-1]))
