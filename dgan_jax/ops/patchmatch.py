"""The nearest patch of a picture for every patch that reaches into a hole, by guesses and by neighbours' guesses.

Barnes, Shechtman, Finkelstein, Goldman, "PatchMatch", SIGGRAPH 2009: a good match is mostly the neighbour's, moved
along; a few random guesses, nearer and nearer to the match so far, find the others. Here patches of 7x7 pixels differ
by a weighted mean of squares, and a source costs more than its difference where many use it already (completeness, as
in Granot et al., "Drop the GAN", CVPR 2022) and where it lies above or below.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, uint32

from dgan_jax.ops.native import native

PATCH = 7
HALF = PATCH // 2
PLANES = 8
"""Values of a pixel that are compared. A known number of them lets the compiler unroll its loops."""
ROW = PATCH * PLANES


class Matches(NamedTuple):
    """What is known of each target patch, at its centre. All [h, w]."""

    row: np.ndarray  # int32, the centre of its source; -1 = none
    column: np.ndarray  # int32
    cost: np.ndarray  # float32, the weighted mean over pixels of squared differences, summed over planes
    uses: np.ndarray  # float32, at a source: how many targets have it


class Prices(NamedTuple):
    """price = cost (1 + reuse * other uses) + upright * |rows between|."""

    reuse: float
    upright: float


def none(height: int, width: int) -> Matches:
    """No target has a source."""
    row, column = np.full((2, height, width), -1, np.int32)
    cost, uses = np.zeros((2, height, width), np.float32)
    return Matches(row, column, cost, uses)


@native
def draw(state, low, high):
    """A whole number from low to high, both included, by xorshift (Marsaglia 2003). state: [1] uint32, not zero."""
    x = state[0]
    x ^= x << uint32(13)
    x ^= x >> uint32(17)
    x ^= x << uint32(5)
    state[0] = x
    return low + int(x % uint32(high - low + 1))


@native
def load(features, weight, y, x, target, share):
    """Copies the patch around (y, x) and its pixels' weights, and returns the sum of the latter."""
    total = float32(0)
    for r in range(PATCH):
        values, weights = features[y - HALF + r], weight[y - HALF + r]
        for c in range(PATCH):
            own = weights[x - HALF + c]
            total += own
            for i in range(PLANES):
                target[r, c * PLANES + i] = values[(x - HALF + c) * PLANES + i]
                share[r, c * PLANES + i] = own
    return total


@native
def distance(features, target, share, y, x, limit):
    """The weighted sum of squares between the target and the patch around (y, x), or what first reaches `limit`."""
    total, start = float32(0), (x - HALF) * PLANES
    for r in range(PATCH):
        values, wanted, weights = features[y - HALF + r, start : start + ROW], target[r], share[r]
        row = float32(0)
        for i in range(ROW):
            apart = wanted[i] - values[i]
            row += weights[i] * apart * apart
        total += row
        if total >= limit:
            break
    return total


@native
def priced(features, target, share, total, y, row, column, uses, prices, limit):
    """(price, cost) of a source for the target in row y; a price of `limit` or more is not exact."""
    factor = float32(1 + prices.reuse * max(uses[row, column], float32(0)))
    extra = float32(prices.upright * abs(row - y))
    if extra >= limit:
        return extra, extra
    cost = distance(features, target, share, row, column, float32((limit - extra) / factor * total)) / total
    return float32(cost * factor + extra), float32(cost)


@native
def search(features, weight, rows, columns, allowed, matches, prices, state, sweeps, reach):
    """Improves the matches of the targets at `rows`, `columns` [n], in this order and back again, in place.

    features: [h, w * PLANES] float32; weight: [h, w] float32, of a target's pixels; allowed: [h, w] bool, sources'
    centres, HALF or more from the border as targets are. Random guesses begin `reach` pixels away (0: none).
    """
    height, width = allowed.shape
    target, share = np.empty((PATCH, ROW), np.float32), np.empty((PATCH, ROW), np.float32)
    for sweep in range(sweeps):
        back = 1 if sweep % 2 else -1
        for i in range(rows.size):
            k = rows.size - 1 - i if sweep % 2 else i
            y, x = rows[k], columns[k]
            total = load(features, weight, y, x, target, share)
            row, column = int(matches.row[y, x]), int(matches.column[y, x])
            best = cost = float32(1e30)
            if row >= 0:
                matches.uses[row, column] -= 1
                best, cost = priced(features, target, share, total, y, row, column, matches.uses, prices, best)
            for axis in range(2):
                ny, nx = (y + back, x) if axis else (y, x + back)
                if not (0 <= ny < height and 0 <= nx < width) or matches.row[ny, nx] < 0:
                    continue
                cy, cx = matches.row[ny, nx] + y - ny, matches.column[ny, nx] + x - nx
                if not (0 <= cy < height and 0 <= cx < width) or not allowed[cy, cx] or (cy == row and cx == column):
                    continue
                price, own = priced(features, target, share, total, y, cy, cx, matches.uses, prices, best)
                if price < best:
                    best, cost, row, column = price, own, cy, cx
            around_y, around_x, radius = row if row >= 0 else y, column if row >= 0 else x, reach
            while radius >= 1:
                cy = draw(state, max(around_y - radius, HALF), min(around_y + radius, height - 1 - HALF))
                cx = draw(state, max(around_x - radius, HALF), min(around_x + radius, width - 1 - HALF))
                radius //= 2
                if not allowed[cy, cx] or (cy == row and cx == column):
                    continue
                price, own = priced(features, target, share, total, y, cy, cx, matches.uses, prices, best)
                if price < best:
                    best, cost, row, column = price, own, cy, cx
            matches.row[y, x], matches.column[y, x], matches.cost[y, x] = row, column, cost
            if row >= 0:
                matches.uses[row, column] += 1
