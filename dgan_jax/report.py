"""What an evaluation leaves behind: a table, figures as JSON and CSV, and pictures."""

import csv
import dataclasses
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dgan_jax.core.files import write_atomically
from dgan_jax.data.images import write_image
from dgan_jax.data.pictures import GAP, PAPER, grid, write_grid
from dgan_jax.evaluate import Result
from dgan_jax.metrics import intervals
from dgan_jax.metrics.intervals import Figure
from dgan_jax.metrics.metric import AnyMetric
from dgan_jax.metrics.sets import SetMetric

BEST, NEAR = "best", "near"
MARKS = {BEST: "*", NEAR: "≈", "": " "}
NOISE = (
    f"95 % intervals by {intervals.PER_IMAGE} bootstrap draws of the images (figures of a whole set: "
    f"{intervals.PER_SET} draws, or none where images drawn twice would bias it); a row is within noise of the best if "
    "the interval of the mean difference to it, image by image, contains 0"
)
SHEET = 512
"""Longer sides are reduced to this many pixels on contact sheets."""

Images = np.ndarray | list[np.ndarray]
"""uint8 [K, H, W, C], or K images of their own sizes."""


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}; give another output folder") from error


def number(value: float) -> str:
    """Four digits, or two behind the point; a dash where there is none."""
    if math.isnan(value):
        return "–"
    return f"{value:.4g}" if abs(value) < 2 else f"{value:.2f}"


