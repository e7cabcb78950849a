"""Copied pieces joined without seams: their gradients are kept, their colours only about (screened Poisson equation).

Perez, Gangnet, Blake, "Poisson Image Editing", SIGGRAPH 2003; screened as in Bhat et al., "Fourier Analysis of the 2D
Screened Poisson Equation", ECCV 2008: minimise sum (u_p - u_q - g_pq)^2 + screen * sum (u_p - v_p)^2 over the hole.
"""

import numpy as np
from numba import float32

from dgan_jax.ops.native import native

STEPS_DOWN, STEPS_RIGHT = (1, -1, 0, 0), (0, 0, 1, -1)


@native
def equations(image, hole, index, rows, columns, source, screen):
    """-> right-hand side [n, C], diagonal [n], neighbours [n, 4] among the n missing pixels (-1: none is missing)."""
    height, width, channels = image.shape
    right, diagonal = np.zeros((rows.size, channels), np.float32), np.zeros(rows.size, np.float32)
    neighbours = np.full((rows.size, 4), -1, np.int64)
    for k in range(rows.size):
        y, x = rows[k], columns[k]
        right[k], diagonal[k] = screen * image[y, x], screen
        for side in range(4):
            dy, dx = STEPS_DOWN[side], STEPS_RIGHT[side]
            ny, nx = y + dy, x + dx
            if not (0 <= ny < height and 0 <= nx < width):
                continue
            other = index[ny, nx]
            diagonal[k] += 1
            neighbours[k, side] = other
            # What stands beside this pixel where it was copied from, and where its neighbour was; a mean where both do.
            own = (source[k, 0] + dy, source[k, 1] + dx)
            own_known = 0 <= own[0] < height and 0 <= own[1] < width and not hole[own[0], own[1]]
            theirs, theirs_known = (0, 0), False
            if other >= 0:
                theirs = (source[other, 0] - dy, source[other, 1] - dx)
                theirs_known = 0 <= theirs[0] < height and 0 <= theirs[1] < width and not hole[theirs[0], theirs[1]]
            count = max(1, int(own_known) + int(theirs_known))
            for c in range(channels):
                step = float32(0)
                if own_known:
                    step += image[source[k, 0], source[k, 1], c] - image[own[0], own[1], c]
                if theirs_known:
                    step += image[theirs[0], theirs[1], c] - image[source[other, 0], source[other, 1], c]
                right[k, c] += step / count
                if other < 0:
                    right[k, c] += image[ny, nx, c]
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


@native
def solve(right, diagonal, neighbours, values, steps, tolerance):
    """Conjugate gradients from `values` [n] on, in place, to a root mean square residual of `tolerance`."""
    image = np.empty_like(values)
    applied(values, diagonal, neighbours, image)
    residual = right - image
    direction = residual.copy()
    before = float(np.sum(residual * residual))
    for _ in range(steps):
        if before <= tolerance * tolerance * values.size:
            break
        rate = float32(before / applied(direction, diagonal, neighbours, image))
        values += rate * direction
        residual -= rate * image
        after = float(np.sum(residual * residual))
        direction *= float32(after / before)
        direction += residual
        before = after


def blend(image: np.ndarray, hole: np.ndarray, source: np.ndarray, *, screen: float, steps: int = 300) -> np.ndarray:
    """image [h, w, C] float32 with copied pixels in the hole, from `source` [n, 2] -> those pixels, blended [n, C].

    The n missing pixels are in the order of `np.nonzero(hole)`, and each has a source that is known.
    """
    rows, columns = (np.ascontiguousarray(part) for part in np.nonzero(hole))
    index = np.full(hole.shape, -1, np.int64)
    index[rows, columns] = np.arange(rows.size)
    right, diagonal, neighbours = equations(image, hole, index, rows, columns, source, np.float32(screen))
    blended = np.empty_like(right)
    for c in range(image.shape[-1]):
        values = image[rows, columns, c].copy()
        solve(np.ascontiguousarray(right[:, c]), diagonal, neighbours, values, steps, 0.01)
        blended[:, c] = values
    return blended
