"""BM3D for grey and coloured images of any size: two passes over bands of rows, in memory proportional to the image.

Dabov, Foi, Katkovnik, Egiazarian, IEEE TIP 16(8), 2007, and, for colours, "Color Image Denoising via Sparse 3D
Collaborative Filtering with Grouping Constraint in Luminance-Chrominance Space", ICIP 2007.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy.fft import dct

from dgan_jax.ops import block_matching, progress
from dgan_jax.ops.blocks import BASIS, SIDE

REACH = 19
"""How far away a block may be that is filtered together with another, in pixels."""
STEP = 3
"""Every third block in each direction has a group."""
BAND = 64
"""Rows of groups that one thread works on; sums are added band by band, so that their number changes nothing."""
LOW = np.array([3, -3, -22, 22, 128, 128, 22, -22, -3, 3]) / 256 * np.sqrt(2)
"""The smoothing filter of the biorthogonal spline wavelet 1.5 (Cohen, Daubechies, Feauveau 1992)."""


def spline_wavelet() -> np.ndarray:
    """[8, 8]: all three levels of the periodic biorthogonal wavelet 1.5, rows of unit length."""
    matrix = np.eye(SIDE)
    for size in (8, 4, 2):
        level = np.eye(SIDE)
        level[:size] = 0
        for k in range(size // 2):
            for n, tap in enumerate(LOW):
                level[k, (2 * k + n - 4) % size] += tap
            level[size // 2 + k, 2 * k : 2 * k + 2] = np.array([1, -1]) / np.sqrt(2)
        matrix = level @ matrix
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def passed(shape: tuple[int, int, int], work: Callable[..., None], before: np.ndarray) -> np.ndarray:
    """One pass over all bands; work(downs, refs, top, total, weights) adds to sums [C, h, W] that begin at row `top`.

    Returns the means, and `before` where there are none.
    """
    channels, height, width = shape
    # The last block must touch the border, wherever the grid ends.
    starts = lambda side: np.unique(np.append(np.arange(0, side - SIDE + 1, STEP), side - SIDE))
    down, across = starts(height), starts(width)
    total, weights = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def band(refs: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        top, bottom = max(0, refs[0] - REACH), min(height, refs[-1] + REACH + SIDE)
        sums = np.zeros((2, channels, bottom - top, width), np.float32)
        work(refs, across, top, sums[0], sums[1])
        return top, sums[0], sums[1]

    bands = np.split(down, range(BAND // STEP, len(down), BAND // STEP))
    threads = min(len(bands), cores())
    with ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(bands), threads):
            progress.tell(first, len(bands))
            for top, part, share in pool.map(band, bands[first : first + threads]):
                total[:, top : top + part.shape[1]] += part
                weights[:, top : top + part.shape[1]] += share
    return np.where(weights > 0, total / np.maximum(weights, 1e-20), before)


def bm3d(image: np.ndarray, sigma: float, *, cut: float = 2.7) -> np.ndarray:
    """[H, W, C] -> denoised, not clipped, float64; sigma: of white noise, in the image's units (of a range of 1).

    cut: coefficients of groups below cut * sigma are dropped in the first pass.
    """
    if not sigma > 0:
        return image.copy()
    height, width, channels = image.shape
    margins = [(0, max(0, SIDE - height)), (0, max(0, SIDE - width)), (0, 0)]
    padded = np.pad(image, margins, mode="symmetric") if max(margins)[1] else image
    # The cosine transform parts brightness, in which blocks are compared, from colours, and leaves white noise white.
    colours = dct(np.eye(channels), axis=0, norm="ortho")
    planes = np.einsum("oc,hwc->ohw", colours, padded).astype(np.float32)
    strong = sigma > 40 / 255
    window = np.outer(*2 * [np.kaiser(SIDE, 2.0)]).astype(np.float32)
    matrix = np.asarray(BASIS, np.float32)
    forth = matrix if strong else spline_wavelet().astype(np.float32)
    back = np.linalg.inv(forth.astype(np.float64)).astype(np.float32)
    # Twice the papers' limits and less noise for Wiener's filter: 0.07 dB on photographs with clipped noise. Theirs are
    # for the mean of the channels, which is that much smaller than plane 0.
    far, near = (channels * SIDE**2 * limit / 255**2 for limit in ((10000, 7000) if strong else (5000, 800)))

    def first(downs: np.ndarray, refs: np.ndarray, *sums: Any) -> None:
        none, limit, floor = planes[:0], np.float32(far), np.float32(cut * sigma)
        block_matching.filtered(planes, none, downs, refs, REACH, limit, 16, floor, forth, back, window, *sums)

    def second(downs: np.ndarray, refs: np.ndarray, *sums: Any) -> None:
        limit, level, inverse = np.float32(near), np.float32(0.8 * sigma**2), np.ascontiguousarray(matrix.T)
        block_matching.filtered(planes, basic, downs, refs, REACH, limit, 32, level, matrix, inverse, window, *sums)

    with progress.part(0, 2):
        basic = passed(planes.shape, first, planes)
    with progress.part(1, 2):
        clean = passed(planes.shape, second, basic)
    return np.einsum("oc,ohw->hwc", colours, clean)[:height, :width]
