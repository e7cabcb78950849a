"""Intervals by the bootstrap: images are drawn again with replacement, and the figure is computed of each draw.

Efron, "Bootstrap methods: another look at the jackknife", 1979; percentile intervals of 95 %. The draws depend on the
seed and on the number of images alone, so that all systems are resampled alike and a rerun prints the same digits.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

PER_IMAGE, PER_SET = 1000, 50
"""Draws for means of per-image figures, and for figures of a whole set, each of which takes seconds."""
LOW, HIGH = 2.5, 97.5
CHUNK = 100


class Figure(NamedTuple):
    """A figure and its 95 % interval; `low` and `high` are None where resampling says nothing."""

    value: float
    low: float | None = None
    high: float | None = None


def draws(count: int, repeats: int, seed: int) -> Iterator[np.ndarray]:
    """Numbers of images, [some, count] at a time, `repeats` rows in all."""
    generator = np.random.default_rng((seed, count))
    for first in range(0, repeats, CHUNK):
        yield generator.integers(0, count, (min(CHUNK, repeats - first), count))


def ends(values: np.ndarray) -> tuple[float, float]:
    """The percentiles of [R] resampled figures; an infinite one counts as it is."""
    low, high = np.percentile(values, (LOW, HIGH), method="inverted_cdf")
    return float(low), float(high)


def counted(rows: Sequence[np.ndarray]) -> np.ndarray:
    """[N] bool: the images that go into the means of systems whose figures are `rows`, [N] each.

    A picture that a system restores exactly has an infinite PSNR and would make every mean infinite; one without a
    hole has none at all. Both are left out for all systems alike, so that their means are of the same pictures. Where
    nothing would be left, nothing is left out.
    """
    finite = np.all(np.isfinite(np.stack([np.asarray(row, np.float64) for row in rows])), axis=0)
    return finite if finite.any() else np.ones_like(finite)


def mean(values: np.ndarray, *, seed: int = 0, repeats: int = PER_IMAGE) -> Figure:
    """The mean of those of [N] figures of images that are finite, or of all if none is. One image has no interval."""
    values = np.asarray(values, np.float64)
    values = values[counted([values])]
    if len(values) < 2:
        return Figure(float(np.mean(values)))
    resampled = np.concatenate([values[rows].mean(axis=1) for rows in draws(len(values), repeats, seed)])
    return Figure(float(np.mean(values)), *ends(resampled))


def of_set(
    figure: Callable[[Any, Any], float], restored: Any, originals: Any, count: int, *, seed: int = 0,
    repeats: int = PER_SET,
) -> Figure:  # fmt: skip
    """A figure of two sets of `count` images each; an image and its original are drawn together."""
    take = lambda tree, rows: jax.tree.map(lambda leaf: leaf[rows], tree)
    value = float(figure(restored, originals))
    if count < 2:
        return Figure(value)
    every = (rows for some in draws(count, repeats, seed) for rows in some)
    return Figure(value, *ends(np.array([figure(take(restored, rows), take(originals, rows)) for rows in every])))


def alike(first: np.ndarray, second: np.ndarray, *, seed: int = 0, repeats: int = PER_IMAGE) -> bool:
    """Whether two systems' figures [N] of the same images differ on average within noise: the 95 % interval of the
    mean of their differences, image by image (those of `counted`), contains 0. One image tells nothing: alike."""
    both = counted([first, second])
    first, second = np.asarray(first, np.float64)[both], np.asarray(second, np.float64)[both]
    # Two infinite figures of one image are equal, their difference is not a number.
    different = first != second
    gain = np.subtract(first, second, out=np.zeros_like(first), where=different)
    if len(gain) < 2:
        return True
    low, high = ends(np.concatenate([gain[rows].mean(axis=1) for rows in draws(len(gain), repeats, seed)]))
    # So written, what is not a number (infinities of both signs) counts as noise.
    return not (low > 0.0 or high < 0.0)