def plain(value: Any) -> Any:
    """Ready for JSON, which knows no infinity and no nan."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def standing(metric: AnyMetric, name: str, results: Mapping[str, Result]) -> dict[str, str]:
    """Of each system by one metric: best, near (within noise of the best), or nothing. A system alone is nothing."""
    values = {system: result.summary[name].value for system, result in results.items()}
    known = {system: value for system, value in values.items() if not math.isnan(value)}
    marks = dict.fromkeys(results, "")
    if len(results) < 2 or not known or metric.higher_is_better is None:
        return marks
    first = (max if metric.higher_is_better else min)(known, key=lambda system: known[system])
    for system, result in results.items():
        if values[system] == values[first]:
            marks[system] = BEST
        elif system in known and name in result.figures:
            near = intervals.alike(result.figures[name], results[first].figures[name])
            marks[system] = NEAR if near else ""
    return marks


def entry(figure: Figure, values: np.ndarray | None, kept: np.ndarray | None) -> dict[str, float | None]:
    """A figure as plain data: with a mean and a deviation over images where it has one for each.

    kept: [N] bool, the images that the mean is over; `exact` is how many are restored exactly where some are.
    """
    ends = {"low": figure.low, "high": figure.high}
    if values is None or kept is None:
        return {"value": figure.value, **ends}
    deviation = float(np.std(values[kept])) if np.all(np.isfinite(values[kept])) else None
    found = {"mean": figure.value, **ends, "std": deviation}
    return found if kept.all() else {**found, "averaged": int(kept.sum()), "exact": int(np.isinf(values).sum())}


@dataclasses.dataclass(frozen=True)
class Report:
    """Several systems measured on the same damaged images."""

    title: str
    results: dict[str, Result]
    metrics: Mapping[str, AnyMetric]
    protocol: dict[str, Any]  # data, split, size, seed, task, versions, machine
    columns: dict[str, Images]  # what every system was given
    about: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # by system: family, parameters, ...
    image_name: Callable[[int], str] = str

    def kept(self, metric: str) -> np.ndarray | None:
        """[N] bool: the images that means of a metric are over; None for a figure of the whole set."""
        rows = [result.figures[metric] for result in self.results.values() if metric in result.figures]
        return intervals.counted(rows) if rows else None

    def notes(self) -> list[str]:
        """Sentences on the images that means leave out: those that a system restores exactly, or that have no figure.

        They are left out for all systems alike.
        """
        said = []
        for metric in self.metrics:
            kept = self.kept(metric)
            if kept is None or kept.all():
                continue
            having = {name: result for name, result in self.results.items() if metric in result.figures}
            exact = {name: int(np.isinf(result.figures[metric]).sum()) for name, result in having.items()}
            counts = ", ".join(f"{count} by {name}" for name, count in exact.items() if count)
            if len(set(exact.values())) == 1 and len(exact) > 1 and counts:
                counts = f"{next(iter(exact.values()))} by each"
            without = int(np.any([np.isnan(result.figures[metric]) for result in having.values()], axis=0).sum())
            why = [f"restored exactly: {counts}"] if counts else []
            why += [f"without a figure, as nothing is missing in them: {without}"] if without else []
            said.append(f"{metric} is averaged over {int(kept.sum())} of {len(kept)} images; {'; '.join(why)}.")
        return said

    def standings(self) -> dict[str, dict[str, str]]:
        """Metric -> system -> mark."""
        return {name: standing(metric, name, self.results) for name, metric in self.metrics.items()}

    def table(self) -> list[tuple[str, ...]]:
        """One row for each system: figure, half its interval, * for the best and ≈ for what is within noise of it."""
        marks = self.standings()
        rows = []
        for name, result in self.results.items():
            cells = []
            for metric, (value, low, high) in result.summary.items():
                spread = "" if low is None or high is None else f" ±{(high - low) / 2:.2g}"
                cells.append(f"{number(value)}{spread} {MARKS[marks[metric][name]]}")
            rows.append((name, *cells, f"{1000 * result.seconds_per_image:.1f}"))
        return rows

    def summary(self) -> dict[str, Any]:
        """Plain data of everything but the images."""
        systems = {}
        for name, result in self.results.items():
            cost = result.cost
            systems[name] = {
                **{
                    metric: entry(figure, result.figures.get(metric), self.kept(metric))
                    for metric, figure in result.summary.items()
                },
                "images": len(result.index),
                "seconds_per_image": cost.seconds_per_image,
                "compile_seconds": cost.compile_seconds,
                "flops_per_image": cost.flops,
                "peak_bytes": cost.peak_bytes,
                "bytes_per_image": cost.bytes_per_image,
                "images_per_call": cost.batch,
                "coverage": None if result.coverage is None else float(result.coverage.mean()),
                **self.about.get(name, {}),
            }
        sentences = {name: metric.protocol for name, metric in self.metrics.items()}
        return plain({"protocol": {**self.protocol, "metrics": sentences, "intervals": NOISE}, "systems": systems})

    def images_csv(self) -> str:
        """A row per system and image."""
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        single = [name for name, metric in self.metrics.items() if not isinstance(metric, SetMetric)]
        writer.writerow(["system", "image", "name", *single])
        for system, result in self.results.items():
            for i, index in enumerate(result.index):
                figures = (f"{result.figures[name][i]:.6g}" if name in result.figures else "" for name in single)
                writer.writerow([system, int(index), self.image_name(int(index)), *figures])
        return lines.getvalue()

    def write(self, folder: Path, *, side: int = 160) -> None:
        """metrics.json, images.csv, picture.png, and contact.png where images can be ranked."""
        write_text(folder / "metrics.json", json.dumps(self.summary(), indent=2))
        write_text(folder / "images.csv", self.images_csv())
        self.picture(folder / "picture.png", side=side)
        sheets = [self.contact(name, side=side) for name, result in self.results.items() if result.extremes]
        if sheets:
            write_image(folder / "contact.png", stacked(sheets))

    def picture(self, path: Path, *, side: int = 160, only: Mapping[str, str] | None = None) -> None:
        """Rows: images; columns: what was given, then every system; or those of `only`, name -> caption."""
        columns = {**self.columns, **{name: result.images for name, result in self.results.items()}}
        only = only or {name: name for name in columns}
        rows = list(zip(*(columns[name] for name in only), strict=True))
        write_grid(path, rows, list(only.values()), side=side)

    def contact(self, name: str, *, side: int = 160) -> np.ndarray:
        """The best, median and worst image of a system by the first metric: original, damaged, restored."""
        result = self.results[name]
        captions, rows = [], []
        for extreme in result.extremes:
            told = [f"{extreme.rank}: {self.image_name(int(result.index[extreme.position]))[:28]}"]
            told += [f"{metric} {number(float(v[extreme.position]))}" for metric, v in result.figures.items()]
            captions.append("\n".join(told))
        for part in result.extremes[0].images:
            rows.append([reduced(extreme.images[part]) for extreme in result.extremes])
        return grid(rows, captions, title=f"{name} (original, damaged, restored)", side=max(side, 224))

    def renamed(self, names: Mapping[str, str]) -> "Report":
        """The same report with some systems called otherwise."""
        other = lambda by_system: {names.get(name, name): value for name, value in by_system.items()}
        return dataclasses.replace(self, results=other(self.results), about=other(self.about))

    def without(self, names: Iterable[str]) -> "Report":
        """The same report without some systems."""
        rest = lambda by_system: {name: value for name, value in by_system.items() if name not in set(names)}
        return dataclasses.replace(self, results=rest(self.results), about=rest(self.about))

    def best(self, among: Iterable[str], metric: str) -> str:
        """The system with the best figure of a metric."""
        sign = 1 if self.metrics[metric].higher_is_better else -1
        figure = lambda name: sign * self.results[name].means()[metric]
        return max(among, key=lambda name: -math.inf if math.isnan(figure(name)) else figure(name))

    def sentences(self, ours: str, others: Sequence[str]) -> list[str]:
        """In plain words, metric by metric, where `ours` wins and where it loses; on how many images, too."""
        said = []
        for metric, about in self.metrics.items():
            if about.higher_is_better is None:
                continue
            name = self.best(others, metric)
            sign = 1 if about.higher_is_better else -1
            our, their = (self.results[system].means()[metric] for system in (ours, name))
            gain = sign * (our - their)
            line = f"{metric}: {ours} {'wins against' if gain > 0 else 'loses to'} {name} by {abs(gain):.3g}"
            if our == their:
                line = f"{metric}: {ours} and {name} are level"
            if metric in self.results[ours].figures:
                mine, theirs = self.results[ours].figures[metric], self.results[name].figures[metric]
                wins = int(np.sum(mine > theirs if about.higher_is_better else mine < theirs))
                noise = ", which is within noise" if intervals.alike(mine, theirs) else ""
                line += f"{noise}; it is better on {wins} of {len(mine)} images"
            said.append(f"{line}.")
        fastest = min(self.results, key=lambda name: self.results[name].seconds_per_image)
        if fastest != ours:
            ratio = self.results[ours].seconds_per_image / self.results[fastest].seconds_per_image
            said.append(f"time: {ours} takes {ratio:.1f} times as long per image as the fastest, {fastest}.")
        return said


def reduced(image: np.ndarray) -> np.ndarray:
    """Every n-th pixel of a large image, so that a sheet stays a sheet."""
    step = -(-max(image.shape[:2]) // SHEET)
    return image[::step, ::step]


def stacked(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures one below the other."""
    width = max(sheet.shape[1] for sheet in sheets)
    fit = lambda sheet: np.pad(sheet, ((0, GAP), (0, width - sheet.shape[1]), (0, 0)), constant_values=PAPER[0])
    return np.concatenate([fit(sheet) for sheet in sheets])
