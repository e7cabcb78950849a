"""What an evaluation leaves behind: a table, figures as JSON and CSV, and a picture."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dgan_jax.core.files import write_atomically
from dgan_jax.data.pictures import write_grid
from dgan_jax.evaluate import Result
from dgan_jax.metrics.table import METRICS


def write_text(path: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror}; give another output folder") from error


@dataclasses.dataclass(frozen=True)
class Report:
    """Several systems measured on the same damaged images."""

    title: str
    results: dict[str, Result]
    metrics: tuple[str, ...]
    protocol: dict[str, Any]  # data, split, size, seed, task, versions
    columns: dict[str, np.ndarray]  # uint8 [K, H, W, C] each: what every system was given

    def table(self) -> list[tuple[str, ...]]:
        """One row for each system; the best mean of each metric is marked."""
        means = {name: result.means() for name, result in self.results.items()}
        pick = lambda metric: max if METRICS[metric].higher_is_better else min
        best = {metric: pick(metric)(row[metric] for row in means.values()) for metric in self.metrics}
        mark = lambda metric, value: f"{value:.4g}" if abs(value) < 2 else f"{value:.2f}"
        rows = []
        for name, row in means.items():
            cells = [mark(m, row[m]) + (" *" if row[m] == best[m] and len(means) > 1 else "  ") for m in self.metrics]
            rows.append((name, *cells, f"{1000 * self.results[name].seconds_per_image:.1f}"))
        return rows

    def summary(self) -> dict[str, Any]:
        """Plain data of everything but the images."""
        systems = {
            name: {
                **{
                    metric: {"mean": float(np.mean(v)), "std": float(np.std(v))} for metric, v in result.figures.items()
                },
                "images": len(result.index),
                "seconds_per_image": result.seconds_per_image,
                "coverage": None if result.coverage is None else float(result.coverage.mean()),
            }
            for name, result in self.results.items()
        }
        return {"protocol": self.protocol, "systems": systems}

    def write(self, folder: Path, *, side: int = 160) -> None:
        """metrics.json, images.csv (a row per system and image) and picture.png."""
        write_text(folder / "metrics.json", json.dumps(self.summary(), indent=2))
        lines = io.StringIO()
        writer = csv.writer(lines)
        writer.writerow(["system", "image", *self.metrics])
        for name, result in self.results.items():
            for i, index in enumerate(result.index):
                writer.writerow([name, int(index), *(f"{result.figures[m][i]:.6g}" for m in self.metrics)])
        write_text(folder / "images.csv", lines.getvalue())
        self.picture(folder / "picture.png", side=side)

    def picture(self, path: Path, *, side: int = 160, only: Mapping[str, str] | None = None) -> None:
        """Rows: images; columns: what was given, then every system; or those of `only`, name -> caption."""
        columns = {**self.columns, **{name: result.images for name, result in self.results.items()}}
        only = only or {name: name for name in columns}
        rows = list(zip(*(columns[name] for name in only), strict=True))
        write_grid(path, rows, list(only.values()), side=side)

    def renamed(self, names: Mapping[str, str]) -> "Report":
        """The same report with some systems called otherwise."""
        return dataclasses.replace(
            self, results={names.get(name, name): result for name, result in self.results.items()}
        )

    def best(self, among: Iterable[str], metric: str) -> str:
        """The system with the best mean of a metric."""
        sign = 1 if METRICS[metric].higher_is_better else -1
        return max(among, key=lambda name: sign * self.results[name].means()[metric])

    def sentences(self, ours: str, others: Sequence[str]) -> list[str]:
        """In plain words, metric by metric, where `ours` wins and where it loses; on how many images, too."""
        said = []
        for metric in self.metrics:
            name = self.best(others, metric)
            sign = 1 if METRICS[metric].higher_is_better else -1
            mine, theirs = self.results[ours].figures[metric], self.results[name].figures[metric]
            gain = sign * float(np.mean(mine) - np.mean(theirs))
            wins = int(np.sum(sign * (mine - theirs) > 0))
            verdict = "wins against" if gain > 0 else "loses to"
            said.append(
                f"{metric}: {ours} {verdict} {name} by {abs(gain):.3g}; it is better on {wins} of {len(mine)} images."
            )
        fastest = min(self.results, key=lambda name: self.results[name].seconds_per_image)
        if fastest != ours:
            ratio = self.results[ours].seconds_per_image / self.results[fastest].seconds_per_image
            said.append(f"time: {ours} takes {ratio:.1f} times as long per image as the fastest, {fastest}.")
        return said
