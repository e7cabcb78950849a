"""Cheap fills of a hole: what a network then refines, and a baseline in their own right.

All are `(image [B, H, W, C], hole [B, H, W, 1]) -> [B, H, W, C]` for any size; hole > 0 is missing, known pixels come
back untouched and what stands in the hole is ignored. Borders reflect. A fill minimises an energy over the hole:

    harmonic    |grad u|^2                     a stretched membrane
    biharmonic  (laplace u)^2                  a bent plate
    spline      |grad u|^2 / 2 + (laplace u)^2 a plate under tension: better than a plate in thin and in wide holes
    coherent    a membrane that yields across edges and is stiff along them: better again, by 1 dB and more

Each level of a pyramid of known averages starts from the coarser level's answer, so that a fixed small number of
conjugate-gradient steps suffices. So a window of a large picture needs no more of the rest than what a coarse level
found (`survey`), and begins there (`below`); `first` is the level of an image that is such a reduction itself.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

# XLA:CPU would otherwise fuse one stencil into the next and compute the inner one once for each tap of the outer.
_separate = jax.lax.optimization_barrier
Operator = Callable[[jax.Array], jax.Array]


def pull_push(image: jax.Array, hole: jax.Array, *, below: jax.Array | None = None, first: int = 0) -> jax.Array:
    """Averages of what is known at the finest scale where anything is, enlarged bilinearly."""
    return _coarse_to_fine(image, hole, lambda level, u, missing: u, below, first)


def harmonic(
    image: jax.Array, hole: jax.Array, *, steps: int = 16, below: jax.Array | None = None, first: int = 0
) -> jax.Array:
    """Laplace's equation in the hole."""
    return _coarse_to_fine(image, hole, lambda level, u, missing: _descend(_laplacian, u, missing, steps), below, first)


def biharmonic(
    image: jax.Array, hole: jax.Array, *, steps: int = 64, below: jax.Array | None = None, first: int = 0
) -> jax.Array:
    """The biharmonic equation in the hole. In a wide hole 64 steps stay 0.3 dB below the exact answer."""
    return spline(image, hole, tension=0.0, steps=steps, below=below, first=first)


def spline(
    image: jax.Array, hole: jax.Array, *, tension: float = 0.5, steps: int = 24, below: jax.Array | None = None,
    first: int = 0,
) -> jax.Array:  # fmt: skip
    """A thin plate under tension: the biharmonic answer near the rim, the harmonic one deep inside."""

    def solve(level: int, u: jax.Array, missing: jax.Array) -> jax.Array:
        return _descend(functools.partial(_plate, tension=tension * 4.0**level), u, missing, steps)

    return _coarse_to_fine(image, hole, solve, below, first)


def coherent(
    image: jax.Array, hole: jax.Array, *, steps: int = 16, below: jax.Array | None = None, first: int = 0
) -> jax.Array:
    """Edges and stripes that end at the rim are carried on into the hole (coherence-enhancing diffusion)."""

    def solve(level: int, u: jax.Array, missing: jax.Array) -> jax.Array:
        if min(u.shape[-2:]) < 16:
            return _descend(functools.partial(_plate, tension=0.5 * 4.0**level), u, missing, 8)
        yielding = _directed(_tensor(u, missing, slack=2e-4 * 2.0**level), plate=0.05 / 2.0**level)
        return _descend(yielding, u, missing, steps if level == 0 else 2 * steps)

    return _coarse_to_fine(image, hole, solve, below, first)


def contrast(image: jax.Array, hole: jax.Array, *, sigma: float = 3.0, below: jax.Array | None = None) -> jax.Array:
    """[B, H, W, 1]: the deviation of known pixels from their neighbourhood, carried into the hole by `pull_push`.

    It tells how far a fill may be wrong: little in a sky, much in grass.
    """
    planes = jnp.moveaxis(jnp.where(hole > 0, 0.0, image.astype(jnp.float32)), -1, 1)
    known = jnp.moveaxis((hole <= 0).astype(jnp.float32), -1, 1)
    share = jnp.maximum(_smooth(known, sigma), 1e-3)
    mean = lambda x: _smooth(known * x, sigma) / share
    variance = mean(jnp.mean(jnp.square(planes - mean(planes)), axis=1, keepdims=True))
    return pull_push(jnp.moveaxis(jnp.sqrt(variance), 1, -1), hole, below=below)


