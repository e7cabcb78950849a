"""Resizing by name, because "bicubic" alone names five different filters.

    matlab      MATLAB's imresize: Keys cubic a = -0.5, antialiased when reducing, mirrored border; what papers mean
    matlab_noaa the same, never antialiased
    torch       cubic a = -0.75, never antialiased, border repeated; half-pixel centres
    torch_aa    cubic a = -0.5, antialiased when reducing, taps past the border left out: torch with antialias=True,
                what torchvision does to tensors from 0.17 on
    opencv      the same arithmetic as torch, under the name that papers use
    bilinear    two taps, never antialiased, border repeated; half-pixel centres
    box         means over cells when reducing, repeated pixels when enlarging
    nearest     the pixel at floor(i * in / out), as torch and OpenCV

Images are [..., H, W, C]. Weights are float64 tables, made once for a length and a scale. An axis is resized by a
matrix or, where that would be large, by a short sum of strided slices for each phase: never by gathers, whose slopes
are scatters.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

LARGEST = 2**20
"""Up to this many entries an axis is resized by a dense matrix, which compiles and runs fastest; beyond, by phases."""
CUT = "cut"
"""A border past which there is nothing: the weights of what is inside are made to add up to 1."""
PHASES = 16
"""Scales with more phases than this (odd ratios of sizes) always go through a matrix."""


def cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """Keys' cubic convolution kernel with parameter a."""

    def kernel(d: np.ndarray) -> np.ndarray:
        d = np.abs(d)
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = a * (((d - 5) * d + 8) * d - 4)
        return np.where(d <= 1, near, np.where(d <= 2, far, 0.0))

    return kernel


class Method(NamedTuple):
    """A kernel of distances in source pixels, `width` pixels wide; `border` is a mode of jnp.pad, or CUT."""

    kernel: Callable[[np.ndarray], np.ndarray]
    width: float
    antialias: bool
    border: str
    half_pixel: bool = True


METHODS = {
    "matlab": Method(cubic(-0.5), 4.0, True, "symmetric"),
    "matlab_noaa": Method(cubic(-0.5), 4.0, False, "symmetric"),
    "torch": Method(cubic(-0.75), 4.0, False, "edge"),
    "torch_aa": Method(cubic(-0.5), 4.0, True, CUT),
    "opencv": Method(cubic(-0.75), 4.0, False, "edge"),
    "bilinear": Method(lambda d: np.maximum(0.0, 1 - np.abs(d)), 2.0, False, "edge"),
    "box": Method(lambda d: ((d >= -0.5) & (d < 0.5)).astype(float), 1.0, True, "edge"),
    "nearest": Method(lambda d: ((d >= 0) & (d < 1)).astype(float), 2.0, False, "edge", half_pixel=False),
}


@functools.lru_cache(maxsize=256)
def phases(name: str, scale: Fraction) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """(first source index, weights) of the outputs 0 .. p - 1 for a scale p / q; output i + p lies q pixels further."""
    kernel, width, antialias, _, half = METHODS[name]
    stretch = float(scale) if antialias and scale < 1 else 1.0
    width, found = width / stretch, []
    for i in range(scale.numerator):
        # Exact: a centre on the edge of a box must not move by a rounding.
        centre = (i + Fraction(1, 2)) / scale - Fraction(1, 2) if half else i / scale
        taps = np.arange(int(np.floor(float(centre) - width / 2)), int(np.ceil(float(centre) + width / 2)) + 1)
        weights = kernel(stretch * np.array([float(centre - int(tap)) for tap in taps]))
        used = np.flatnonzero(weights)
        weights = weights[used[0] : used[-1] + 1] / weights.sum()
        found.append((int(taps[used[0]]), tuple(weights.tolist())))
    return tuple(found)


def _extended(x: jax.Array, axis: int, before: int, after: int, border: str) -> jax.Array:
    """Padded by the border rule along one axis; negative amounts cut."""
    x = jax.lax.slice_in_dim(x, max(0, -before), x.shape[axis] - max(0, -after), axis=axis)
    widths = [(max(0, before), max(0, after)) if i == axis else (0, 0) for i in range(x.ndim)]
    return jnp.pad(x, widths, mode="constant" if border == CUT else border)  # type: ignore[call-overload]


