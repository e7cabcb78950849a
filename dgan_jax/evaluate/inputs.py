"""What systems are measured on: images, and their damage, the same for every system."""

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.parts import Example, Measurement, Task
from dgan_jax.data.pipeline import examples, to_bytes

Batches = Callable[[], Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]]
"""Anew at every call: (index [B], {"image": uint8 [B, H, W, C], ...})."""


def damage(task: Task, index: np.ndarray, batch: dict[str, np.ndarray], seed: int) -> Example:
    """A batch of uint8 images as a user would have them, and what is told of their damage; that of image i depends on
    (seed, i) alone."""
    keys = indexed_keys(jax.random.fold_in(jax.random.key(seed), 0), jnp.asarray(index))
    return damage_batch(task, keys, examples(batch))


@functools.partial(jax.jit, static_argnums=0)
def damage_batch(task: Task, keys: jax.Array, examples: Example) -> Example:
    return jax.vmap(task.damage)(keys, examples)


@functools.partial(jax.jit, static_argnums=0)
def observe_batch(task: Task, given: Example) -> Measurement:
    return jax.vmap(task.observe)(given)


def rows_of(given: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Some images of a batch."""
    return {name: value[rows] for name, value in given.items()}


def seen(original: np.ndarray, given: Example) -> np.ndarray:
    """uint8 [B, H, W, C], damaged images as a user sees them: a hole in flat grey, a small image in large pixels."""
    image = np.asarray(given["image"])
    if "hole" in given:
        image = image * (1 - np.asarray(given["hole"]))
    factor = original.shape[1] // image.shape[1]
    return np.asarray(to_bytes(image)).repeat(factor, axis=1).repeat(factor, axis=2)


class Measured(NamedTuple):
    """A batch: the originals, and what is given of them."""

    numbers: np.ndarray  # [B] positions in the source
    image: np.ndarray  # uint8 [B, H, W, C]
    given: Example


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The same images with the same damage, as often as they are asked for.

    `damaged` may keep what it made, for the next system or the next run of the program.
    """

    task: Task
    batches: Batches
    seed: int = 0
    damaged: Callable[[Task, np.ndarray, dict[str, np.ndarray], int], Example] = damage

    def __iter__(self) -> Iterator[Measured]:
        for index, batch in self.batches():
            index = np.asarray(index)
            yield Measured(index, np.asarray(batch["image"]), self.damaged(self.task, index, batch, self.seed))

    def some(self, wanted: Collection[int]) -> Iterator[Measured]:
        """These images alone, one at a time, each damaged as it is among the others."""
        left = set(map(int, wanted))
        for index, batch in self.batches():
            found = [row for row, i in enumerate(index) if int(i) in left]
            if found:
                given = self.damaged(self.task, np.asarray(index), batch, self.seed)
            for row in found:
                part = slice(row, row + 1)
                yield Measured(np.asarray(index)[part], np.asarray(batch["image"])[part], rows_of(given, part))
            left -= {int(index[row]) for row in found}
            if not left:
                return
