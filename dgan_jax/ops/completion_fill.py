"""Patch completion as a fill of a task, under `jit` and `vmap`: the host is called, one image at a time.

Nothing is drawn: every image has the same seed. Where no patch of 7x7 pixels is wholly known the smooth fill stands.
"""

import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from dgan_jax.ops import prefill

if TYPE_CHECKING:
    from dgan_jax.ops import completion as patches


def completion(image: jax.Array, hole: jax.Array, **level: Any) -> jax.Array:
    """One realistic completion. image: [B, H, W, C] in [-1, 1], hole: [B, H, W, 1] -> [B, H, W, C].

    `level`: `below` and `first` of the smooth fill (`prefill`); of what is reduced for a survey that fill is all.
    """

    def make(levels: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
        # Here, because it takes half a second to import numba.
        from dgan_jax.ops import completion as patches
        from dgan_jax.ops.filling import Style

        return patches.complete(levels, missing, 0, Style())

    return _called(make, image, hole, **level)


def completion_mean(image: jax.Array, hole: jax.Array, **level: Any) -> jax.Array:
    """The mean of several soft completions: blurred where they differ, with a smaller error than one of them."""

    def make(levels: np.ndarray, missing: np.ndarray) -> np.ndarray | None:
        from dgan_jax.ops import completion_mean as means

        return means.soft_mean(levels, missing, 0, runs=4)

    return _called(make, image, hole, **level)


def _called(make: "patches.Make", image: jax.Array, hole: jax.Array, **level: Any) -> jax.Array:
    shape = jax.ShapeDtypeStruct(image.shape, image.dtype)
    # The smooth fill is made out here: a callback must not run programs of JAX itself.
    smooth = prefill.coherent(image, hole, **level)
    if level.get("first"):
        return smooth
    return jax.pure_callback(functools.partial(_on_host, make), shape, image, hole, smooth, vmap_method="sequential")


def _on_host(make: "patches.Make", image: jax.Array, hole: jax.Array, smooth: jax.Array) -> np.ndarray:
    from dgan_jax.ops import completion as patches

    result = np.array(smooth)
    for own, known, missing in zip(result, np.asarray(image), np.asarray(hole)[..., 0] > 0, strict=True):
        filled = patches.fill(make, np.asarray(known, np.float32), missing)
        if filled is not None:
            own[missing] = filled[missing]
    return result
