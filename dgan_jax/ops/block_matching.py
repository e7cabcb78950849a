"""Groups of 8x8 blocks that look alike, filtered together: the two passes of BM3D, compiled by numba.

Dabov, Foi, Katkovnik, Egiazarian, "Image Denoising by Sparse 3-D Transform-Domain Collaborative Filtering", IEEE TIP
16(8), 2007; parameters also after Lebrun, "An Analysis and Implementation of the BM3D Image Denoising Method", IPOL
2012. Planes are [C, H, W] float32; blocks are found in plane 0 alone.
"""

import numpy as np

from dgan_jax.ops.native import native

SIDE = 8


@native
def distances(guide, row, left, right, down, aside, sums):
    """To sums[c - left]: the square distances of the blocks at (row, c) and (row + down, c + aside), left <= c < right.

    guide: [H, W]; sums: [W] at least 7 longer than there are blocks.
    """
    count = right - left
    for c in range(count + SIDE - 1):
        sums[c] = 0
    for i in range(SIDE):
        one = guide[row + i, left : right + SIDE - 1]
        two = guide[row + down + i, left + aside : right + aside + SIDE - 1]
        for c in range(count + SIDE - 1):
            step = one[c] - two[c]
            sums[c] += step * step
    # Sums of 2, of 4, and then of 8 neighbours.
    for stride in (1, 2, 4):
        for c in range(count + SIDE - 1 - (2 * stride - 1)):
            sums[c] = sums[c] + sums[c + stride]


@native
def alike(guide, row, refs, reach, limit, apart, places, found):
    """The blocks nearest to each of those at `row` and columns `refs` [R], nearest first, themselves among them.

    guide: [H, W]. Written are apart [R, N] (square distances, those above `limit` do not count), places [R, N, 2] (row
    and column) and found [R] (how many of N there are).
    """
    height, width = guide.shape
    most = apart.shape[1]
    sums = np.empty(width, np.float32)
    for r in range(len(refs)):
        # Itself comes first, also before its equals.
        found[r], apart[r, 0], places[r, 0, 0], places[r, 0, 1] = 1, -1, row, refs[r]
    for down in range(max(-reach, -row), min(reach, height - SIDE - row) + 1):
        for aside in range(-reach, reach + 1):
            left, right = max(0, -aside), min(width, width - aside) - SIDE + 1
            if right <= left or (down == 0 and aside == 0):
                continue
            distances(guide, row, left, right, down, aside, sums)
            for r in range(len(refs)):
                column = refs[r]
                if column < left or column >= right:
                    continue
                distance = sums[column - left]
                count = found[r]
                if distance > limit or (count == most and distance >= apart[r, most - 1]):
                    continue
                place = count if count < most else most - 1
                while apart[r, place - 1] > distance:
                    apart[r, place] = apart[r, place - 1]
                    places[r, place, 0], places[r, place, 1] = places[r, place - 1, 0], places[r, place - 1, 1]
                    place -= 1
                apart[r, place], places[r, place, 0], places[r, place, 1] = distance, row + down, column + aside
                found[r] = min(count + 1, most)


@native
def half(matrix, block, other):
    """other [8, 8] := (matrix block)^T."""
    for i in range(SIDE):
        for j in range(SIDE):
            sum_ = matrix[i, 0] * block[0, j]
            for k in range(1, SIDE):
                sum_ += matrix[i, k] * block[k, j]
            other[j, i] = sum_


@native
def separable(matrix, block, other):
    """block [8, 8] := matrix block matrix^T; `other` [8, 8] is overwritten."""
    half(matrix, block, other)
    half(matrix, other, block)


@native
def across(group):
    """The orthonormal Walsh-Hadamard transform along the first axis of [K, 8, 8], K a power of 2; its own inverse."""
    size, stride = len(group), 1
    lines = group.reshape(size, SIDE * SIDE)
    while stride < size:
        for start in range(0, size, 2 * stride):
            for k in range(start, start + stride):
                one, two = lines[k], lines[k + stride]
                for n in range(SIDE * SIDE):
                    a, b = one[n], two[n]
                    one[n], two[n] = a + b, a - b
        stride *= 2
    flat, gain = group.reshape(-1), np.float32(1 / np.sqrt(size))
    for n in range(len(flat)):
        flat[n] *= gain


