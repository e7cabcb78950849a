"""Sliced Wasserstein distance of two sets of images, on patches of their Laplacian pyramids.

Karras, Aila, Laine, Lehtinen, "Progressive growing of GANs", ICLR 2018 (arXiv 1710.10196), section 5: do the two sets
show the same small-scale structure, at each scale? Images [B, H, W, C] in any range, sides from 16.

Nothing is random: patches lie at places that are a function of the image's size (and hole), directions are fixed. So
two equal sets are exactly 0 apart, and batches may be of any size. The figure falls with the number of images: compare
only figures of equally many.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Array
from dgan_jax.metrics.planes import check_hole

SIDE, COUNT, LEAST = 7, 128, 16
"""Side of a patch, patches per image and level, and the least side of a level."""
DIRECTIONS, AT_ONCE = 512, 64
BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16

Levels = dict[str, jax.Array]
"""Patches by level, "0" is the finest: [B, COUNT, SIDE, SIDE, C]."""


def blur(images: jax.Array, gain: float = 1.0) -> jax.Array:
    """The 5x5 binomial filter; the image is mirrored at its border, its edge not repeated."""
    for axis in (1, 2):
        padded = jnp.pad(images, [(2, 2) if i == axis else (0, 0) for i in range(4)], mode="reflect")
        parts = (jax.lax.slice_in_dim(padded, i, i + images.shape[axis], axis=axis) for i in range(5))
        images = jnp.asarray(sum(gain * tap * part for tap, part in zip(BINOMIAL.tolist(), parts, strict=True)))
    return images


def pyramid(images: jax.Array) -> list[jax.Array]:
    """Differences between a level and what the next coarser one tells of it, finest first; the last is no difference.

    A level has half the side of the one before, rounded up, and never less than 16.
    """
    if min(images.shape[1:3]) < LEAST:
        raise ValueError(f"the sliced Wasserstein distance needs sides of at least {LEAST}, got {images.shape[1:3]}")
    levels = [images]
    while (min(levels[-1].shape[1:3]) + 1) // 2 >= LEAST:
        fine = levels[-1]
        coarse = blur(fine)[:, ::2, ::2]
        # Zeros between pixels, so that blurring needs a gain of 2 along each axis.
        spread = jnp.zeros_like(fine).at[:, ::2, ::2].set(coarse)
        levels[-1] = fine - blur(spread, 2.0)
        levels.append(coarse)
    return levels


def cut(image: jax.Array, rows: Array, columns: Array) -> jax.Array:
    """Patches of [H, W, C] whose upper left corners are at `rows`, `columns` [n]: [n, SIDE, SIDE, C]."""
    reach = np.arange(SIDE)
    return image[(rows[:, None] + reach)[:, :, None], (columns[:, None] + reach)[:, None, :]]


def anywhere(images: jax.Array, hole: jax.Array | None = None) -> Levels:
    """Patches at places that are drawn once for a level's size; the hole plays no part."""
    del hole
    found = {}
    for number, level in enumerate(pyramid(images)):
        height, width = level.shape[1:3]
        draw = np.random.default_rng((height, width))
        rows, columns = (draw.integers(0, n - SIDE + 1, COUNT) for n in (height, width))
        found[str(number)] = jax.vmap(lambda image: cut(image, rows, columns))(level)
    return found


