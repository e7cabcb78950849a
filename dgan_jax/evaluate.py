"""Measuring a system: the same images, the same damage, named protocols, cost on this machine."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import tasks
from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.parts import Measurement, System, Task
from dgan_jax.data.pipeline import to_bytes, to_unit
from dgan_jax.metrics.table import named
from dgan_jax.restore import restorer
from dgan_jax.tasks.superres import SuperResolution

WHOLE_METRICS = ("psnr_rgb", "ssim_rgb_gauss")
INPAINT_METRICS = ("psnr_hole", *WHOLE_METRICS)


def metrics_for(task: Task) -> tuple[str, ...]:
    """The figures that papers on a task report."""
    if tasks.name_of(task) == "inpaint":
        return INPAINT_METRICS
    return (f"psnr_y_crop{task.scale}", *WHOLE_METRICS) if isinstance(task, SuperResolution) else WHOLE_METRICS


@dataclasses.dataclass(frozen=True)
class Result:
    """One row of figures for each image, and what the whole cost."""

    index: np.ndarray  # [N] position in the source
    figures: dict[str, np.ndarray]  # [N] per metric
    seconds_per_image: float  # median over batches, without the first call's compilation
    seconds_first_call: float
    images: np.ndarray  # uint8 [K, H, W, C], the first restored ones
    coverage: np.ndarray | None  # [N] share of missing pixels

    def means(self) -> dict[str, float]:
        """Mean over images of each per-image figure."""
        return {name: float(np.mean(values)) for name, values in self.figures.items()}


def damage(task: Task, index: np.ndarray, batch: dict[str, np.ndarray], seed: int) -> Measurement:
    """What is measured of a batch of uint8 images; image i's damage depends on (seed, i) alone."""
    keys = indexed_keys(jax.random.fold_in(jax.random.key(seed), 0), jnp.asarray(index))
    return measure_batch(task, keys, {**batch, "image": to_unit(jnp.asarray(batch["image"]))})


@functools.partial(jax.jit, static_argnums=0)
def measure_batch(task: Task, keys: jax.Array, examples: dict[str, jax.Array]) -> Measurement:
    return jax.vmap(task.measure)(keys, examples)


def evaluate(
    system: System,
    variables: dict[str, Any],
    task: Task,
    batches: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]],
    *,
    seed: int = 0,
    sample: int = 0,
    metrics: Sequence[str] = (),
    keep: int = 8,
    each: Callable[[int], None] = lambda done: None,
) -> Result:
    """Damage, restore and measure every image of `batches` ((index [B], {"image": uint8 [B, H, W, C], ...})).

    Image i is damaged with a key made of (seed, i) and restored with one of (seed, sample, i): every system sees the
    same damage, whatever the batch size. Figures are of the 8-bit result, with known pixels put back; `metrics_for` the
    task unless `metrics` are given. `each` is told the number of images done.
    """
    functions = named(tuple(metrics) or metrics_for(task))
    run = restorer(system, variables)
    project = jax.jit(task.project)
    score = jax.jit(
        lambda out, image, hole: {name: metric.function(out, image, hole) for name, metric in functions.items()}
    )
    restore_key = jax.random.fold_in(jax.random.key(seed), 1 + sample)
    rows, indices, seconds, coverage, done = [], [], [], [], 0
    images: list[np.ndarray] = []
    for index, batch in batches:
        index = np.asarray(index)
        y = damage(task, index, batch, seed)
        keys = indexed_keys(restore_key, index)
        jax.block_until_ready(y)
        clock = time.perf_counter()
        restored = jax.block_until_ready(run(y, keys))
        seconds.append((time.perf_counter() - clock, len(index)))
        hole = y.get("hole")
        # Elsewhere agreeing with what is known, as by back-projection, is a system's own affair.
        restored = to_bytes(restored if hole is None else project(restored, y))
        rows.append(jax.device_get(score(restored / 255.0, jnp.asarray(batch["image"]) / 255.0, hole)))
        indices.append(index)
        if hole is not None:
            coverage.append(np.asarray(hole).mean(axis=(1, 2, 3)))
        if sum(map(len, images)) < keep:
            images.append(np.asarray(restored))
        done += len(index)
        each(done)
    if not rows:
        raise ValueError("no images to evaluate: the data source is empty")
    timed = seconds[1:] if len(seconds) > 1 else seconds
    return Result(
        index=np.concatenate(indices),
        figures={name: np.concatenate([row[name] for row in rows]) for name in functions},
        seconds_per_image=float(np.median([s / n for s, n in timed])),
        seconds_first_call=seconds[0][0],
        images=np.concatenate([batch[:keep] for batch in images])[:keep],
        coverage=np.concatenate(coverage) if coverage else None,
    )
