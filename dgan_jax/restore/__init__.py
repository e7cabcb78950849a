"""Restoring with a system: pictures of any size, one or many, and what is known of a photograph checked before."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import tasks
from dgan_jax.core import shelf
from dgan_jax.core.parts import Measurement, System, Task
from dgan_jax.restore.runner import Observe, Prepared, Runner, Whole, unseen

__all__ = [
    "Observe",
    "Photograph",
    "Prepared",
    "Runner",
    "check_given",
    "check_hole",
    "photograph",
    "restorer",
    "unseen",
]

Run = Callable[[Measurement, jax.Array], jax.Array]
"""(y, keys [B]) -> image [B, H, W, C] in [-1, 1]."""


def restorer(system: System, variables: dict[str, Any]) -> Run:
    """`System.restore` with its variables, compiled once per shape where it is ours."""
    if system.host:
        return lambda y, keys: jnp.asarray(system.restore(variables, jax.device_get(y), keys))
    compiled = jax.jit(system.restore)
    return lambda y, keys: compiled(variables, y, keys)


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
    """A photograph made ready: called with n, it returns its n-th restored version, [H, W, C].

    `observe` of a call is told (windows done, windows in all). uint16 where the photograph is, else uint8.
    """

    prepared: Prepared
    seed: int

    @property
    def y(self) -> Measurement:
        """Its measurement, with a batch axis of one, or that of its first window: for instance with the level of noise
        that was estimated."""
        return self.prepared.y

    def __call__(self, n: int, observe: Observe = unseen) -> np.ndarray:
        return self.prepared(keys_of(self.seed, n), observe)[0]


def keys_of(seed: int, n: int) -> jax.Array:
    """[1]: the key of the n-th version."""

    def data(seed: jax.Array | int, n: jax.Array | int) -> jax.Array:
        # Folded once more: by 0, as the first of its windows had it.
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), n), 0)
        return jax.random.key_data(key)[None]

    if not 0 <= seed < 2**31:
        return jax.random.wrap_key_data(data(seed, n))
    # Three little programs, which take longer to trace and to compile than a photograph to restore.
    numbers = np.int32(seed), np.int32(n)
    return jax.random.wrap_key_data(shelf.program(shelf.named("keys of a version"), data, *numbers)[0](*numbers))


def photograph(
    runner: Runner,
    image: np.ndarray,
    *,
    hole: np.ndarray | None = None,
    kernel: np.ndarray | None = None,
    levels: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Photograph:
    """Prepare a damaged photograph of any size, uint8 or uint16 [H, W, C].

    What is known of the damage is the task's to ask for. Pixels that are known exactly are returned bit for bit.
    """
    arrays = {name: value for name, value in (("hole", hole), ("kernel", kernel)) if value is not None}
    check_given(runner.task, arrays, levels or {})
    if hole is not None:
        check_hole(image, hole)
    given: dict[str, Any] = {"image": image[None]}
    for name, value in {**arrays, **(levels or {})}.items():
        array = np.asarray(value)
        # A mask stays as small as it is.
        given[name] = (array if array.dtype == np.bool_ else array.astype(np.float32))[None]
    if hole is None and runner.sound(given).all():
        if runner.task.ranges:
            raise ValueError("nothing is said to be wrong with the photograph; give --level KIND=VALUE or --hole MASK")
        raise ValueError("inpainting needs a hole, the mask of the missing pixels; give --hole MASK, white = missing")
    made = Photograph(runner.prepare(given), seed)
    if isinstance(made.prepared, Whole):
        _ = made.y  # what the task misses is said here, not when the first version is asked for
    return made
