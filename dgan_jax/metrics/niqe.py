"""NIQE: how far an image's local statistics are from those of good photographs, without an original.

Mittal, Soundararajan, Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal Processing Letters
20(3), 2013: 36 features of blocks at two scales, a Gaussian for those of good photographs and one for those of the
image, and the distance between them (equation 10). Lower is better. The good photographs are others than the paper's
125 (`PRISTINE` says which), so figures order images as NIQE does, but compare with no published ones.
"""

import functools
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.metrics.planes import luma
from dgan_jax.ops import resize

PRISTINE = Path(__file__).with_name("niqe_photographs.json")
"""Mean and covariance of the features of good photographs, and on which they were fitted."""
BLOCK = 96
SHARP = 0.75
"""Of good photographs, blocks count whose sharpness is more than this part of the sharpest one's."""
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
SHAPES = np.arange(0.2, 10, 0.001)


class Pristine(NamedTuple):
    """The Gaussian of good photographs: mean [36], covariance [36, 36]."""

    mean: np.ndarray
    covariance: np.ndarray


@functools.cache
def pristine() -> Pristine:
    """That of the photographs which `PRISTINE` names."""
    held = json.loads(PRISTINE.read_text())
    return Pristine(np.array(held["mean"]), np.array(held["covariance"]))


@functools.cache
def ratios() -> tuple[np.ndarray, np.ndarray]:
    """For each shape a of `SHAPES`: E|x|^2 / E x^2 of a generalised Gaussian, and log(Gamma(1/a), Gamma(2/a),
    Gamma(3/a)) [3, N]."""
    logs = np.array([[math.lgamma(k / shape) for shape in SHAPES] for k in (1, 2, 3)])
    return np.exp(2 * logs[1] - logs[0] - logs[2]), logs


def smoothed(x: jax.Array) -> jax.Array:
    """[B, H, W]: by a Gaussian of 7x7 with deviation 7/6, the border repeated."""
    taps = np.exp(-0.5 * np.square(np.arange(-3, 4) / (7 / 6)))
    taps = taps / taps.sum()
    for axis in (1, 2):
        padded = jnp.pad(x, [(3, 3) if i == axis else (0, 0) for i in range(3)], mode="edge")
        parts = [
            float(tap) * jax.lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis) for i, tap in enumerate(taps)
        ]
        x = jnp.sum(jnp.stack(parts), axis=0)
    return x


def normalised(grey: jax.Array) -> tuple[jax.Array, jax.Array]:
    """[B, H, W] in 0..255 -> each pixel less its surroundings' mean, over 1 more than their deviation; and that."""
    mean = smoothed(grey)
    deviation = jnp.sqrt(jnp.abs(smoothed(jnp.square(grey)) - jnp.square(mean)))
    return (grey - mean) / (deviation + 1), deviation


