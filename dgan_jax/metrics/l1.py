"""Mean absolute error in percent of the range, one value per image, as papers on inpainting report it.

Images are float [B, H, W, C] in [0, 1]. Over the whole image with the known pixels put back (DeepFill, partial
convolutions), and over the missing pixels alone; the first is the second times the share that is missing.
"""

import jax
import jax.numpy as jnp

from dgan_jax.metrics.planes import check_hole, check_pair


def l1(restored: jax.Array, original: jax.Array) -> jax.Array:
    """[B] percent, over all pixels and channels."""
    check_pair(restored, original)
    return 100.0 * jnp.mean(jnp.abs(restored - original), axis=(1, 2, 3))


def l1_hole(restored: jax.Array, original: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[B] percent, over the missing pixels (all channels of them); NaN where nothing is missing."""
    check_pair(restored, original)
    missing = check_hole(hole, original, "l1_hole")
    error = jnp.sum(jnp.abs(restored - original) * missing, axis=(1, 2, 3))
    return 100.0 * error / (jnp.sum(missing, axis=(1, 2, 3)) * original.shape[-1])
