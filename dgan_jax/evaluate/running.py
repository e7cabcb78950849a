"""What restoring costs on this machine."""

import tracemalloc
from typing import NamedTuple

import jax
import numpy as np

from dgan_jax.core.parts import Example
from dgan_jax.evaluate.inputs import rows_of
from dgan_jax.restore import Runner

CALLS, PATIENCE = 4, 5.0
"""Calls that are timed at least, unless they take this many seconds together."""


class Cost(NamedTuple):
    """Of restoring, on this machine; what cannot be known is nan.

    FLOPs are XLA's own estimate. Memory is what XLA plans for one call on `batch` images, weights and images included;
    of a library's function on the host, what Python and NumPy allocate for one image.
    """

    seconds_per_image: float  # median over batches, compilation apart
    compile_seconds: float
    flops: float  # per image
    peak_bytes: float
    batch: int

    @property
    def bytes_per_image(self) -> float:
        return self.peak_bytes / self.batch


def cost_of(runner: Runner, given: Example, keys: jax.Array) -> Cost:
    """Of what a runner has done so far. `given` and its keys are a batch to run again where too few were timed, and to
    measure memory with."""
    prepared = runner.prepare(given)
    while len(runner.seconds) < CALLS and sum(seconds for seconds, _ in runner.seconds) < PATIENCE:
        prepared(keys)
    # The first call of several also pays for what is loaded and cached at first use.
    timed = runner.seconds[1:] if len(runner.seconds) > 1 else runner.seconds
    each = float(np.median([seconds / count for seconds, count in timed]))
    if runner.system.host:
        return Cost(each, 0.0, np.nan, allocated(runner, rows_of(given, slice(0, 1)), keys[:1]), 1)
    return Cost(each, runner.compile_seconds, runner.flops / runner.rows, runner.peak_bytes, runner.full)


def allocated(runner: Runner, given: Example, keys: jax.Array) -> float:
    """Peak bytes that Python and NumPy allocate for one image, or nan where something else is already tracing."""
    if tracemalloc.is_tracing():
        return np.nan
    y = runner.prepare(given).y
    for name in runner.asked:
        _ = y[name]
    tracemalloc.start()
    try:
        runner.system.restore(runner.variables, y, keys)
        return float(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
