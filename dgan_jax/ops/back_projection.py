"""Making an enlarged image agree with the small one that it came from, by iteration.

Both filters add what the reduced image lacks, enlarged again; ESRGAN's entry to PIRM 2018 used the second. The exact
answer in one step is x + A+ (low - A x) with `resize.reduce_pseudo_inverse`. Images are [..., H, W, C], any range.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.ops import resize


def _iterate(
    image: jax.Array, low: jax.Array, steps: int, name: str, spread: Callable[[jax.Array], jax.Array]
) -> jax.Array:
    factor = image.shape[-2] // low.shape[-2]

    def step(x: jax.Array, _: None) -> tuple[jax.Array, None]:
        lacking = low - resize.reduce(x, factor, name)
        return x + spread(resize.enlarge(lacking, factor, name)), None

    return jax.lax.scan(step, image, None, length=steps)[0]


def reverse_filter(image: jax.Array, low: jax.Array, *, steps: int = 20, name: str = "matlab") -> jax.Array:
    """x += up(low) - up(down(x)). image: [..., f h, f w, C], low: [..., h, w, C]."""
    return _iterate(image, low, steps, name, lambda x: x)


def squared_gaussian(size: int = 5, sigma: float = 1.0) -> np.ndarray:
    """[size] taps whose outer product is a squared Gaussian of sum 1."""
    taps = np.exp(-np.square((np.arange(size) - size // 2) / sigma))
    return taps / taps.sum()


def back_projection(image: jax.Array, low: jax.Array, *, steps: int = 20, name: str = "matlab") -> jax.Array:
    """x += p * up(low - down(x)), with p a squared 5x5 Gaussian and zeros beyond the border (Irani, Peleg 1991)."""
    taps = squared_gaussian()

    def spread(x: jax.Array) -> jax.Array:
        for axis in (x.ndim - 3, x.ndim - 2):
            reach = len(taps) // 2
            padded = jnp.pad(x, [(reach, reach) if i == axis else (0, 0) for i in range(x.ndim)])
            parts = (jax.lax.slice_in_dim(padded, j, j + x.shape[axis], axis=axis) for j in range(len(taps)))
            x = jnp.asarray(sum(float(tap) * part for tap, part in zip(taps, parts, strict=True)))
        return x

    return _iterate(image, low, steps, name, spread)
