"""The completion of least error: a mean of several, and of it as much as fake holes in the same picture say.

One completion errs by what it is unsure of, the mean of several by less. Whether a picture repeats itself, so that
patches tell more than a smooth fill, is found in holes of the same shape beside the true one, where the truth is known:
the least squares weight of the completion against the smooth fill, drawn half way to a usual one.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from dgan_jax.ops import progress
from dgan_jax.ops.completion import complete, surroundings
from dgan_jax.ops.filling import Style

SOFT = Style(reuse=0.0, copies=0, rounds=(10, 8, 6, 5, 4, 3), sweeps=3)
"""Votes to the end, sources for nothing: blurred where nothing is certain."""
FAKES, TRIED, PIXELS = 2, 200, 128
"""Fake holes; places that are tried for them; the side of the grid on which they are."""
USUAL, DRAWN = 0.35, 0.5
"""The weight of completions in pictures that chose nothing else, and how far each picture's own is drawn to it."""

Mapped = Callable[..., Iterable]
"""Like map, perhaps in several threads."""


def moved(hole: np.ndarray, down: int, right: int, upside_down: bool, mirrored: bool) -> np.ndarray:
    """The hole's shape elsewhere, cut off at the border."""
    hole = hole[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
    result = np.zeros_like(hole)
    here, there = [], []
    for shift, side in zip((down, right), hole.shape, strict=True):
        here.append(slice(max(0, -shift), min(side, side - shift)))
        there.append(slice(max(0, shift), min(side, side + shift)))
    result[tuple(there)] = hole[tuple(here)]
    return result


def fakes(hole: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Holes [H, W] of this one's shape beside it: known there as far as may be, and half the picture left."""
    step = max(1, max(hole.shape) // PIXELS)
    small, draw = hole[::step, ::step], np.random.default_rng(seed)
    found = []
    for _ in range(TRIED):
        down, right = (int(draw.integers(1 - side, side)) for side in small.shape)
        flips = bool(draw.integers(2)), bool(draw.integers(2))
        fake = moved(small, down, right, *flips)
        share, missing = np.sum(fake & ~small) / max(1, small.sum()), np.mean(fake | small)
        worth = min(share, 0.6) - 3.0 * max(0.0, missing - 0.5)
        if share > 0:
            found.append(((-round(worth, 1), abs(down) + abs(right)), (step * down, step * right, *flips)))
    return [moved(hole, *place) for _, place in sorted(found)[:count]]


def completions(image: np.ndarray, holes: list[np.ndarray], seed: int, mapped: Mapped) -> list[np.ndarray | None]:
    """A soft completion of each hole."""
    step = progress.steps(len(holes))

    def one(n: int) -> np.ndarray | None:
        found = complete(image, holes[n], seed + n, SOFT)
        step()
        return found

    return list(mapped(one, range(len(holes))))


def soft_mean(image: np.ndarray, hole: np.ndarray, seed: int, *, runs: int, mapped: Mapped = map) -> np.ndarray | None:
    """The mean of `runs` soft completions, as `complete` returns one."""
    made = completions(image, [hole] * runs, seed, mapped)
    return None if made[0] is None else np.mean(np.stack([one for one in made if one is not None]), axis=0)


def least_error(
    image: np.ndarray,
    hole: np.ndarray,
    seed: int,
    *,
    smooth: Callable[[np.ndarray, np.ndarray], np.ndarray],
    runs: int,
    mapped: Mapped = map,
) -> np.ndarray | None:
    """`runs` soft completions and the smooth fill, mixed, as `complete` returns one.

    smooth: (image, hole) -> filled [H, W, C], in levels of 255. The last completions fill fake holes as well, as far as
    `runs` leaves two for the true one alone.
    """
    box = surroundings(hole, SOFT)
    image, hole = image[box], hole[box]
    wider = [hole | fake for fake in fakes(hole, min(FAKES, max(0, runs - 2)), seed)]
    holes = [hole] * (runs - len(wider)) + wider
    made = completions(image, holes, seed, mapped)
    if made[0] is None:
        return None
    within = [values[hole[own]] for values, own in zip(made, holes, strict=True) if values is not None]
    mean, spread = np.mean(within, axis=0), np.var(within, axis=0, ddof=1).mean() if len(within) > 1 else 0.0
    trials = [
        (values, smooth(image, own)[own], image[own], ~hole[own])
        for values, own in zip(made, holes, strict=True)
        if values is not None and own is not hole
    ]
    base = smooth(image, hole)[hole]
    return base + weight(trials, spread * (1.0 - 1.0 / len(within))) * (mean - base)


def weight(trials: Sequence[tuple[np.ndarray, ...]], noise: float) -> float:
    """How much of the completion to take, of (completed, smooth, true [n, C], counts [n] of bool) in each fake hole.

    noise: by how much the mean square of the completion's difference is larger for one run than for the mean of all.
    """
    gain = power = 0.0
    for completed, smooth, true, counts in trials:
        apart = (smooth - completed)[counts].astype(np.float64)
        square = float(np.sum(apart**2))
        gain += float(np.sum(apart * (smooth - true)[counts]))
        power += max(square - noise * apart.size, 0.1 * square)
    if power <= 0:
        return USUAL
    return (1.0 - DRAWN) * min(max(gain / power, 0.0), 1.0) + DRAWN * USUAL
