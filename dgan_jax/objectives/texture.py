"""How far apart the textures of two images are: the sliced Wasserstein distance of their small neighbourhoods.

Deshpande et al., "Generative Modeling using the Sliced Wasserstein Distance" (arXiv 1803.11188), and Heitz et al., "A
Sliced Wasserstein Loss for Neural Texture Synthesis" (arXiv 2006.07229), of codes in place of a network's features. It
asks that what is drawn be as rough as the original, not that it lie in the same places. Nothing is trained for it.
"""

import jax
import jax.numpy as jnp

SIDE, COUNT = 3, 32
"""Neighbourhoods of SIDE x SIDE places, seen along so many directions."""
FLAT = 0.01
"""Added to spreads: what varies by less counts as flat."""


def draw_directions(key: jax.Array, channels: int) -> jax.Array:
    """[SIDE^2 channels, COUNT], of length one."""
    drawn = jax.random.normal(key, (SIDE * SIDE * channels, COUNT))
    return drawn / jnp.linalg.norm(drawn, axis=0)


def along(code: jax.Array, directions: jax.Array) -> jax.Array:
    """[B, H, W, C] -> [B, places, COUNT], in ascending order along each direction [B, SIDE^2 C, COUNT]."""
    around = jax.lax.conv_general_dilated_patches(
        code, (SIDE, SIDE), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jnp.sort(around.reshape(code.shape[0], -1, around.shape[-1]) @ directions, axis=1)


def apart(code: jax.Array, truth: jax.Array, directions: jax.Array) -> jax.Array:
    """[B] 1-Wasserstein distance, mean over directions, each in units of the truth's mean absolute deviation.

    code, truth: [B, H, W, C]; directions: [B, SIDE^2 C, COUNT].
    """
    ours, theirs = along(code, directions), along(truth, directions)
    spread = jnp.mean(jnp.abs(theirs - jnp.mean(theirs, axis=1, keepdims=True)), axis=1, keepdims=True)
    return jnp.mean(jnp.abs(ours - theirs) / (spread + FLAT), axis=(1, 2))