def _along(x: jax.Array, axis: int, length: int, scale: Fraction, name: str) -> jax.Array:
    axis = axis % x.ndim
    if scale == 1 and length == x.shape[axis]:
        return x
    if scale.numerator > PHASES or x.shape[axis] * length <= LARGEST:
        dense = jnp.asarray(matrix(name, x.shape[axis], length, scale), x.dtype)
        product = jnp.tensordot(dense, x, (1, axis), precision=jax.lax.Precision.HIGHEST)
        return jnp.moveaxis(product, 0, axis)
    summed = _by_phases(x, axis, length, scale, name)
    if METHODS[name].border != CUT:
        return summed
    ones = jnp.ones([side if i == axis else 1 for i, side in enumerate(x.shape)], x.dtype)
    return summed / _by_phases(ones, axis, length, scale, name)


def _by_phases(x: jax.Array, axis: int, length: int, scale: Fraction, name: str) -> jax.Array:
    table, step = phases(name, scale), scale.denominator
    count = -(-length // scale.numerator)
    before = -min(first for first, _ in table)
    last = max(first + len(weights) - 1 for first, weights in table) + (count - 1) * step
    x = _extended(x, axis, before, last - x.shape[axis] + 1, METHODS[name].border)

    def phase(first: int, weights: tuple[float, ...]) -> jax.Array:
        starts = (before + first + j for j in range(len(weights)))
        parts = (jax.lax.slice_in_dim(x, s, s + (count - 1) * step + 1, step, axis) for s in starts)
        return jnp.asarray(sum(w * part for w, part in zip(weights, parts, strict=True)))

    x = jnp.stack([phase(*entry) for entry in table], axis + 1)
    x = x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2 :])
    # XLA:CPU would fuse this sum into that of the next axis, and compute it once for each of its taps.
    return jax.lax.optimization_barrier(jax.lax.slice_in_dim(x, 0, length, axis=axis))


@functools.lru_cache(maxsize=64)
def matrix(name: str, source: int, length: int, scale: Fraction) -> np.ndarray:
    """The same operator on one axis as a float64 matrix [length, source]."""
    table, step = phases(name, scale), scale.denominator
    dense = np.zeros((length, source + 1))  # the last column is for what lies past a border that cuts
    reach = max(2, max(len(weights) for _, weights in table) + step) + source
    cut, places = METHODS[name].border == CUT, np.arange(source)
    if cut:
        mirror = np.pad(places, reach, constant_values=source)
    else:
        mirror = np.pad(places, reach, mode=METHODS[name].border)  # type: ignore[call-overload]
    for i in range(length):
        first, weights = table[i % scale.numerator]
        first += i // scale.numerator * step + reach
        np.add.at(dense[i], mirror[first : first + len(weights)], weights)
    dense = dense[:, :source]
    return dense / dense.sum(1, keepdims=True) if cut else dense


@functools.lru_cache(maxsize=64)
def inverse_matrix(name: str, source: int, length: int, scale: Fraction) -> np.ndarray:
    """The pseudo-inverse of `matrix`, [source, length] float64: A' (A A')^+."""
    dense = matrix(name, source, length, scale)
    return dense.T @ np.linalg.pinv(dense @ dense.T, hermitian=True)


def resize(image: jax.Array, size: tuple[int, int], name: str = "matlab") -> jax.Array:
    """[..., H, W, C] -> [..., *size, C]; the scale of each axis is the ratio of its lengths."""
    for axis, length in zip((-3, -2), size, strict=True):
        image = _along(image, axis, length, Fraction(length, image.shape[axis]), name)
    return image


def rescale(
    image: jax.Array, scale: Fraction, name: str = "matlab", *, each: Callable[[jax.Array], jax.Array] = lambda x: x
) -> jax.Array:
    """[..., H, W, C] -> [..., ceil(H scale), ceil(W scale), C]. `each` follows each axis: rounding, for instance."""
    for axis in (-3, -2):
        image = each(_along(image, axis, math.ceil(image.shape[axis] * scale), scale, name))
    return image


def enlarge(image: jax.Array, factor: int, name: str = "matlab") -> jax.Array:
    """[..., H, W, C] -> [..., factor H, factor W, C]."""
    return rescale(image, Fraction(factor), name)


