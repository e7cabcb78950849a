"""Contextual attention: what is missing is pasted together from patches of what is known, by their likeness.

Yu et al., "Generative Image Inpainting with Contextual Attention", CVPR 2018, arXiv 1801.07892, section 4.1, in the
form of the released TensorFlow code. Maps are compared at half their size and pasted from whole patches.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

RATE, PATCH, SHARPNESS, LEAST = 2, 3, 10.0, 1e-4


def thinned(x: jax.Array, factor: int) -> jax.Array:
    """[B, H, W, C] -> [B, H / factor, W / factor, C]: nearest pixels, both corners kept in place."""
    for axis in (1, 2):
        size = x.shape[axis]
        places = np.floor(np.linspace(0, size - 1, size // factor) + 0.5).astype(int)
        x = jnp.take(x, jnp.asarray(places), axis=axis)
    return x


def patches(x: jax.Array, size: int, stride: int) -> jax.Array:
    """[B, H, W, C] -> [B, places, C size size], zeros around the border as TensorFlow's SAME has them."""
    found = jax.lax.conv_general_dilated_patches(
        x, (size, size), (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return found.reshape(x.shape[0], -1, found.shape[-1])


def smoothed(scores: jax.Array) -> jax.Array:
    """[B, P, Q]: each score plus those of the pairs of places one before and one after both of it."""
    wide = jnp.pad(scores, ((0, 0), (1, 1), (1, 1)))
    height, width = scores.shape[1:]
    return wide[:, :height, :width] + scores + wide[:, 2:, 2:]


def fused(scores: jax.Array, sides: tuple[int, int]) -> jax.Array:
    """[B, P, Q], P = Q = h w: neighbours along rows, then along columns, should be matched by neighbours."""
    height, width = sides
    swapped = lambda x, a, b: x.reshape(-1, a, b, a, b).transpose(0, 2, 1, 4, 3).reshape(x.shape)
    return swapped(smoothed(swapped(smoothed(scores), height, width)), width, height)


def attend(foreground: jax.Array, background: jax.Array, hole: jax.Array, *, fuse: bool = True) -> jax.Array:
    """`foreground` [B, h, w, C] rebuilt from patches of `background`, of the same shape.

    hole: [B or 1, H, W, 1], H and W a multiple of 4 of the maps' sides, which are even. Patches that touch the hole get
    the score 0 before the softmax, so that they take part of it, and the weight 0 behind it.
    """
    if foreground.shape != background.shape or foreground.shape[1] % RATE or foreground.shape[2] % RATE:
        raise ValueError(
            f"attention compares two maps of one shape and even sides, got {foreground.shape} and {background.shape}; "
            "try images whose sides are multiples of 8"
        )
    small = thinned(foreground, RATE)
    sides = small.shape[1], small.shape[2]
    ours, theirs = (patches(x, PATCH, 1) for x in (small, thinned(background, RATE)))
    squared = jnp.sum(jnp.square(theirs), axis=-1, keepdims=True)
    # Flat patches have no length; the root's slope at 0 must not meet the limit.
    lengths = jnp.sqrt(jnp.maximum(squared, LEAST**2))
    scores = jnp.einsum("bpc,bqc->bpq", ours, theirs / lengths)
    if fuse:
        scores = fused(scores, sides)
    apart = hole.shape[1] // sides[0]
    whole = jnp.all(patches(thinned(hole, apart), PATCH, 1) == 0, axis=-1)[:, None, :].astype(scores.dtype)
    weights = jax.nn.softmax(scores * whole * SHARPNESS, axis=-1) * whole
    raw = functools.partial(patches, size=2 * RATE, stride=RATE)
    pasted = jnp.einsum("bpq,bqc->bpc", weights, raw(background))
    # Laying patches over one another is the transpose of cutting them out.
    (overlaid,) = jax.linear_transpose(raw, background)(pasted)
    return overlaid / RATE**2