COARSE = 768
"""`survey` reduces a picture until no side is longer, or 32 times."""


def survey(fill: Callable[..., jax.Array], image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What a window of a large picture must know of the rest of it: [h, w, C + 1] float32, h = H / 2^n rounded up,
    n = 3 to 5: the picture reduced, its hole filled, and in the last channel its `contrast`. On the host, in bands.

    image: uint8 or float32 in [-1, 1], [H, W, C]; hole: [H, W, 1], above 0 is missing.
    """
    height, width, channels = image.shape
    depth = 3
    while depth < 5 and -(-max(height, width) >> depth) > COARSE:
        depth += 1
    side = 2**depth
    sums = []
    for top in range(0, height, 32 * side):
        band = image[top : top + 32 * side].astype(np.float32)
        band = band / np.float32(127.5) - 1 if image.dtype == np.uint8 else band
        known = (hole[top : top + 32 * side] <= 0).astype(np.float32)
        values = np.concatenate([band * known, np.square(band * known), known], axis=-1)
        values = np.pad(values, ((0, -values.shape[0] % side), (0, -width % side), (0, 0)))
        for axis in (0, 1):
            values = np.add.reduceat(values, np.arange(0, values.shape[axis], side), axis=axis)
        sums.append(values)
    total = np.concatenate(sums)
    count = np.maximum(total[..., -1:], 1)
    mean, square = total[..., :channels] / count, total[..., channels:-1] / count
    deviation = np.sqrt(np.maximum(square - mean**2, 0).mean(axis=-1, keepdims=True))
    # Sizes in steps, so that pictures share programs; what is added is as unknown as a hole.
    grow = lambda x, value: np.pad(x, [(0, -n % 128) for n in mean.shape[:2]] + [(0, 0)], constant_values=value)[None]
    missing = grow((total[..., -1:] == 0).astype(np.float32), 1)
    found = np.concatenate(_reduced(fill, depth, grow(mean, 0), grow(deviation, 0), missing), axis=-1)[0]
    return found[: mean.shape[0], : mean.shape[1]]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _reduced(fill: Callable, depth: int, mean: jax.Array, deviation: jax.Array, missing: jax.Array) -> tuple:
    return fill(mean, missing, first=depth), pull_push(deviation, missing)


def _coarse_to_fine(
    image: jax.Array, hole: jax.Array, solve: Callable[[int, jax.Array, jax.Array], jax.Array],
    below: jax.Array | None = None, first: int = 0,
) -> jax.Array:  # fmt: skip
    """Runs solve(level, start, missing) from a single pixel down to the image, whose level is `first`.

    `below`: where it is known from elsewhere, the answer [B, H / 2^n, W / 2^n, C] of n levels below the image, to begin
    with: H and W are then multiples of 2^n, and nothing in the image needs to be known.
    Inside, images are planes [B, C, H, W]: three channels side by side in memory would spoil vectorised stencils.
    """
    weight = jnp.moveaxis((hole <= 0).astype(jnp.float32), -1, 1)
    total = jnp.where(weight > 0, jnp.moveaxis(image.astype(jnp.float32), -1, 1), 0.0)
    depth = max(image.shape[1:3]).bit_length() if below is None else (image.shape[1] // below.shape[1]).bit_length() - 1
    pyramid = []
    for _ in range(depth + 1):
        missing = (weight <= 0).astype(jnp.float32)
        pyramid.append((total / jnp.maximum(weight, 1e-9), missing))
        total, weight = _halve(total), _halve(weight)
    u = pyramid[-1][0] if below is None else jnp.moveaxis(below, -1, 1)
    for level in reversed(range(len(pyramid) - 1)):
        known, missing = pyramid[level]
        start = jnp.where(missing > 0, _double(u, *known.shape[-2:]), known)
        u = solve(first + level, start, missing)
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
