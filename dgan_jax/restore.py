"""Restoring with a system: batches of equal size, and photographs of any size."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Measurement, System, Task
from dgan_jax.data.pipeline import to_bytes, to_unit

Run = Callable[[Measurement, jax.Array], jax.Array]
"""(y, keys [B]) -> image [B, H, W, C] in [-1, 1]."""


def restorer(system: System, variables: dict[str, Any]) -> Run:
    """`System.restore` with its variables, compiled once per shape where it is ours."""
    if system.host:
        return lambda y, keys: jnp.asarray(system.restore(variables, jax.device_get(y), keys))
    compiled = jax.jit(system.restore)
    return lambda y, keys: compiled(variables, y, keys)


def padded(array: np.ndarray, multiple: int) -> np.ndarray:
    """[H, W, C] mirrored at the bottom and the right up to multiples of `multiple`."""
    height, width = array.shape[:2]
    return np.pad(array, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="symmetric")


def offsets(length: int, tile: int, overlap: int) -> list[int]:
    """Where windows of `tile` begin so that they cover `length` and share at least `overlap`."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(i * (length - tile) / (count - 1)) for i in range(count)]


def ramp(length: int, overlap: int) -> np.ndarray:
    """Weights of a window: full in its middle, falling towards the edges that it shares."""
    edge = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    return np.minimum(1.0, edge / max(1, overlap))


def windows(run: Run, y: Measurement, key: jax.Array, *, tile: int, overlap: int) -> np.ndarray:
    """Restore [1, H, W, C] window by window and blend; windows that the hole does not touch are skipped."""
    _, height, width, _ = y["image"].shape
    high, wide = min(tile, height), min(tile, width)
    total = np.zeros(y["image"].shape, np.float64)
    weight = np.zeros((1, height, width, 1))
    window = (ramp(high, overlap)[:, None] * ramp(wide, overlap)[None, :])[None, :, :, None]
    places = [(top, left) for top in offsets(height, high, overlap) for left in offsets(width, wide, overlap)]
    for i, (top, left) in enumerate(places):
        area = np.s_[:, top : top + high, left : left + wide]
        spatial = lambda x, area=area: x[area] if x.ndim == 4 else x
        part = {name: spatial(value) for name, value in y.items()}
        if "hole" in part and not part["hole"].any():
            image = part["image"]
        else:
            image = run(part, jax.random.fold_in(key, i)[None])
        total[area] += window * np.asarray(image)
        weight[area] += window
    return (total / weight).astype(np.float32)


def check_hole(image: np.ndarray, hole: np.ndarray) -> None:
    """A ValueError for a hole that does not fit its image, or leaves nothing to do or nothing to go by."""
    if hole.shape[:2] != image.shape[:2]:
        (h, w), (high, wide) = hole.shape[:2], image.shape[:2]
        raise ValueError(f"the hole is {w}x{h} pixels, the image {wide}x{high}; give a mask of the image's size")
    if not hole.any():
        raise ValueError("the hole is empty: no pixel is marked as missing; mark the damage white, or try --polarity white-keep")
    if hole.all():
        raise ValueError("the hole covers the whole image: nothing is known; mark only the damage white, or try --polarity white-keep")


def photographs(
    system: System,
    task: Task,
    variables: dict[str, Any],
    image: np.ndarray,
    *,
    hole: np.ndarray | None = None,
    seed: int = 0,
    tile: int = 512,
    overlap: int = 64,
) -> Callable[[int], np.ndarray]:
    """Prepare a photograph of any size for restoring: the result, called with n, returns its n-th restored version.

    image: uint8 [H, W, C]; hole: [H, W, 1], 1 = missing. What is known is returned bit for bit. Photographs larger than
    `tile` on a side are restored in overlapping windows; a cheap fill of the hole is always made on the whole.
    """
    if hole is not None:
        check_hole(image, hole)
    # Rounding up to 32 as well lets photographs of similar size share a compilation.
    multiple = 1 if system.host else int(np.lcm(system.multiple, 32))
    example = {"image": to_unit(jnp.asarray(padded(image, multiple)))}
    if hole is not None:
        example["hole"] = jnp.asarray(padded(hole, multiple))
    key = jax.random.key(seed)
    y = jax.tree.map(lambda x: x[None], jax.jit(task.measure)(key, example))
    run = restorer(system, variables)
    height, width = image.shape[:2]

    def version(n: int) -> np.ndarray:
        own = jax.random.fold_in(key, n)
        if system.host:
            restored = np.asarray(run(y, own[None]))
        else:
            restored = windows(run, y, own, tile=int(np.lcm(system.multiple, tile)), overlap=overlap)
        restored = np.asarray(to_bytes(restored))[0, :height, :width]
        return restored if hole is None else np.where(hole > 0, restored, image)

    return version


