"""Copied pieces joined without seams: their gradients are kept, their colours only about (screened Poisson equation).

Perez, Gangnet, Blake, "Poisson Image Editing", SIGGRAPH 2003; screened as in Bhat et al., "Fourier Analysis of the 2D
Screened Poisson Equation", ECCV 2008: minimise sum (u_p - u_q - g_pq)^2 + screen * sum (u_p - v_p)^2 over the hole.
"""

import numpy as np
from numba import float32

from dgan_jax.ops.native import native

DOWN, ACROSS = (1, -1, 0, 0), (0, 0, 1, -1)


@native
def known_beside(hole, y, x):
    """Whether (y, x) lies in the image and is not missing."""
    return 0 <= y < hole.shape[0] and 0 <= x < hole.shape[1] and not hole[y, x]


@native
def equations(image, hole, index, rows, columns, source, screen):
    """-> right-hand side [C, n], diagonal [n], neighbours [n, 4] among the n missing pixels (-1: none is missing)."""
    height, width, channels = image.shape
    right, diagonal = np.empty((channels, rows.size), np.float32), np.empty(rows.size, np.float32)
    neighbours = np.empty((rows.size, 4), np.int64)
    for k in range(rows.size):
        y, x, sy, sx = rows[k], columns[k], source[k, 0], source[k, 1]
        diagonal[k] = screen
        for c in range(channels):
            right[c, k] = screen * image[y, x, c]
        for side in range(4):
            dy, dx = DOWN[side], ACROSS[side]
            neighbours[k, side] = -1
            if not (0 <= y + dy < height and 0 <= x + dx < width):
                continue
            other = index[y + dy, x + dx]
            neighbours[k, side] = other
            diagonal[k] += 1
            # The step to the neighbour where this pixel was copied from, and where the neighbour was: a mean of both.
            own = known_beside(hole, sy + dy, sx + dx)
            ty, tx = (source[other, 0], source[other, 1]) if other >= 0 else (-1, -1)
            theirs = other >= 0 and known_beside(hole, ty - dy, tx - dx)
            for c in range(channels):
                step = float32(0)
                if own:
                    step += image[sy, sx, c] - image[sy + dy, sx + dx, c]
                if theirs:
                    step += image[ty - dy, tx - dx, c] - image[ty, tx, c]
                right[c, k] += 0.5 * step if own and theirs else step
                if other < 0:
                    right[c, k] += image[y + dy, x + dx, c]
    return right, diagonal, neighbours


@native
def applied(values, diagonal, neighbours, out):
    """The operator on values [n]; -> their product with the result."""
    product = 0.0
    for k in range(values.size):
        total = diagonal[k] * values[k]
        for side in range(4):
            if neighbours[k, side] >= 0:
                total -= values[neighbours[k, side]]
        out[k] = total
        product += total * values[k]
    return product


def solve(
    right: np.ndarray, diagonal: np.ndarray, neighbours: np.ndarray, values: np.ndarray, steps: int, tolerance: float
) -> np.ndarray:
    """Conjugate gradients from `values` [n] to a root mean square residual of `tolerance`."""
    image = np.empty_like(values)
    applied(values, diagonal, neighbours, image)
    residual = right - image
    direction = residual.copy()
    before = float(residual @ residual)
    for _ in range(steps):
        if before <= tolerance**2 * values.size:
            break
        rate = np.float32(before / applied(direction, diagonal, neighbours, image))
        values = values + rate * direction
        residual -= rate * image
        after = float(residual @ residual)
        direction = residual + np.float32(after / before) * direction
        before = after
    return values


def blend(image: np.ndarray, hole: np.ndarray, source: np.ndarray, *, screen: float, steps: int = 300) -> np.ndarray:
    """image [h, w, C] float32 with copied pixels in the hole, from `source` [n, 2] -> those pixels, blended [n, C].

    The n missing pixels are in the order of `np.nonzero(hole)`, and each has a source that is known.
    """
    rows, columns = (np.ascontiguousarray(part) for part in np.nonzero(hole))
    index = np.full(hole.shape, -1, np.int64)
    index[rows, columns] = np.arange(rows.size)
    right, diagonal, neighbours = equations(image, hole, index, rows, columns, source, np.float32(screen))
    start = np.ascontiguousarray(image[rows, columns].T)
    channels = [solve(r, diagonal, neighbours, v, steps, 0.01) for r, v in zip(right, start, strict=True)]
    return np.stack(channels, axis=-1)
