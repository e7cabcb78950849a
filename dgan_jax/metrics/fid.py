"""Fréchet Inception distance from running statistics in float64, which merge over batches and hosts.

Heusel et al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", NeurIPS 2017,
arXiv 1706.08500. It is biased upward for few images: only figures of the same number of images compare.
"""

import os
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

FEW = 2048


class Statistics(NamedTuple):
    """Of so many `images`: the mean [D] of their features, and the sum of its deviations' products [D, D]; float64."""

    images: int
    mean: np.ndarray
    scatter: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """The sample covariance, denominator images - 1."""
        if self.images < 2:
            raise ValueError(f"a covariance needs at least 2 images, got {self.images}")
        return self.scatter / (self.images - 1)


def statistics(features: np.ndarray) -> Statistics:
    """Of features [N, D]."""
    wide = np.asarray(features, np.float64)
    mean = wide.mean(axis=0)
    centred = wide - mean
    return Statistics(len(wide), mean, centred.T @ centred)


def merge(a: Statistics, b: Statistics) -> Statistics:
    """Of both sets together, as if all had been seen at once (Chan et al. 1979)."""
    if a.mean.shape != b.mean.shape:
        raise ValueError(f"statistics of {a.mean.shape[0]} and {b.mean.shape[0]} features do not merge")
    count, apart = a.images + b.images, b.mean - a.mean
    scatter = a.scatter + b.scatter + np.outer(apart, apart) * (a.images * b.images / count)
    return Statistics(count, a.mean + apart * (b.images / count), scatter)


def save(path: str | os.PathLike, found: Statistics) -> None:
    """As .npz: count, mu and sigma (other tools read the last two)."""
    path = Path(path)
    if path.suffix != ".npz":
        raise ValueError(f"statistics go into a file NAME.npz, got {path.name}")
    np.savez(path, count=found.images, mu=found.mean, sigma=found.covariance)


def load(path: str | os.PathLike) -> Statistics:
    """What `save` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            count, mean, covariance = int(file["count"]), file["mu"], file["sigma"]
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} holds no count, mu and sigma as fid.save writes them: {error}") from None
    if covariance.shape != 2 * mean.shape or count < 2:
        raise ValueError(f"{path} has mu {mean.shape}, sigma {covariance.shape} and count {count}; it is damaged")
    return Statistics(count, mean.astype(np.float64), covariance.astype(np.float64) * (count - 1))


def root_trace(a: np.ndarray, b: np.ndarray) -> float:
    """tr sqrt(a b) of two covariances, by the symmetric sqrt(a) b sqrt(a), whose spectrum is real; rank may be low."""
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    # root^T b root has the eigenvalues of sqrt(a) b sqrt(a), and costs a product less.
    inner = np.linalg.eigvalsh(root.T @ b @ root)
    return float(np.sum(np.sqrt(np.maximum(inner, 0.0))))


def frechet(a: Statistics, b: Statistics) -> float:
    """|mu_a - mu_b|^2 + tr(A + B - 2 sqrt(A B))."""
    cov_a, cov_b = a.covariance, b.covariance
    apart = float(np.sum(np.square(a.mean - b.mean)))
    return apart + float(np.trace(cov_a) + np.trace(cov_b)) - 2.0 * root_trace(cov_a, cov_b)


def fid(restored: np.ndarray, originals: np.ndarray) -> float:
    """Of features [N, D] and [M, D]."""
    fewest = min(len(restored), len(originals))
    if fewest < FEW:
        warnings.warn(f"FID of {fewest} images is biased upward by some points; kid is not", stacklevel=2)
    return frechet(statistics(restored), statistics(originals))
