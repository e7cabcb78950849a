"""Gaussian noise, of a whole image or of a window of a field without end.

A photograph that is larger than a window is restored window by window. Where two windows overlap they must draw the
same, or their average is paler than either: so what a window draws is a function of its place.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Measurement

BLOCK = 64
"""Side of the blocks that the field is drawn in: one key a block."""


def normal(key: jax.Array, shape: Sequence[int], place: jax.Array | None = None) -> jax.Array:
    """float32 [H, W, C], standard normal. `place` [2] int32: the window's top and left in the field of this key, which
    has one value for each row, column and channel, whatever window shows it. Without a place: `jax.random.normal`."""
    if place is None:
        return jax.random.normal(key, tuple(shape))
    height, width, channels = shape
    # One block more than fits: a window may begin anywhere inside its first one.
    rows, columns = (jnp.arange(-(-side // BLOCK) + 1) for side in (height, width))
    first, within = place // BLOCK, place % BLOCK

    def block(row: jax.Array, column: jax.Array) -> jax.Array:
        own = jax.random.fold_in(jax.random.fold_in(key, first[0] + row), first[1] + column)
        return jax.random.normal(own, (BLOCK, BLOCK, channels))

    blocks = jax.vmap(lambda row: jax.vmap(lambda column: block(row, column))(columns))(rows)
    field = blocks.transpose(0, 2, 1, 3, 4).reshape(BLOCK * len(rows), BLOCK * len(columns), channels)
    return jax.lax.dynamic_slice(field, (within[0], within[1], 0), (height, width, channels))


def normals(keys: jax.Array, shape: Sequence[int], places: jax.Array | None = None) -> jax.Array:
    """[B, H, W, C]: `normal` of each of [B] keys at each of [B, 2] places."""
    if places is None:
        return jax.vmap(lambda key: normal(key, shape))(keys)
    return jax.vmap(lambda key, place: normal(key, shape, place))(keys, places)


def places(y: Measurement, height: int) -> jax.Array | None:
    """[B, 2]: where the windows that y measures lie in their photographs, in pixels of a code of this height; None of
    whole photographs. Windows begin at multiples of `System.multiple`, so that nothing is lost."""
    return y["place"] // (y["image"].shape[1] // height) if "place" in y else None
