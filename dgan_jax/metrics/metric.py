"""What a metric is."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from dgan_jax.metrics.diversity import SampleMetric
from dgan_jax.metrics.sets import SetMetric

Score = Callable[[jax.Array, jax.Array, jax.Array | None], jax.Array]
"""(restored, original, hole or None) -> [B], on float images [B, H, W, C] in [0, 1] on the 8-bit grid."""


class Metric(NamedTuple):
    """A figure of merit; `protocol` is the sentence that goes under a table."""

    function: Score
    unit: str
    higher_is_better: bool
    protocol: str


AnyMetric = Metric | SetMetric | SampleMetric
"""Of single images, of whole sets, of several samples of an image."""
