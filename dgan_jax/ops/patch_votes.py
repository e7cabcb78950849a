"""What patches that lie over one another say of the pixels below: a vote of all, or the word of the best.

Wexler, Shechtman, Irani, "Space-Time Completion of Video", PAMI 2007: likely colours are those that many good matches
agree on. A match may be brighter or darker as a whole, within bounds (as in Darabi et al., "Image Melding", 2012).
"""

import math

import numpy as np
from numba import float32

from dgan_jax.ops.native import native
from dgan_jax.ops.patchmatch import HALF, PATCH


@native
def colour_shifts(planes, weight, rows, columns, matches, most, shift):
    """How much brighter than its source each target is, per colour, at most `most`; written into `shift` [h, w, C].

    planes: [h, w, K], the first C of them colours; weight: [h, w].
    """
    for k in range(rows.size):
        y, x = rows[k], columns[k]
        row, column = matches.row[y, x], matches.column[y, x]
        if row < 0:
            continue
        for c in range(shift.shape[2]):
            apart, total = float32(0), float32(0)
            for i in range(-HALF, HALF + 1):
                for j in range(-HALF, HALF + 1):
                    own = weight[y + i, x + j]
                    total += own
                    apart += own * (planes[y + i, x + j, c] - planes[row + i, column + j, c])
            shift[y, x, c] = min(max(apart / total, -most), most)


@native
def gather(y, x, matches, costs, over):
    """The targets whose patch lies over (y, x), cheapest first: their costs and centres; -> how many."""
    height, width = matches.row.shape
    count = 0
    for a in range(max(0, y - HALF), min(height, y + HALF + 1)):
        for b in range(max(0, x - HALF), min(width, x + HALF + 1)):
            if matches.row[a, b] < 0:
                continue
            cost, place = matches.cost[a, b], count
            while place > 0 and costs[place - 1] > cost:
                costs[place], over[place, 0], over[place, 1] = costs[place - 1], over[place - 1, 0], over[place - 1, 1]
                place -= 1
            costs[place], over[place, 0], over[place, 1] = cost, a, b
            count += 1
    return count


@native
def vote(planes, rows, columns, matches, trust, shift, quantile, alone, out, source):
    """Values of the missing pixels at `rows`, `columns` [n] -> out [n, K]; untouched where no patch lies above.

    Votes count exp(-cost / 2 s) and the patch's `trust` [h, w], where s is the `quantile` of the costs over this pixel
    (Wexler et al., section 3.2); `alone`: only that of the least cost counts. source: [n, 2] int32, the pixel that it
    copies, -1 where there is none.
    """
    costs, over = np.empty(PATCH * PATCH, np.float32), np.empty((PATCH * PATCH, 2), np.int64)
    for k in range(rows.size):
        y, x = rows[k], columns[k]
        source[k, 0] = source[k, 1] = -1
        count = gather(y, x, matches, costs, over)
        if count == 0:
            continue
        a, b = over[0, 0], over[0, 1]
        source[k, 0], source[k, 1] = matches.row[a, b] + y - a, matches.column[a, b] + x - b
        spread = max(costs[min(count - 1, int(quantile * count))], float32(1e-3))
        total = float32(0)
        for c in range(out.shape[1]):
            out[k, c] = 0
        for i in range(1 if alone else count):
            a, b = over[i, 0], over[i, 1]
            say = trust[a, b] * float32(math.exp(-costs[i] / (2 * spread)))
            total += say
            p, q = matches.row[a, b] + y - a, matches.column[a, b] + x - b
            for c in range(out.shape[1]):
                out[k, c] += say * planes[p, q, c]
                if c < shift.shape[2]:
                    out[k, c] += say * shift[a, b, c]
        for c in range(out.shape[1]):
            out[k, c] /= total
