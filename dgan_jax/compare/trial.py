"""A trial: which images, how they are damaged, and by what figures the restored ones are judged."""

import dataclasses
import functools
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dgan_jax import tasks
from dgan_jax.core.experiment import Data, at_least
from dgan_jax.core.machine import hardware, versions
from dgan_jax.core.names import unknown
from dgan_jax.core.parts import Task
from dgan_jax.core.targets import literal
from dgan_jax.data.options import open_data
from dgan_jax.data.pipeline import PICTURES, evaluation
from dgan_jax.data.store import Source
from dgan_jax.data.tiles import tiles
from dgan_jax.evaluate import metrics_for
from dgan_jax.metrics.metric import AnyMetric, Metric
from dgan_jax.metrics.table import named
from dgan_jax.train.configs import fill

CROPS = ("centre", "tiles", "none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """Images and damage. `data.size` is the side of the crops, `data.batch` the number of images restored at once."""

    task: Task
    data: Data = dataclasses.field(default_factory=Data)
    split: str = "test"
    crop: str = "centre"
    """centre: one crop per image; tiles: all pieces of that size; none: whole images, one by one."""
    limit: int = 200
    """Images at most; 0 is all."""
    metrics: tuple[str, ...] = ()
    """Default: those that papers on the task report. See `judged_by`."""
    seed: int = 0
    name: str = ""
    """What reports call it; default: the task and the data."""
    published: tuple[str, str] | None = None
    """Dataset and setting by their names in the tables of published figures, for example ("set5", "x4, bicubic"): only
    where these images and this damage are the same."""

    def __post_init__(self) -> None:
        at_least("limit", self.limit, 0)
        at_least("seed", self.seed, 0)
        if self.crop not in CROPS:
            raise unknown("crop", self.crop, CROPS)
        scale = granularity(self.task)
        if self.crop != "none" and self.data.size % scale:
            raise ValueError(f"enlarging by {scale} needs a size that is a multiple of it, got size {self.data.size}")

    @property
    def judged_by(self) -> tuple[str, ...]:
        return self.metrics or metrics_for(self.task)

    @property
    def kind(self) -> str:
        return tasks.name_of(self.task)

    @property
    def title(self) -> str:
        return self.name or f"{self.kind}, {Path(self.data.name).name}"

    @functools.cached_property
    def source(self) -> Source:
        return open_data(self.data, self.split)

    def batches(self) -> Iterable[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """(index [B], {"image": uint8 [B, H, W, C]}), from the start at every call."""
        some = self.limit or None
        if self.crop == "tiles":
            return tiles(self.source, self.data.size, batch=self.data.batch, limit=some)
        crop = "none" if self.crop == "none" else "centre"
        found = evaluation(self.source, self.data.size, batch=self.data.batch, crop=crop, limit=some)
        return trimmed(found, granularity(self.task)) if crop == "none" else found

    def image_name(self, index: int) -> str:
        """Of an image, or the number of a piece."""
        return str(index) if self.crop == "tiles" else Path(self.source.name(index)).name.rpartition(":")[2]

    def protocol(self) -> dict[str, Any]:
        """All that the figures depend on, as plain data."""
        return {
            "data": self.data.name,
            "split": self.split,
            "size": None if self.crop == "none" else self.data.size,
            "crop": self.crop,
            "limit": self.limit,
            "batch": 1 if self.crop == "none" else self.data.batch,
            "seed": self.seed,
            "task": {"name": self.kind, **dataclasses.asdict(self.task)},  # type: ignore[call-overload]
            "versions": versions(),
            **hardware(),
        }

    def describe(self, count: int, coverage: np.ndarray | None) -> str:
        """One line for a title."""
        size = "whole" if self.crop == "none" else f"{self.data.size}x{self.data.size}"
        line = f"{self.kind}, {count} images of {Path(self.data.name).name} ({self.split}), {size}"
        if "hole" in self.task.accepts and coverage is not None:
            line += f", hole {self.task.hole}, mean coverage {coverage.mean():.2f}"  # type: ignore[attr-defined]
        return line


def granularity(task: Task) -> int:
    """What the sides of an image must be multiples of for the task to damage it."""
    return int(getattr(task, "scale", 1))


def trimmed(batches: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]], multiple: int) -> Iterator[tuple]:
    """Images without what is too much at the bottom and the right, as papers on super-resolution cut them."""
    for index, batch in batches:
        height, width = (side - side % multiple for side in batch["image"].shape[1:3])
        if not height or not width:
            raise ValueError(f"image {int(index[0])} is smaller than {multiple}x{multiple}; leave it out of the data")
        cut = {name: batch[name][:, :height, :width] for name in PICTURES if name in batch}
        yield index, {**batch, **cut}


def with_options(task: Task, options: Iterable[str]) -> Task:
    """A task with fields changed by NAME=VALUE. Several values are given as A,B; a range may be one number."""
    values: dict[str, Any] = {}
    cls: Any = type(task)
    kinds = typing.get_type_hints(cls)
    own = {field.name: getattr(task, field.name) for field in dataclasses.fields(cls)}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not text:
            raise ValueError(f"--set takes NAME=VALUE, for example scale=4 or sigma=25, got {option!r}")
        if name not in own:
            raise unknown(f"option of the task {tasks.name_of(task)!r}:", name, own)
        values[name] = parsed(text, kinds[name])
    return fill(cls, {**own, **values}, "task")


def parsed(text: str, kind: Any) -> Any:
    """The value of a field of this kind that a text stands for."""
    if typing.get_origin(kind) is not tuple:
        return text if kind is str else literal(text)
    inner = typing.get_args(kind)
    parts = tuple(part if inner[0] is str else literal(part) for part in text.split(","))
    return parts * 2 if len(parts) == 1 and inner == (float, float) else parts


def check_metrics(trial: Trial, weights: str | Path | None = None) -> dict[str, AnyMetric]:
    """The metrics of a trial. A ValueError for those that are unknown, whose weights are missing, or that compare with
    an original where there is none."""
    found = named(trial.judged_by, weights)
    single = [name for name, metric in found.items() if isinstance(metric, Metric)]
    if trial.kind == "generate" and single:
        raise ValueError(
            f"generation has no original to compare with, as {', '.join(single)} would; give --metrics of whole sets, "
            "for example swd_rgb or fid"
        )
    return found
