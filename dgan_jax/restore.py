"""Restoring with a system: batches of equal size, and photographs of any size."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import tasks
from dgan_jax.core.parts import Example, Measurement, System, Task
from dgan_jax.core.programs import make_room
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


def offsets(length: int, tile: int, overlap: int, step: int = 1) -> list[int]:
    """Where windows of `tile` begin so that they cover `length` and share about `overlap`: at multiples of `step`, as
    `length` and `tile` are."""
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [step * round(i * (length - tile) / step / (count - 1)) for i in range(count)]


def ramp(length: int, overlap: int) -> np.ndarray:
    """Weights of a window: full in its middle, falling towards the edges that it shares."""
    edge = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1.0
    return np.minimum(1.0, edge / max(1, overlap))


def windows(
    run: Run, y: Measurement, key: jax.Array, *, tile: int, overlap: int, known: np.ndarray | None = None
) -> np.ndarray:
    """Restore [1, H, W, C] window by window and blend.

    `tile` is a multiple of every ratio of sizes in y. Windows in which all is `known` (bool, as the image) are skipped.
    """
    _, height, width, _ = y["image"].shape
    high, wide = min(tile, height), min(tile, width)
    ratios = {name: height // value.shape[1] for name, value in y.items() if value.ndim == 4}
    step = int(np.lcm.reduce(list(ratios.values())))
    total = np.zeros(y["image"].shape, np.float64)
    weight = np.zeros((1, height, width, 1))
    window = (ramp(high, overlap)[:, None] * ramp(wide, overlap)[None, :])[None, :, :, None]
    rows, columns = offsets(height, high, overlap, step), offsets(width, wide, overlap, step)
    for i, (top, left) in enumerate((top, left) for top in rows for left in columns):
        place = lambda r, top=top, left=left: np.s_[:, top // r : (top + high) // r, left // r : (left + wide) // r]
        part = {name: value[place(ratios[name])] if name in ratios else value for name, value in y.items()}
        sound = known is not None and bool(known[place(1)].all())
        image = part["image"] if sound else run(part, jax.random.fold_in(key, i)[None])
        total[place(1)] += window * np.asarray(image)
        weight[place(1)] += window
    return (total / weight).astype(np.float32)


def check_hole(image: np.ndarray, hole: np.ndarray) -> None:
    """A ValueError for a hole that does not fit its image, or leaves nothing to do or nothing to go by."""
    if hole.shape[:2] != image.shape[:2]:
        (h, w), (high, wide) = hole.shape[:2], image.shape[:2]
        raise ValueError(f"the hole is {w}x{h} pixels, the image {wide}x{high}; give a mask of the image's size")
    if not hole.any():
        raise ValueError(
            "the hole is empty: no pixel is marked as missing; mark the damage white, or try --polarity white-keep"
        )
    if hole.all():
        raise ValueError(
            "the hole covers the whole image: nothing is known; "
            "mark only the damage white, or try --polarity white-keep"
        )


@functools.partial(jax.jit, static_argnums=0)
def observe(task: Task, example: Example) -> Measurement:
    """The measurement of one photograph, with a batch axis of one."""
    return jax.tree.map(lambda x: x[None], task.observe(example))


def check_given(task: Task, arrays: Mapping[str, Any], levels: Mapping[str, float]) -> None:
    """A ValueError for something about the damage that the task does not ask for, or a level outside its range."""
    asked = [*task.accepts, *task.ranges]
    for name in [*arrays, *levels]:
        if name not in asked:
            takes = f"it takes: {', '.join(asked)}" if asked else "leave it out"
            raise ValueError(f"the task {tasks.name_of(task)!r}, as it is set here, takes no {name}; {takes}")
    for name, level in levels.items():
        low, high = task.ranges[name]
        if not low <= level <= high:
            raise ValueError(f"{name} must be between {low:g} and {high:g}, as in training, got {level:g}")


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph made ready: called with n, it returns its n-th restored version, uint8 [H, W, C].

    `y` is its measurement, padded, with a batch axis of one: for instance with the level of noise that was estimated.
    """

    y: Measurement
    height: int
    width: int
    restore: Callable[[int], np.ndarray]

    def __call__(self, n: int) -> np.ndarray:
        return self.restore(n)[: self.height, : self.width]


def photograph(
    system: System,
    task: Task,
    variables: dict[str, Any],
    image: np.ndarray,
    *,
    hole: np.ndarray | None = None,
    kernel: np.ndarray | None = None,
    levels: Mapping[str, float] | None = None,
    seed: int = 0,
    tile: int = 512,
    overlap: int = 64,
) -> Photograph:
    """Prepare a damaged photograph of any size, uint8 [H, W, C]; what is known of the damage is the task's to ask for.

    Pixels that are known exactly are returned bit for bit. Results larger than `tile` on a side are restored in
    overlapping windows; the measurement, with its cheap first estimate, is always made on the whole.
    """
    make_room()
    arrays = {name: value for name, value in (("hole", hole), ("kernel", kernel)) if value is not None}
    check_given(task, arrays, levels or {})
    if hole is not None:
        check_hole(image, hole)
    told = {name: jnp.asarray(value, jnp.float32) for name, value in {**arrays, **(levels or {})}.items()}
    example = {"image": to_unit(jnp.asarray(image)), **told}
    height, width = image.shape[:2]
    scale = jax.eval_shape(task.observe, example)["image"].shape[0] // height
    # Rounding up to 32 as well lets photographs of similar size share a compilation.
    multiple = 1 if system.host else int(np.lcm(system.multiple, 32))
    for name in example.keys() & {"image", "hole"}:
        example[name] = jnp.asarray(padded(np.asarray(example[name]), multiple // math.gcd(multiple, scale)))
    y = observe(task, example)
    run, key = restorer(system, variables), jax.random.key(seed)
    base = math.lcm(system.multiple, scale)
    side = max(base, tile // base * base)
    known = None
    if "hole" in y:
        black, white = (task.project(jnp.full_like(y["image"], value), y) for value in (-1, 1))
        known = np.asarray(black == white)
        if known.all():
            raise ValueError("nothing is said to be wrong with the photograph; give --level KIND=VALUE or --hole MASK")

    def version(n: int) -> np.ndarray:
        own = jax.random.fold_in(key, n)
        if system.host:
            restored = run(y, own[None])
        else:
            restored = jnp.asarray(windows(run, y, own, tile=side, overlap=min(overlap, side // 2), known=known))
        return np.asarray(to_bytes(restored if known is None else task.project(restored, y)))[0]

    return Photograph(y, scale * height, scale * width, version)
