"""Metrics of a whole set: two sets of images are described, image by image, and the two descriptions compared once.

`features` runs on the device beside the per-image metrics; `figure` sees all of them on the host. Those that need
published weights are in `metrics/through_networks.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from dgan_jax.metrics import sliced_wasserstein

Features = Any
"""An array [B, ...], or a dictionary of such arrays; the keys may depend on the images' size."""


class SetMetric(NamedTuple):
    """A figure of two sets; `protocol` is the sentence that goes under a table.

    features: (images [B, H, W, C] in [0, 1], hole [B, H, W, 1] or None) -> features; pure, may be jitted.
    figure: (features of all restored images, of all originals), both as `join` left them, -> the figure.
    `bootstrap`: whether resampling images gives a meaningful interval of it.
    """

    features: Callable[[jax.Array, jax.Array | None], Features]
    figure: Callable[[Features, Features], float]
    unit: str
    higher_is_better: bool
    protocol: str
    bootstrap: bool = True


def join(parts: Sequence[Features]) -> Features:
    """Features of several batches -> of all their images, NumPy, in the order given.

    An entry that the images of some size lack is NaN for these images, so that every entry has a row per image.
    """
    parts = [jax.device_get(part) for part in parts]
    if not isinstance(parts[0], Mapping):
        return np.concatenate(parts)
    kinds = {name: value.shape[1:] for part in parts for name, value in part.items()}
    counts = [len(next(iter(part.values()))) for part in parts]
    filled = lambda part, count, name: part[name] if name in part else np.full((count, *kinds[name]), np.nan, "f4")
    return {name: np.concatenate([filled(p, n, name) for p, n in zip(parts, counts, strict=True)]) for name in kinds}


PATCHES = "1-Wasserstein distance x 1000 along 512 directions of 7x7 patches of a Laplacian pyramid down to 16 pixels"

SETS: dict[str, SetMetric] = {
    "swd_rgb": SetMetric(
        sliced_wasserstein.anywhere,
        sliced_wasserstein.distance,
        "",
        False,
        f"{PATCHES}, mean over its levels; 128 patches per image and level, at the same places in both sets, each set"
        " scaled by its own mean and deviation per channel (Karras et al. 2018).",
        bootstrap=False,
    ),
    "swd_hole": SetMetric(
        sliced_wasserstein.in_hole,
        partial(sliced_wasserstein.distance, scaled_alike=True),
        "",
        False,
        f"{PATCHES}, mean over its levels; 128 patches per image and level with a missing pixel in the middle, at the"
        " same places in both sets, both scaled by the originals' mean and deviation per channel.",
        bootstrap=False,
    ),
}