def fitted(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The asymmetric generalised Gaussian of samples [..., N]: shape, left and right scale, mean (equations 3 to 7)."""
    table, logs = ratios()

    def root(side: jax.Array) -> jax.Array:
        count = jnp.maximum(jnp.sum(side, axis=-1), 1)
        return jnp.sqrt(jnp.sum(jnp.square(x) * side, axis=-1) / count + 1e-12)

    left, right = root(x < 0), root(x > 0)
    lean = left / right
    ratio = jnp.square(jnp.mean(jnp.abs(x), -1)) / (jnp.mean(jnp.square(x), -1) + 1e-12)
    wanted = ratio * (lean**3 + 1) * (lean + 1) / jnp.square(lean**2 + 1)
    # The table climbs: the nearest entry is one of two neighbours.
    above = jnp.clip(jnp.searchsorted(jnp.asarray(table, jnp.float32), wanted), 1, len(table) - 1)
    nearer = jnp.abs(jnp.asarray(table)[above - 1] - wanted) <= jnp.abs(jnp.asarray(table)[above] - wanted)
    place = jnp.where(nearer, above - 1, above)
    one, two, three = (jnp.asarray(row, jnp.float32)[place] for row in logs)
    scale = jnp.exp(0.5 * (one - three))
    left, right = left * scale, right * scale
    return jnp.asarray(SHAPES, jnp.float32)[place], left, right, (right - left) * jnp.exp(two - one)


def described(blocks: jax.Array) -> jax.Array:
    """[..., S, S] of normalised pixels -> [..., 18] features."""
    flat = lambda x: x.reshape(*x.shape[:-2], -1)
    shape, left, right, _ = fitted(flat(blocks))
    found = [shape, (left + right) / 2]
    for shift in SHIFTS:
        shape, left, right, mean = fitted(flat(blocks * jnp.roll(blocks, shift, (-2, -1))))
        found += [shape, mean, left, right]
    return jnp.stack(found, axis=-1)


def cut(x: jax.Array, side: int) -> jax.Array:
    """[B, H, W] -> [B, places, side, side]; what is left at the right and below is left out."""
    batch, high, wide = x.shape[0], x.shape[1] // side, x.shape[2] // side
    x = x[:, : high * side, : wide * side].reshape(batch, high, side, wide, side)
    return x.transpose(0, 1, 3, 2, 4).reshape(batch, high * wide, side, side)


def features(images: jax.Array, block: int = BLOCK) -> tuple[jax.Array, jax.Array]:
    """[B, H, W, C] in [0, 1] -> features [B, places, 36] of blocks, at full and at half size, and their sharpness."""
    if block % 2 or min(images.shape[1:3]) < block:
        raise ValueError(
            f"NIQE looks at blocks of {block}x{block} (an even number), got images of "
            f"{images.shape[1]}x{images.shape[2]}; they must be larger, or the blocks smaller"
        )
    # Half of what the blocks cover, so that blocks at half size lie where those at full size do.
    high, wide = (side // block * block for side in images.shape[1:3])
    grey = 255 * luma(images[:, :high, :wide])
    found = []
    for plane, side in ((grey, block), (resize.reduce(grey, 2), block // 2)):
        structure, deviation = normalised(plane[..., 0])
        found.append(described(cut(structure, side)))
        if side == block:
            sharpness = jnp.mean(cut(deviation, side), axis=(-2, -1))
    return jnp.concatenate(found, axis=-1), sharpness


def solved(matrix: jax.Array, vector: jax.Array) -> jax.Array:
    """[B, N, N] symmetric and positive, [B, N] -> [B, N], by Gauss and Jordan's elimination.

    Not by LAPACK, whose layout of arrays XLA:CPU's quick fusions cannot follow (jaxlib 0.10.2).
    """
    size = vector.shape[-1]

    def step(k: jax.Array, rows: jax.Array) -> jax.Array:
        pivot = rows[:, k] / rows[:, k, k][:, None]
        return (rows - rows[:, :, k][..., None] * pivot[:, None]).at[:, k].set(pivot)

    rows = jnp.concatenate([matrix, vector[..., None]], axis=-1)
    return jax.lax.fori_loop(0, size, step, rows)[..., -1]


def niqe(images: jax.Array, *, block: int = BLOCK, good: Pristine | None = None) -> jax.Array:
    """[B, H, W, C] in [0, 1] -> [B]; the lower, the more like a good photograph. Published: blocks of 96."""
    good = good or pristine()
    # In units of the good ones' deviations, which changes no distance, float32 is enough.
    unit = np.sqrt(np.diag(good.covariance))
    found = (features(images, block)[0] - jnp.asarray(good.mean, jnp.float32)) / jnp.asarray(unit, jnp.float32)
    mean = found.mean(axis=1)
    left = found - mean[:, None]
    own = jnp.einsum("bni,bnj->bij", left, left, precision="highest") / max(found.shape[1] - 1, 1)
    both = 0.5 * (own + jnp.asarray(good.covariance / np.outer(unit, unit), jnp.float32))
    return jnp.sqrt(jnp.maximum(jnp.sum(mean * solved(both, mean), axis=-1), 0))


def fit(photographs: Iterable[np.ndarray], block: int = BLOCK) -> Pristine:
    """The Gaussian of good photographs, uint8 [H, W, 3] each: of the sharp blocks of each of them."""
    chosen = []
    for photograph in photographs:
        found, sharpness = (np.asarray(x)[0] for x in jitted(jnp.asarray(photograph[None] / 255, jnp.float32), block))
        chosen.append(found[sharpness > SHARP * sharpness.max()])
    everything = np.concatenate(chosen).astype(np.float64)
    return Pristine(everything.mean(axis=0), np.cov(everything, rowvar=False))


jitted = jax.jit(features, static_argnames="block")
