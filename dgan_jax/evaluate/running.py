"""Running a system on measurements of any size, and keeping account of what that costs."""

import time
import tracemalloc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.core.parts import Measurement, System
from dgan_jax.core.programs import make_room
from dgan_jax.evaluate.inputs import rows_of
from dgan_jax.restore import padded, windows

OVERLAP = 64
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


class Program(NamedTuple):
    call: Any
    flops: float
    peak_bytes: float


def planned(compiled: Any) -> tuple[float, float]:
    """FLOPs and peak bytes of a compiled function, as far as XLA tells."""
    analysis = compiled.cost_analysis() or {}
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    memory = compiled.memory_analysis()
    if memory is None:
        return float(analysis.get("flops", np.nan)), np.nan
    held = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return float(analysis.get("flops", np.nan)), float(memory.temp_size_in_bytes + held)


class Runner:
    """`System.restore` of a system with its variables: (y, keys [B]) -> [B, H, W, C] in [-1, 1].

    Compiled once per shape; a batch that is shorter than the first is filled up, so that it needs no other program.
    Sides are padded by mirroring to multiples of `System.multiple` (networks: of `share` as well, so that images of
    similar sizes share a program), and the result is cut. Images larger than `tile` go through networks in overlapping
    windows.
    """

    def __init__(self, system: System, variables: dict[str, Any], *, share: int = 1, tile: int | None = None) -> None:
        self.system, self.variables = system, jax.device_put(variables)
        network = bool(system.players)
        self.multiple = int(np.lcm(system.multiple, share)) if network else system.multiple
        self.tile = tile if network else None
        self.programs: dict[Any, Program] = {}
        self.full = self.rows = 0
        self.flops = self.compile_seconds = self.peak_bytes = 0.0
        self.seconds: list[tuple[float, int]] = []

    def __call__(self, y: Measurement, keys: jax.Array) -> jax.Array:
        count, height, width = y["image"].shape[:3]
        y = fitted(y, self.multiple)
        if not self.system.host:
            self.full = max(self.full, count)
            rows = np.minimum(np.arange(self.full), count - 1)
            y, keys = rows_of(jax.tree.map(jnp.asarray, y), rows), keys[rows]
        jax.block_until_ready(y)
        compiling, clock = self.compile_seconds, time.perf_counter()
        restored = jax.block_until_ready(self.whole(y, keys))
        taken = time.perf_counter() - clock - (self.compile_seconds - compiling)
        self.seconds.append((taken, len(keys)))
        self.rows += len(keys)
        return restored[:count, :height, :width]

    def whole(self, y: Measurement, keys: jax.Array) -> jax.Array:
        """In one call, or in windows if the image is large."""
        if self.tile is None or max(y["image"].shape[1:3]) <= self.tile:
            return self.once(y, keys)
        base = int(np.lcm(self.multiple, np.lcm.reduce(list(ratios(y).values()))))
        side = max(base, self.tile // base * base)
        one = lambda i: windows(
            self.once, rows_of(y, slice(i, i + 1)), keys[i], tile=side, overlap=min(OVERLAP, side // 2)
        )
        return jnp.asarray(np.concatenate([one(i) for i in range(len(keys))]))

    def once(self, y: Measurement, keys: jax.Array) -> jax.Array:
        if self.system.host:
            return jnp.asarray(self.system.restore(self.variables, jax.device_get(y), keys))
        shapes = tuple(sorted((name, value.shape) for name, value in y.items()))
        if shapes not in self.programs:
            if make_room():
                self.programs.clear()
            clock = time.perf_counter()
            compiled = jax.jit(self.system.restore).lower(self.variables, y, keys).compile()
            self.programs[shapes] = Program(compiled, *planned(compiled))
            self.compile_seconds += time.perf_counter() - clock
        program = self.programs[shapes]
        self.flops += program.flops
        self.peak_bytes = max(self.peak_bytes, program.peak_bytes)
        return program.call(self.variables, y, keys)

    def cost(self, y: Measurement, keys: jax.Array) -> Cost:
        """So far. `y` and its keys are a batch to run again where too few were timed, and to measure memory with."""
        while len(self.seconds) < CALLS and sum(seconds for seconds, _ in self.seconds) < PATIENCE:
            self(y, keys)
        # The first call of several also pays for what is loaded and cached at first use.
        timed = self.seconds[1:] if len(self.seconds) > 1 else self.seconds
        each = float(np.median([seconds / count for seconds, count in timed]))
        if self.system.host:
            return Cost(each, 0.0, np.nan, self.allocated(rows_of(y, slice(0, 1)), keys[:1]), 1)
        return Cost(each, self.compile_seconds, self.flops / self.rows, self.peak_bytes, self.full)

    def allocated(self, y: Measurement, keys: jax.Array) -> float:
        """Peak bytes that Python and NumPy allocate for one image, or nan where something else is already tracing."""
        if tracemalloc.is_tracing():
            return np.nan
        y = jax.device_get(fitted(y, self.multiple))
        tracemalloc.start()
        try:
            self.system.restore(self.variables, y, keys)
            return float(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()


def ratios(y: Measurement) -> dict[str, int]:
    """How many times smaller than `image` each part with a height and a width is."""
    return {name: y["image"].shape[1] // value.shape[1] for name, value in y.items() if value.ndim == 4}


def fitted(y: Measurement, multiple: int) -> Measurement:
    """A measurement mirrored at the bottom and the right, so that the sides of `image` are multiples of `multiple`.

    All that has a height and a width grows in proportion: a reduced image by fewer pixels.
    """
    height, width = y["image"].shape[1:3]
    if height % multiple == 0 and width % multiple == 0:
        return y
    smaller = ratios(y)
    whole = int(np.lcm(multiple, np.lcm.reduce(list(smaller.values()))))
    grow = lambda name, value: jnp.stack([padded(np.asarray(one), whole // smaller[name]) for one in value])
    return {name: grow(name, value) if name in smaller else value for name, value in y.items()}
