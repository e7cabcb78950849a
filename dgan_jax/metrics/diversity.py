"""How far the answers of a system that draws them differ: nothing to compare with an original.

Diversity alone is no merit, noise has most of it: report it beside a distance to the originals. Five samples or more.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.metrics.l1 import l1, l1_hole
from dgan_jax.metrics.planes import check_hole

Distance = Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]
"""(a, b, hole or None) -> [B]: any function of the metrics' table, LPIPS for instance."""


def absolute(a: jax.Array, b: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[B] percent: mean absolute difference of the missing pixels or, without a hole, of all."""
    return l1(a, b) if hole is None else l1_hole(a, b, hole)


def check_samples(samples: jax.Array) -> None:
    """A ValueError unless samples are [K, B, H, W, C] with K >= 2."""
    if samples.ndim != 5 or samples.shape[0] < 2:
        raise ValueError(f"diversity needs [K, B, H, W, C] with at least 2 samples of each image, got {samples.shape}")


def diversity(samples: jax.Array, hole: jax.Array | None, *, distance: Distance = absolute) -> jax.Array:
    """[K, B, H, W, C] in [0, 1] -> [B]: the mean distance of two different samples of an image."""
    check_samples(samples)
    samples, (first, second) = jnp.asarray(samples), np.triu_indices(len(samples), 1)
    # One pair at a time: memory for K images, not for their K^2 pairs.
    apart = jax.lax.map(lambda pair: distance(samples[pair[0]], samples[pair[1]], hole), (first, second))
    return jnp.mean(apart, axis=0)


def deviation(samples: jax.Array, hole: jax.Array | None) -> jax.Array:
    """[K, B, H, W, C] in [0, 1] -> [B]: standard deviation over samples, averaged over the missing pixels or all.

    In grey levels of 255 with denominator K, as HCFlow reports it (Liang et al. 2021).
    """
    check_samples(samples)
    spread = 255.0 * jnp.mean(jnp.std(samples, axis=0), axis=-1, keepdims=True)
    counted = jnp.ones_like(spread) if hole is None else check_hole(hole, samples[0], "deviation")
    return jnp.sum(spread * counted, axis=(1, 2, 3)) / jnp.sum(counted, axis=(1, 2, 3))


class SampleMetric(NamedTuple):
    """A figure of `samples` samples of each image; `protocol` is the sentence that goes under a table.

    function: (samples [K, B, H, W, C] in [0, 1], hole [B, H, W, 1] or None) -> [B].
    """

    function: Callable[[jax.Array, jax.Array | None], jax.Array]
    samples: int
    unit: str
    protocol: str
    higher_is_better: None = None
    """Neither is."""


SAMPLES = 5

DRAWN: dict[str, SampleMetric] = {
    "diversity": SampleMetric(
        diversity,
        SAMPLES,
        "%",
        f"Mean absolute difference of two of {SAMPLES} samples of an image, of its missing pixels or, without a hole,"
        " of all, in percent of the range, 8-bit images; no merit by itself: noise has most of it.",
    ),
}
