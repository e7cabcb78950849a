"""Cheap fills of a hole: what a network then refines, and a baseline in their own right.

All are `(image [B, H, W, C], hole [B, H, W, 1]) -> [B, H, W, C]` for any size; hole > 0 is missing, known pixels come
back untouched and what stands in the hole is ignored. Borders reflect. A fill minimises an energy over the hole:

    harmonic    |grad u|^2                     a stretched membrane
    biharmonic  (laplace u)^2                  a bent plate
    spline      |grad u|^2 / 2 + (laplace u)^2 a plate under tension: better than a plate in thin and in wide holes
    coherent    a membrane that yields across edges and is stiff along them: better again, by 1 dB and more

Each level of a pyramid of known averages starts from the coarser level's answer, so that a fixed small number of
conjugate-gradient steps suffices.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

# XLA:CPU would otherwise fuse one stencil into the next and compute the inner one once for each tap of the outer.
_separate = jax.lax.optimization_barrier
Operator = Callable[[jax.Array], jax.Array]


def pull_push(image: jax.Array, hole: jax.Array) -> jax.Array:
    """Averages of what is known at the finest scale where anything is, enlarged bilinearly."""
    return _coarse_to_fine(image, hole, lambda level, u, missing: u)


def harmonic(image: jax.Array, hole: jax.Array, *, steps: int = 16) -> jax.Array:
    """Laplace's equation in the hole."""
    return _coarse_to_fine(image, hole, lambda level, u, missing: _descend(_laplacian, u, missing, steps))


def biharmonic(image: jax.Array, hole: jax.Array, *, steps: int = 64) -> jax.Array:
    """The biharmonic equation in the hole. In a wide hole 64 steps stay 0.3 dB below the exact answer."""
    return spline(image, hole, tension=0.0, steps=steps)


def spline(image: jax.Array, hole: jax.Array, *, tension: float = 0.5, steps: int = 24) -> jax.Array:
    """A thin plate under tension: the biharmonic answer near the rim, the harmonic one deep inside."""

    def solve(level: int, u: jax.Array, missing: jax.Array) -> jax.Array:
        return _descend(functools.partial(_plate, tension=tension * 4.0**level), u, missing, steps)

    return _coarse_to_fine(image, hole, solve)


def coherent(image: jax.Array, hole: jax.Array, *, steps: int = 16) -> jax.Array:
    """Edges and stripes that end at the rim are carried on into the hole (coherence-enhancing diffusion)."""

    def solve(level: int, u: jax.Array, missing: jax.Array) -> jax.Array:
        if min(u.shape[-2:]) < 16:
            return _descend(functools.partial(_plate, tension=0.5 * 4.0**level), u, missing, 8)
        yielding = _directed(_tensor(u, missing, slack=2e-4 * 2.0**level), plate=0.05 / 2.0**level)
        return _descend(yielding, u, missing, steps if level == 0 else 2 * steps)

    return _coarse_to_fine(image, hole, solve)


def contrast(image: jax.Array, hole: jax.Array, *, sigma: float = 3.0) -> jax.Array:
    """[B, H, W, 1]: the deviation of known pixels from their neighbourhood, carried into the hole by `pull_push`.

    It tells how far a fill may be wrong: little in a sky, much in grass.
    """
    planes = jnp.moveaxis(jnp.where(hole > 0, 0.0, image.astype(jnp.float32)), -1, 1)
    known = jnp.moveaxis((hole <= 0).astype(jnp.float32), -1, 1)
    share = jnp.maximum(_smooth(known, sigma), 1e-3)
    mean = lambda x: _smooth(known * x, sigma) / share
    variance = mean(jnp.mean(jnp.square(planes - mean(planes)), axis=1, keepdims=True))
    return pull_push(jnp.moveaxis(jnp.sqrt(variance), 1, -1), hole)


def _coarse_to_fine(image: jax.Array, hole: jax.Array, solve: Callable[[int, jax.Array, jax.Array], jax.Array]):
    """Runs solve(level, start, missing) from a single pixel down to the image; level 0 is the image itself.

    Inside, images are planes [B, C, H, W]: three channels side by side in memory would spoil vectorised stencils.
    """
    weight = jnp.moveaxis((hole <= 0).astype(jnp.float32), -1, 1)
    total = jnp.where(weight > 0, jnp.moveaxis(image.astype(jnp.float32), -1, 1), 0.0)
    pyramid = []
    for _ in range(max(image.shape[1:3]).bit_length() + 1):
        missing = (weight <= 0).astype(jnp.float32)
        pyramid.append((total / jnp.maximum(weight, 1e-9), missing))
        total, weight = _halve(total), _halve(weight)
    u = pyramid[-1][0]
    for level in reversed(range(len(pyramid) - 1)):
        known, missing = pyramid[level]
        start = jnp.where(missing > 0, _double(u, *known.shape[-2:]), known)
        u = solve(level, start, missing)
    return jnp.where(hole > 0, jnp.moveaxis(u, 1, -1).astype(image.dtype), image)


