"""How far apart the textures of two images are: the sliced Wasserstein distance of their small neighbourhoods.

Deshpande et al., "Generative Modeling using the Sliced Wasserstein Distance" (arXiv 1803.11188), and Heitz et al., "A
Sliced Wasserstein Loss for Neural Texture Synthesis" (arXiv 2006.07229), of pixels in place of a network's features, at
several scales, and window by window: it asks that what is drawn be as rough as the original around there, not that it
lie in the same places. Over whole images it would let fur grow on a wall; of wavelet codes, which are blocks of pixels,
it would let the blocks show. Nothing is trained for it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

SIDE, COUNT, LEVELS = 7, 32, 4
"""Neighbourhoods of SIDE x SIDE pixels, seen along so many directions, at full size, at half of it, and so on."""
STRIDE, WINDOW = 2, 8
"""Every STRIDE-th neighbourhood is looked at; WINDOW x WINDOW of them are compared as a set."""
FLAT = 0.01
"""Added to spreads: what varies by less, about a level of 255, counts as flat."""


class Slices(NamedTuple):
    """Randomness of one comparison."""

    directions: jax.Array  # [LEVELS, SIDE^2 C, COUNT], of length one
    shift: jax.Array  # [2], of the grid of windows


def draw_slices(key: jax.Array, channels: int) -> Slices:
    """For one image of C channels."""
    keys = jax.random.split(key)
    drawn = jax.random.normal(keys[0], (LEVELS, SIDE * SIDE * channels, COUNT))
    return Slices(drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True), jax.random.randint(keys[1], (2,), 0, WINDOW))


def along(image: jax.Array, directions: jax.Array, shift: jax.Array) -> jax.Array:
    """[B, H, W, C] -> [B, windows, places, COUNT], in ascending order along each direction [B, SIDE^2 C, COUNT]."""
    around = jax.lax.conv_general_dilated_patches(
        image, (SIDE, SIDE), (STRIDE, STRIDE), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    seen = jnp.einsum("bhwc,bcn->bhwn", around, directions)
    seen = jax.vmap(lambda one, by: jnp.roll(one, by, axis=(0, 1)))(seen, shift)
    batch, height, width, _ = seen.shape
    side = min(WINDOW, height, width)
    rows, columns = height // side, width // side
    cut = seen[:, : rows * side, : columns * side].reshape(batch, rows, side, columns, side, COUNT)
    return jnp.sort(cut.swapaxes(2, 3).reshape(batch, rows * columns, side * side, COUNT), axis=2)


def apart(image: jax.Array, truth: jax.Array, slices: Slices) -> jax.Array:
    """[B] 1-Wasserstein distance in units of the truth's mean deviation, mean over scales, windows and directions.

    image, truth: [B, H, W, C]; slices: with a leading axis B. Scales at which an image has less than SIDE pixels are
    left out.
    """
    found = []
    for level in range(LEVELS):
        if level and min(image.shape[1:3]) < 2 * SIDE:
            break
        image, truth = (nn.avg_pool(x, (2, 2), (2, 2)) if level else x for x in (image, truth))
        ours, theirs = (along(x, slices.directions[:, level], slices.shift) for x in (image, truth))
        spread = jnp.mean(jnp.abs(theirs - jnp.mean(theirs, axis=2, keepdims=True)), axis=2, keepdims=True)
        found.append(jnp.mean(jnp.abs(ours - theirs) / (spread + FLAT), axis=(1, 2, 3)))
    return jnp.mean(jnp.stack(found), axis=0)
