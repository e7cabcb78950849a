"""Measuring a system: the same images, the same damage, named protocols, cost on this machine."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import tasks
from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.parts import System, Task
from dgan_jax.data.pipeline import to_unit
from dgan_jax.evaluate.inputs import Inputs, Measured, damage, observe_batch, seen
from dgan_jax.evaluate.running import Cost, cost_of
from dgan_jax.metrics import intervals
from dgan_jax.metrics.diversity import SampleMetric
from dgan_jax.metrics.intervals import Figure
from dgan_jax.metrics.metric import AnyMetric, Metric
from dgan_jax.metrics.sets import SetMetric, join
from dgan_jax.metrics.table import named
from dgan_jax.restore import Runner
from dgan_jax.tasks.superres import SuperResolution

__all__ = ["Cost", "Extreme", "Inputs", "Result", "damage", "evaluate", "metrics_for", "seen"]

WHOLE_METRICS = ("psnr_rgb", "ssim_rgb_gauss")
INPAINT_METRICS = ("psnr_hole", *WHOLE_METRICS)
GENERATE_METRICS = ("swd_rgb",)


def metrics_for(task: Task) -> tuple[str, ...]:
    """The figures that papers on a task report."""
    kind = tasks.name_of(task)
    if kind in ("inpaint", "generate"):
        return INPAINT_METRICS if kind == "inpaint" else GENERATE_METRICS
    return (f"psnr_y_crop{task.scale}", *WHOLE_METRICS) if isinstance(task, SuperResolution) else WHOLE_METRICS


class Extreme(NamedTuple):
    """An image of the contact sheet."""

    rank: str  # best, median or worst
    position: int  # row of the figures
    images: dict[str, np.ndarray]  # uint8 [H, W, C]: original, damaged, restored


@dataclasses.dataclass(frozen=True)
class Result:
    """One row of figures for each image, what they add up to, and what the whole cost."""

    index: np.ndarray  # [N] position in the source
    figures: dict[str, np.ndarray]  # [N] per metric of single images
    summary: dict[str, Figure]  # per metric: the mean over images, or the figure of the whole set
    cost: Cost
    images: list[np.ndarray]  # uint8 [H, W, C], the first restored ones
    coverage: np.ndarray | None  # [N] share of missing pixels
    extremes: list[Extreme] = dataclasses.field(default_factory=list)

    def means(self) -> dict[str, float]:
        """Each figure without its interval."""
        return {name: figure.value for name, figure in self.summary.items()}

    @property
    def seconds_per_image(self) -> float:
        return self.cost.seconds_per_image


@functools.lru_cache(maxsize=8)
def all_of(functions: tuple[Callable[..., Any], ...]) -> Callable[..., list[Any]]:
    """The functions in one compiled one, which the next system's evaluation finds ready."""
    return jax.jit(lambda *given: [function(*given) for function in functions])


class Scores:
    """The figures of batches, as they come. Metrics that look at the same features have them computed once.

    `originals`: features of the original images batch by batch, from another system's evaluation on the same inputs; an
    empty list is filled.
    """

    def __init__(self, metrics: Mapping[str, AnyMetric], originals: list[Any]) -> None:
        self.metrics, self.originals = metrics, originals
        self.single = {name: metric for name, metric in metrics.items() if isinstance(metric, Metric)}
        self.sets = {name: metric for name, metric in metrics.items() if isinstance(metric, SetMetric)}
        self.drawn = {name: metric for name, metric in metrics.items() if isinstance(metric, SampleMetric)}
        self.samples = max((metric.samples for metric in self.drawn.values()), default=1)
        """Of each image, that the metrics ask for."""
        describe = tuple(dict.fromkeys(metric.features for metric in self.sets.values()))
        self.place = {name: describe.index(metric.features) for name, metric in self.sets.items()}
        score = all_of(tuple(metric.function for metric in self.single.values()))
        self.score = lambda *of: dict(zip(self.single, score(*of), strict=True))
        differ = all_of(tuple(metric.function for metric in self.drawn.values()))
        self.differ = lambda *of: dict(zip(self.drawn, differ(*of), strict=True))
        self.describe = all_of(describe)
        self.known = bool(originals)
        self.rows: list[dict[str, np.ndarray]] = []
        self.restored: list[Any] = []

    def add(self, samples: Sequence[jax.Array], original: jax.Array, hole: jax.Array | None) -> None:
        """Images in [0, 1] on the 8-bit grid: `samples` restored ones of each, of which most figures see the first."""
        restored = samples[0]
        row = self.score(restored, original, hole)
        if self.drawn:
            row |= self.differ(jnp.stack(samples), hole)
        self.rows.append(jax.device_get(row))
        if self.sets:
            self.restored.append(jax.device_get(self.describe(restored, hole)))
            if not self.known:
                self.originals.append(jax.device_get(self.describe(original, hole)))

    def figures(self) -> dict[str, np.ndarray]:
        return {name: np.concatenate([row[name] for row in self.rows]) for name in [*self.single, *self.drawn]}

    def summary(self) -> dict[str, Figure]:
        """In the order of the metrics."""
        figures = self.figures()
        gather = lambda parts: [join([part[i] for part in parts]) for i in range(len(parts[0]))] if parts else []
        ours, theirs = gather(self.restored), gather(self.originals)
        found = {}
        for name, metric in self.metrics.items():
            if not isinstance(metric, SetMetric):
                found[name] = intervals.mean(figures[name])
                continue
            pair = ours[self.place[name]], theirs[self.place[name]]
            count = len(jax.tree.leaves(pair[0])[0]) if metric.bootstrap else 1
            found[name] = intervals.of_set(metric.figure, *pair, count)
        return found