def _halve(x: jax.Array) -> jax.Array:
    """Sums of 2 x 2 pixels; an odd last row or column stands alone."""
    height, width = x.shape[-2:]
    x = jnp.pad(x, ((0, 0), (0, 0), (0, height % 2), (0, width % 2)))
    return x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]


def _double(x: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear enlargement by two, cut to the size."""
    for axis in (2, 3):
        take = functools.partial(jnp.take, x, axis=axis, mode="clip")
        here = jnp.arange(x.shape[axis])
        pair = jnp.stack([0.75 * x + 0.25 * take(here - 1), 0.75 * x + 0.25 * take(here + 1)], axis + 1)
        x = pair.reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])
    return x[..., :height, :width]


def _descend(operator: Operator, u: jax.Array, missing: jax.Array, steps: int) -> jax.Array:
    """Conjugate gradients on u' A u / 2 over the missing pixels, every plane by itself."""
    dot = lambda a, b: jnp.sum(a * b, axis=(-2, -1), keepdims=True)

    def step(_, carry: tuple) -> tuple:
        u, residual, direction, before = carry
        image = missing * operator(direction)
        rate = before / jnp.maximum(dot(direction, image), 1e-12)
        u, residual = u + rate * direction, residual - rate * image
        after = dot(residual, residual)
        return u, residual, residual + after / jnp.maximum(before, 1e-12) * direction, after

    residual = -missing * operator(u)
    return jax.lax.fori_loop(0, steps, step, (u, residual, residual, dot(residual, residual)))[0]


def _pad(x: jax.Array, rows: tuple[int, int], columns: tuple[int, int]) -> jax.Array:
    return jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [rows, columns])


def _laplacian(u: jax.Array) -> jax.Array:
    """The positive five-point Laplacian, nothing flowing through the border."""
    down, right = u[..., 1:, :] - u[..., :-1, :], u[..., 1:] - u[..., :-1]
    down = _pad(down, (1, 0), (0, 0)) - _pad(down, (0, 1), (0, 0))
    return down + _pad(right, (0, 0), (1, 0)) - _pad(right, (0, 0), (0, 1))


def _plate(u: jax.Array, tension: float) -> jax.Array:
    slope = _separate(_laplacian(u))
    return tension * slope + _laplacian(slope)


def _diagonals(u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Differences along both diagonals of every 2 x 2 cell: with half their sum and difference, its gradient."""
    return u[..., 1:, 1:] - u[..., :-1, :-1], u[..., :-1, 1:] - u[..., 1:, :-1]


def _smooth(x: jax.Array, sigma: float) -> jax.Array:
    """Gaussian, borders repeated."""
    reach = round(2.5 * sigma)
    taps = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma)).astype(np.float32)
    for axis in (2, 3):
        padded = jnp.pad(x, [(reach, reach) if i == axis else (0, 0) for i in range(4)], mode="edge")
        shifted = (jax.lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis) for i in range(taps.size))
        x = _separate(sum(tap * part for tap, part in zip(taps / taps.sum(), shifted, strict=True)))
    return x


def _tensor(u: jax.Array, missing: jax.Array, slack: float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Conductivity of each cell: 1 along edges, slack / (slack + anisotropy of the structure tensor) across them.

    Returned as the entries (ss, sd, dd) of a symmetric matrix on a cell's two diagonals, [B, 1, H - 1, W - 1] each.
    """
    s, d = _diagonals(u)
    x, y = (s + d) / 2, (s - d) / 2
    # A guess in the hole counts for less than what is known.
    corners = [missing[..., i:, j:][..., : s.shape[-2], : s.shape[-1]] for i in (0, 1) for j in (0, 1)]
    trust = 1.0 - 0.7 * functools.reduce(jnp.maximum, corners)
    mean = lambda values: jnp.mean(values, axis=1, keepdims=True)
    sums = _smooth(jnp.concatenate([trust * mean(x * x - y * y), trust * mean(2 * x * y), trust], 1), 2.0)
    even, odd = sums[:, :1] / sums[:, 2:], sums[:, 1:2] / sums[:, 2:]
    anisotropy = jnp.sqrt(even * even + odd * odd + 1e-20)
    share = 0.5 / (slack + anisotropy)
    entries = 0.5 - 0.5 * share * (anisotropy + odd), -0.5 * share * even, 0.5 - 0.5 * share * (anisotropy - odd)
    return _separate(entries)


def _directed(tensor: tuple[jax.Array, jax.Array, jax.Array], plate: float) -> Operator:
    """The membrane with this conductivity. Its cells do not see a chessboard; the other two terms do."""
    ss, sd, dd = tensor

    def operator(u: jax.Array) -> jax.Array:
        s, d = _diagonals(u)
        slope = _separate(_laplacian(u))
        s, d = _separate((ss * s + sd * d, sd * s + dd * d))
        flow = _pad(s, (1, 0), (1, 0)) - _pad(s, (0, 1), (0, 1)) + _pad(d, (0, 1), (1, 0)) - _pad(d, (1, 0), (0, 1))
        return flow + 0.02 * slope + plate * _laplacian(slope)

    return operator
