"""Precision and recall of a set: the share of restored images among the originals, and of originals among the restored.

Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", NeurIPS 2019,
arXiv 1904.06991.
"""

from collections.abc import Iterator

import numpy as np

BLOCK = 2000
BALLS = "in the balls of three nearest neighbours (Kynkaanniemi 2019), percent"
"""For the sentences of metrics."""


def distances(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of every pair, [block, M] for one block of rows of x after the other."""
    lengths = np.sum(np.square(y), axis=1)
    for start in range(0, len(x), BLOCK):
        rows = x[start : start + BLOCK]
        square = np.sum(np.square(rows), axis=1)[:, None] + lengths - 2.0 * rows @ y.T
        yield np.maximum(square, 0.0)


def radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """[N]: squared distance of each vector to its `neighbours`-th neighbour; itself, at 0, is not counted."""
    if len(x) <= neighbours:
        raise ValueError(f"the {neighbours}rd neighbour needs more than {neighbours} images, got {len(x)}")
    return np.concatenate([np.partition(block, neighbours, axis=1)[:, neighbours] for block in distances(x, x)])


def coverage(x: np.ndarray, y: np.ndarray, *, neighbours: int = 3) -> float:
    """The share of x [N, D] that lies in the ball of any of y [M, D], which reaches to its third neighbour in y.

    Precision is coverage(restored, originals), recall is coverage(originals, restored).
    """
    # Distances are differences of squares: a mean that all share would cost digits.
    centre = np.mean(y, axis=0, dtype=np.float64)
    x, y = x - centre, y - centre
    reach = radii(y, neighbours)
    return float(np.mean(np.concatenate([np.any(block <= reach, axis=1) for block in distances(x, y)])))


def precision(restored: np.ndarray, originals: np.ndarray) -> float:
    """In percent, of features [N, D] and [M, D]."""
    return 100.0 * coverage(restored, originals)


def recall(restored: np.ndarray, originals: np.ndarray) -> float:
    """In percent, of features [N, D] and [M, D]."""
    return 100.0 * coverage(originals, restored)