class OwnFigures:
    """What a system itself tells of the original images, batch by batch."""

    def __init__(self, system: System, task: Task, variables: dict[str, Any]) -> None:
        self.names, self.task, self.variables = tuple(system.figures), task, variables
        self.tell = jax.jit(lambda *given: [figure.function(*given) for figure in system.figures.values()])
        self.rows: list[list[np.ndarray]] = []

    def add(self, part: Measured, keys: jax.Array) -> None:
        if self.names:
            y = observe_batch(self.task, part.given)
            self.rows.append(jax.device_get(self.tell(self.variables, to_unit(jnp.asarray(part.image)), y, keys)))

    def figures(self) -> dict[str, np.ndarray]:
        """[N] each, by name."""
        return dict(zip(self.names, map(np.concatenate, zip(*self.rows, strict=True)), strict=True))


def evaluate(
    system: System,
    variables: dict[str, Any],
    inputs: Inputs,
    *,
    sample: int = 0,
    metrics: Mapping[str, AnyMetric] | None = None,
    keep: int = 8,
    contact: bool = False,
    originals: list[Any] | None = None,
    each: Callable[[int], None] = lambda done: None,
) -> Result:
    """Restore and measure every image of the inputs.

    Image i is damaged with a key made of (seed, i) and restored with one of (seed, sample, i): every system sees the
    same damage, whatever the batch size. Metrics of several samples see the next ones, too; where a system draws
    nothing, its one answer stands for all. Figures are of the 8-bit result, with known pixels put back; `metrics_for`
    the task unless `metrics` are given, and after them the system's own (`System.figures`). `keep`: of so many images
    the restored version is kept. `contact`: find the best, the median and the worst image by the first metric of single
    images, too. `originals`: see `Scores`. `each` is told the number of images done. Images go through the `Runner` of
    photographs.
    """
    task: Any = inputs.task
    scores = Scores(named(metrics_for(task)) if metrics is None else metrics, [] if originals is None else originals)
    own = OwnFigures(system, task, variables)
    runner = Runner(system, task, variables)
    keys = lambda part, n: indexed_keys(jax.random.fold_in(jax.random.key(inputs.seed), 1 + n), part.numbers)
    restored = lambda part: runner(part.given, keys(part, sample))
    indices, coverage, done = [], [], 0
    images: list[np.ndarray] = []
    first: Measured | None = None
    for part in inputs:
        first = part if first is None else first
        prepared = runner.prepare(part.given)
        result = prepared(keys(part, sample))
        others = range(1, scores.samples)
        samples = [result, *(prepared(keys(part, sample + n)) if system.draws else result for n in others)]
        hole = part.given.get("hole")
        scores.add([jnp.asarray(drawn) / 255.0 for drawn in samples], jnp.asarray(part.image) / 255.0, hole)
        own.add(part, keys(part, sample))
        indices.append(part.numbers)
        if hole is not None:
            coverage.append(np.asarray(hole).mean(axis=(1, 2, 3)))
        images += list(np.asarray(result[: max(0, keep - len(images))]))
        done += len(part.numbers)
        each(done)
    if first is None:
        raise ValueError("no images to evaluate: the data source is empty")
    index, told = np.concatenate(indices), own.figures()
    return Result(
        index=index,
        figures={**scores.figures(), **told},
        summary={**scores.summary(), **{name: intervals.mean(values) for name, values in told.items()}},
        cost=cost_of(runner, first.given, keys(first, sample)),
        images=images,
        coverage=np.concatenate(coverage) if coverage else None,
        extremes=extremes(inputs, restored, index, scores) if contact and scores.single else [],
    )


def extremes(inputs: Inputs, restored: Callable[[Measured], np.ndarray], index: np.ndarray, scores: Scores) -> list:
    """The best, the median and the worst image by the first metric, restored once more."""
    name, metric = next(iter(scores.single.items()))
    values = scores.figures()[name]
    order = np.argsort(-values if metric.higher_is_better else values, kind="stable")
    # What has no figure would count as the worst.
    order = order[: max(1, int(np.sum(~np.isnan(values))))]
    places = {"best": int(order[0]), "median": int(order[(len(order) - 1) // 2]), "worst": int(order[-1])}
    parts = {int(part.numbers[0]): part for part in inputs.some({int(index[place]) for place in places.values()})}
    found = []
    for rank, place in places.items():
        part = parts[int(index[place])]
        images = {"original": part.image, "damaged": seen(part.image, part.given), "restored": restored(part)}
        found.append(Extreme(rank, place, {name: image[0] for name, image in images.items()}))
    return found