def in_hole(images: jax.Array, hole: jax.Array | None) -> Levels:
    """Patches around missing pixels, each of which is as likely; NaN for an image where nothing is missing.

    On a coarser level a pixel is missing if any of the four is that it stands for. A patch that would reach over the
    border is moved inside.
    """
    missing, found = check_hole(hole, images, "swd_hole")[..., 0] > 0, {}
    for number, level in enumerate(pyramid(images)):
        if number:
            odd = [(0, side % 2) for side in missing.shape[1:]]
            padded = jnp.pad(missing, ((0, 0), *odd))
            batch, height, width = padded.shape
            missing = jnp.any(padded.reshape(batch, height // 2, 2, width // 2, 2), axis=(2, 4))
        shares = jnp.asarray(np.random.default_rng(missing.shape[1:]).random(COUNT), jnp.float32)
        found[str(number)] = jax.vmap(lambda image, own: around(image, own, shares))(level, missing)
    return found


def around(image: jax.Array, missing: jax.Array, shares: jax.Array) -> jax.Array:
    """Patches of [H, W, C] around the missing pixels that lie at `shares` [n] of the way through all of them."""
    height, width = missing.shape
    passed = jnp.cumsum(missing.ravel())
    # The first place by which more than floor(share * count) missing pixels have been passed is itself missing.
    rank = jnp.minimum(jnp.floor(shares * passed[-1]), passed[-1] - 1).astype(passed.dtype)
    place = jnp.minimum(jnp.searchsorted(passed, rank, side="right"), height * width - 1)
    corner = lambda centre, side: jnp.clip(centre - SIDE // 2, 0, side - SIDE)
    patches = cut(image, corner(place // width, height), corner(place % width, width))
    return jnp.where(passed[-1] > 0, patches, jnp.nan)


def levels(restored: Levels, original: Levels, *, scaled_alike: bool = False) -> dict[str, float]:
    """The distance x 1000 on each level, of all patches of two sets [N, ...] and [M, ...]; NaN patches do not count.

    `scaled_alike`: both sets by the mean and deviation of the originals, so that lost contrast counts too.
    """
    found = {}
    for name in original:
        fake, real = (flat(patches[name]) for patches in (restored, original))
        if len(real) and len(fake):
            own = moments(fake) if not scaled_alike else moments(real)
            found[name] = 1000.0 * sliced(scale(fake, *own), scale(real, *moments(real)))
    return found


def distance(restored: Levels, original: Levels, *, scaled_alike: bool = False) -> float:
    """The mean over levels; NaN if no image has a patch."""
    values = levels(restored, original, scaled_alike=scaled_alike).values()
    return math.fsum(values) / len(values) if values else math.nan


def flat(patches: jax.Array) -> np.ndarray:
    """[N, COUNT, SIDE, SIDE, C] -> [n, SIDE^2, C] of those that are numbers."""
    whole = np.asarray(patches, np.float32)
    whole = whole.reshape(-1, SIDE * SIDE, whole.shape[-1])
    return whole[~np.isnan(whole[:, 0, 0])]


def moments(patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel [C], the latter 1 where nothing varies."""
    mean = np.mean(patches, axis=(0, 1), dtype=np.float64)
    std = np.std(patches, axis=(0, 1), dtype=np.float64)
    return np.asarray(mean), np.where(std > 0, std, 1.0)


def scale(patches: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """[n, SIDE^2, C] -> [n, SIDE^2 C] float32."""
    return ((patches - mean) / std).astype(np.float32).reshape(len(patches), -1)


def sliced(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over fixed directions of the 1-Wasserstein distance between projections of the points [n, d] and [m, d]."""
    dirs = np.random.default_rng(0).standard_normal((a.shape[1], DIRECTIONS))
    dirs = (dirs / np.linalg.norm(dirs, axis=0)).astype(np.float32)
    length, total = max(len(a), len(b)), 0.0
    for start in range(0, DIRECTIONS, AT_ONCE):
        part = dirs[:, start : start + AT_ONCE]
        shadows = [quantiles(points @ part, length) for points in (a, b)]
        total += float(np.mean(np.abs(shadows[0] - shadows[1]), dtype=np.float64)) * part.shape[1]
    return total / DIRECTIONS


def quantiles(values: np.ndarray, length: int) -> np.ndarray:
    """[n, k] -> [length, k] in rising order; the shorter of two sets repeats its values evenly."""
    values = np.sort(values, axis=0)
    if len(values) == length:
        return values
    return values[((np.arange(length) + 0.5) * len(values) / length).astype(int)]
