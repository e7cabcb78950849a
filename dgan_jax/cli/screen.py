"""What verbs show: tables, a progress bar for training, one for counting."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from dgan_jax.train.loop import Progress as Step

console = Console(width=None if sys.stdout.isatty() else 140)
"""In a file or a pipe there is no width to ask for."""


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """A table whose first `left` columns are text and the others numbers."""
    shown = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for i, name in enumerate(columns):
        shown.add_column(name, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


@contextlib.contextmanager
def training() -> Iterator[Callable[["Step"], None]]:
    """A bar with step rate, images/s, time left and losses; a plain line per log step where there is no terminal."""
    if not sys.stdout.isatty():

        def line(now: "Step") -> None:
            if now.metrics:
                losses = "  ".join(f"{name} {value:.4g}" for name, value in now.metrics.items())
                left = (now.total - now.step) / now.steps_per_second
                print(
                    f"step {now.step}/{now.total} {now.stage}  {now.steps_per_second:.2f} steps/s  "
                    f"{now.images_per_second:.1f} images/s  {left / 60:.0f} min left  {losses}",
                    flush=True,
                )

        yield line
        return
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        job = bar.add_task("compiling", total=None, rate="")

        def advance(now: "Step") -> None:
            rate = f"{now.steps_per_second:.2f} steps/s  {now.images_per_second:.0f} images/s"
            bar.update(job, completed=now.step, total=now.total, description=now.stage, rate=rate)
            if now.metrics:
                losses = "  ".join(f"[dim]{name}[/dim] {value:.4g}" for name, value in now.metrics.items())
                bar.console.print(f"{now.step:>8}  {losses}")

        yield advance


EVERY = 5.0
"""Seconds between two lines of progress where there is no terminal."""


class Count:
    """Called with how many are done; `part` is how far the one is that is worked on, as (windows done, of how many)."""

    def __init__(self, what: str, total: int | None, show: Callable[[float], None] | None):
        self._what, self._total, self._show = what, total, show
        self._done, self._began = 0, time.monotonic()
        self._said = self._began

    def __call__(self, done: int) -> None:
        self._done = done
        self._tell(float(done))

    def part(self, done: int, of: int) -> None:
        self._tell(self._done + done / max(1, of))

    def _tell(self, done: float) -> None:
        if self._show is not None:
            self._show(done)
            return
        now = time.monotonic()
        if now - self._said < EVERY or done == self._total:
            return
        self._said = now
        of, left = "", ""
        if self._total:
            of = f" of {self._total}"
            left = f", {(now - self._began) * (self._total - done) / done:.0f} s left" if done else ""
        print(f"{self._what}: {done:.2f}".rstrip("0").rstrip(".") + f"{of} done{left}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def counting(what: str, total: int | None) -> Iterator[Count]:
    """A bar over images; without a terminal a plain line on stderr every `EVERY` seconds."""
    if not sys.stdout.isatty():
        yield Count(what, total, None)
        return
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.fields[told]}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        job = bar.add_task(what, total=total, told="")
        told = lambda done: f"{int(done)}/{total or '?'}"
        yield Count(what, total, lambda done: bar.update(job, completed=done, told=told(done)))
