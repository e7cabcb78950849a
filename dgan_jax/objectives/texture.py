"""How far apart the textures of two images are: the sliced Wasserstein distance of their small neighbourhoods.

Deshpande et al., "Generative Modeling using the Sliced Wasserstein Distance" (arXiv 1803.11188), and Heitz et al., "A
Sliced Wasserstein Loss for Neural Texture Synthesis" (arXiv 2006.07229), of codes in place of a network's features, and
window by window: it asks that what is drawn be as rough as the original around there, not that it lie in the same
places. Over whole images it would let fur grow on a wall. Nothing is trained for it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

SIDE, COUNT = 3, 32
"""Neighbourhoods of SIDE x SIDE places, seen along so many directions."""
WINDOW = 8
"""Neighbourhoods of WINDOW x WINDOW places are compared as a set."""
FLAT = 0.1
"""Added to spreads: what varies by less counts as flat."""


class Slices(NamedTuple):
    """Randomness of one comparison."""

    directions: jax.Array  # [SIDE^2 C, COUNT], of length one
    shift: jax.Array  # [2], of the grid of windows


def draw_slices(key: jax.Array, channels: int) -> Slices:
    """For one image of C channels."""
    keys = jax.random.split(key)
    drawn = jax.random.normal(keys[0], (SIDE * SIDE * channels, COUNT))
    return Slices(drawn / jnp.linalg.norm(drawn, axis=0), jax.random.randint(keys[1], (2,), 0, WINDOW))


def along(code: jax.Array, slices: Slices) -> jax.Array:
    """[B, H, W, C] -> [B, windows, places, COUNT], in ascending order along each direction."""
    around = jax.lax.conv_general_dilated_patches(
        code, (SIDE, SIDE), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    seen = jnp.einsum("bhwc,bcn->bhwn", around, slices.directions)
    seen = jax.vmap(lambda one, shift: jnp.roll(one, shift, axis=(0, 1)))(seen, slices.shift)
    batch, height, width, _ = seen.shape
    side = min(WINDOW, height, width)
    rows, columns = height // side, width // side
    cut = seen[:, : rows * side, : columns * side].reshape(batch, rows, side, columns, side, COUNT)
    return jnp.sort(cut.swapaxes(2, 3).reshape(batch, rows * columns, side * side, COUNT), axis=2)


def apart(code: jax.Array, truth: jax.Array, slices: Slices) -> jax.Array:
    """[B] 1-Wasserstein distance, mean over windows and directions, in units of the truth's mean absolute deviation.

    code, truth: [B, H, W, C]; slices: with a leading axis B.
    """
    ours, theirs = along(code, slices), along(truth, slices)
    spread = jnp.mean(jnp.abs(theirs - jnp.mean(theirs, axis=2, keepdims=True)), axis=2, keepdims=True)
    return jnp.mean(jnp.abs(ours - theirs) / (spread + FLAT), axis=(1, 2, 3))
