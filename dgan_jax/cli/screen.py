"""What verbs show: tables, a progress bar for training, one for counting."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence

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
def training() -> Iterator[Callable[[Step], None]]:
    """A bar with step rate, images/s, time left and losses; a plain line per log step where there is no terminal."""
    if not sys.stdout.isatty():

        def line(now: Step) -> None:
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

        def advance(now: Step) -> None:
            rate = f"{now.steps_per_second:.2f} steps/s  {now.images_per_second:.0f} images/s"
            bar.update(job, completed=now.step, total=now.total, description=now.stage, rate=rate)
            if now.metrics:
                losses = "  ".join(f"[dim]{name}[/dim] {value:.4g}" for name, value in now.metrics.items())
                bar.console.print(f"{now.step:>8}  {losses}")

        yield advance


@contextlib.contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar over images; silent where there is no terminal."""
    with Progress(
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not sys.stdout.isatty(),
    ) as bar:
        job = bar.add_task(what, total=total)
        yield lambda done: bar.update(job, completed=done)
