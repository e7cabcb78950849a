"""U-IDS and P-IDS: whether a linear machine tells restored images from originals by their Inception features.

Zhao et al., "Large Scale Image Completion via Co-Modulated Generative Adversarial Networks", ICLR 2021,
arXiv 2103.10428.
"""

from typing import NamedTuple

import numpy as np


class Discrimination(NamedTuple):
    """unpaired: share of images on the wrong side, 0 .. 0.5; paired: share of pairs whose restored image looks more
    like an original than its own original does. Higher is better."""

    unpaired: float
    paired: float


def separate(x: np.ndarray, side: np.ndarray, *, cost: float = 1.0) -> tuple[np.ndarray, float]:
    """The linear support vector machine with squared hinge: weights [D] and bias.

    Least 0.5 (|w|^2 + b^2) + cost * sum max(0, 1 - side (w . x + b))^2, for x [N, D] and side [N] of -1 and 1, by
    Newton's method, which ends exactly: the function is strictly convex and quadratic in pieces.
    """
    x = np.concatenate([np.asarray(x, np.float64), np.ones((len(x), 1))], axis=1)
    slack = lambda v: np.maximum(1.0 - side * (x @ v), 0.0)
    value = lambda v: 0.5 * float(v @ v) + cost * float(np.sum(np.square(slack(v))))
    slope = lambda v: v - 2.0 * cost * x.T @ (side * slack(v))
    v = np.zeros(x.shape[1])
    enough = 1e-9 * float(np.linalg.norm(slope(v)))
    for _ in range(100):
        gradient = slope(v)
        if np.linalg.norm(gradient) <= enough:
            return v[:-1], float(v[-1])
        active = x[slack(v) > 0]
        step = np.linalg.solve(np.eye(len(v)) + 2.0 * cost * active.T @ active, gradient)
        v = shorter(value, v, step, float(gradient @ step))
    raise ValueError(f"the separation of {len(x)} images did not settle; are there infinite features?")


def shorter(value, v: np.ndarray, step: np.ndarray, descent: float) -> np.ndarray:
    """v - step, or the first of its halvings that descends as its slope promises."""
    before = value(v)
    for halving in range(40):
        factor = 0.5**halving
        if value(v - factor * step) <= before - 1e-4 * factor * descent:
            break
    return v - factor * step


def discriminate(restored: np.ndarray, originals: np.ndarray, *, cost: float = 1.0) -> Discrimination:
    """Of features [N, D] of restored images and of their originals, in the same order."""
    if restored.shape != originals.shape:
        raise ValueError(f"pairs are wanted, got {len(restored)} restored images and {len(originals)} originals")
    side = np.repeat([1.0, -1.0], len(originals))
    weights, bias = separate(np.concatenate([originals, restored]), side, cost=cost)
    real, fake = (np.asarray(part, np.float64) @ weights + bias for part in (originals, restored))
    wrong = np.concatenate([real <= 0, fake > 0])
    return Discrimination(float(np.mean(wrong)), float(np.mean(fake > real)))