@native
def collect(plane, places, group, matrix, other):
    """The spectra of the blocks of a plane [H, W] at `places` [K, 2], also across them, to group [K, 8, 8]."""
    for k in range(len(places)):
        for i in range(SIDE):
            line = plane[places[k, 0] + i, places[k, 1] : places[k, 1] + SIDE]
            for j in range(SIDE):
                group[k, i, j] = line[j]
        separable(matrix, group[k], other)
    across(group)


@native
def put(group, places, matrix, other, weight, window, top, total, weights):
    """Adds weight * window * the blocks whose spectra are `group` to `total` [H, W], weight * window to `weights`."""
    across(group)
    for k in range(len(places)):
        separable(matrix, group[k], other)
        for i in range(SIDE):
            line = total[places[k, 0] - top + i, places[k, 1] : places[k, 1] + SIDE]
            shares = weights[places[k, 0] - top + i, places[k, 1] : places[k, 1] + SIDE]
            for j in range(SIDE):
                share = weight * window[i, j]
                line[j] += share * group[k, i, j]
                shares[j] += share


@native
def power_of_two(most):
    """The greatest one up to `most`."""
    size = 1
    while 2 * size <= most:
        size *= 2
    return size


@native
def keep_large(group, floor):
    """Sets to 0 what is at most `floor` in size; how many are left."""
    flat, kept = group.reshape(-1), 0
    for n in range(len(flat)):
        if abs(flat[n]) > floor:
            kept += 1
        else:
            flat[n] = 0
    return kept


@native
def shrink(group, truth, variance):
    """Wiener's factors of spectra `truth` in noise of `variance`, on `group`; the sum of their squares."""
    flat, ideal, kept = group.reshape(-1), truth.reshape(-1), np.float32(0)
    for n in range(len(flat)):
        energy = ideal[n] * ideal[n]
        share = energy / (energy + variance)
        flat[n] *= share
        kept += share * share
    return kept


@native
def filtered(planes, guide, downs, refs, reach, limit, most, level, forth, back, window, top, total, weights):
    """One pass over groups of up to `most` blocks, whose first are at rows `downs` and columns `refs`.

    planes: [C, H, W], the noisy image. guide: [C, H, W], a first estimate, for Wiener's filter in noise of variance
    `level`; or [0, H, W] for a threshold of `level`. Blocks are found in plane 0 of the guide, if there is one.
    forth, back: [8, 8], the transform of rows and columns, and its inverse. total, weights: [C, h, W], sums that begin
    at row `top`.
    """
    wiener = guide.shape[0] > 0
    shown = guide[0] if wiener else planes[0]
    apart, places = np.empty((len(refs), most), np.float32), np.empty((len(refs), most, 2), np.int64)
    found = np.empty(len(refs), np.int64)
    group, truth = np.empty((most, SIDE, SIDE), np.float32), np.empty((most, SIDE, SIDE), np.float32)
    other = np.empty((SIDE, SIDE), np.float32)
    for row in downs:
        alike(shown, row, refs, reach, limit, apart, places, found)
        for r in range(len(refs)):
            size = power_of_two(found[r])
            chosen, part = places[r, :size], group[:size]
            for channel in range(planes.shape[0]):
                collect(planes[channel], chosen, part, forth, other)
                if wiener:
                    collect(guide[channel], chosen, truth[:size], forth, other)
                    kept = shrink(part, truth[:size], level)
                else:
                    kept = np.float32(keep_large(part, level))
                # Groups that keep little are sparse, so little of what they keep is noise.
                weight = np.float32(1) / max(kept, np.float32(1e-3 if wiener else 1))
                put(part, chosen, back, other, weight, window, top, total[channel], weights[channel])