def reduce(image: jax.Array, factor: int, name: str = "matlab") -> jax.Array:
    """[..., H, W, C] -> [..., ceil(H / factor), ceil(W / factor), C]; cubics overshoot, nothing is clipped."""
    return rescale(image, Fraction(1, factor), name)


def reduce_pseudo_inverse(low: jax.Array, factor: int, name: str = "matlab") -> jax.Array:
    """A+ of `reduce`: the least image, [..., factor H, factor W, C], that reduces to `low` exactly."""
    for axis in (-3, -2):
        length = low.shape[axis]
        table = inverse_matrix(name, factor * length, length, Fraction(1, factor))
        product = jnp.tensordot(jnp.asarray(table, low.dtype), low, (1, axis), precision=jax.lax.Precision.HIGHEST)
        low = jnp.moveaxis(product, 0, axis)
    return low


@functools.lru_cache(maxsize=64)
def singular_basis(name: str, length: int, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Singular values [factor * length], 0 from `length` on, of `reduce` on one axis, and its right vectors as rows."""
    _, values, rows = np.linalg.svd(matrix(name, factor * length, length, Fraction(1, factor)))
    return np.concatenate([values, np.zeros((factor - 1) * length)]), rows


def reduce_weighed(
    weights: Callable[[jax.Array], jax.Array], image: jax.Array, factor: int, name: str = "matlab"
) -> jax.Array:
    """V f(s) V' image of `reduce`: each direction by a function of its singular value. [..., H, W, C], multiples.

    `weights` gets the values [H, W, 1] and gives what multiplies [..., H, W, C].
    """
    sides = [image.shape[axis] // factor for axis in (-3, -2)]
    (down, rows), (across, columns) = (singular_basis(name, side, factor) for side in sides)
    values = jnp.asarray(down[:, None, None] * across[None, :, None], image.dtype)
    turn = lambda table, x, axis: jnp.moveaxis(
        jnp.tensordot(jnp.asarray(table, x.dtype), x, (1, axis), precision=jax.lax.Precision.HIGHEST), 0, axis
    )
    spectrum = turn(columns, turn(rows, image, -3), -2)
    return turn(columns.T, turn(rows.T, weights(values) * spectrum, -3), -2)


@functools.lru_cache(maxsize=64)
def shrinking_matrix(name: str, length: int, factor: int) -> np.ndarray:
    """[length, factor * length] float64: (A E)^-1 A, which undoes the enlarging E."""
    dense = matrix(name, factor * length, length, Fraction(1, factor))
    return np.linalg.solve(dense @ matrix(name, length, factor * length, Fraction(factor)), dense)


def undo_enlarge(image: jax.Array, factor: int, name: str = "matlab") -> jax.Array:
    """The small image that `enlarge` made this one of: [..., factor H, factor W, C] -> [..., H, W, C].

    Exact but for rounding; of an image that was changed since, the small one whose enlargement reduces alike.
    """
    for axis in (-3, -2):
        table = shrinking_matrix(name, image.shape[axis] // factor, factor)
        product = jnp.tensordot(jnp.asarray(table, image.dtype), image, (1, axis), precision=jax.lax.Precision.HIGHEST)
        image = jnp.moveaxis(product, 0, axis)
    return image


def reduce_bytes(image: jax.Array, factor: int, name: str = "matlab") -> jax.Array:
    """uint8 -> uint8, rounded and cut off after each axis, as MATLAB does with bytes: within 1 of one rounding."""
    each = lambda x: jnp.clip(jnp.round(x), 0, 255)
    return rescale(image.astype(jnp.float32), Fraction(1, factor), name, each=each).astype(jnp.uint8)


def aligned(x: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear, corner pixels on corner pixels: [B, H, W, C] -> [B, height, width, C]."""

    def weights(old: int, new: int) -> np.ndarray:
        places = np.arange(new) * ((old - 1) / max(new - 1, 1))
        return np.maximum(0, 1 - np.abs(places[:, None] - np.arange(old)[None])).astype(np.float32)

    if x.shape[1:3] == (height, width):
        return x
    rows, columns = weights(x.shape[1], height), weights(x.shape[2], width)
    return jnp.einsum("hy,byxc,wx->bhwc", rows, x, columns, precision="highest").astype(x.dtype)
