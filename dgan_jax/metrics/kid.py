"""Kernel Inception distance: an unbiased estimate, so that few images will do; it may be negative.

Binkowski et al., "Demystifying MMD GANs", ICLR 2018, arXiv 1801.01401.
"""

import numpy as np


def polynomial(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x . y / D + 1)^3 of every pair: [N, D], [M, D] -> [N, M]."""
    return (x @ y.T / x.shape[1] + 1.0) ** 3


def squared_discrepancy(x: np.ndarray, y: np.ndarray, *, biased: bool = False) -> float:
    """MMD^2 of two sets [N, D] of one length; `biased` counts every vector with itself, too."""
    if x.shape != y.shape or len(x) < 2:
        raise ValueError(f"the discrepancy is of two equally large sets of at least 2 images, got {len(x)}, {len(y)}")
    count = len(x)
    within = polynomial(x, x), polynomial(y, y)
    cross = 2.0 * float(np.mean(polynomial(x, y)))
    if biased:
        return sum(float(np.mean(k)) for k in within) - cross
    return sum(float(np.sum(k) - np.trace(k)) for k in within) / (count * (count - 1)) - cross


def kid(x: np.ndarray, y: np.ndarray, *, subsets: int = 100, size: int = 1000, seed: int = 2020) -> tuple[float, float]:
    """Mean and deviation over random subsets, of features [N, D] and [M, D].

    Of each set a subset without replacement is drawn, of `size` images or of all that the smaller one has.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    size = min(size, len(x), len(y))
    if len(x) == len(y) == size:
        subsets = 1  # all subsets would be the same
    random = np.random.RandomState(seed)
    draw = lambda rows: rows[random.choice(len(rows), size, replace=False)]
    found = [squared_discrepancy(draw(x), draw(y)) for _ in range(subsets)]
    return float(np.mean(found)), float(np.std(found))
