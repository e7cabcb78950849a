"""Measure several systems on the same images and write one report: dgan compare CONFIG"""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True)
class Options:
    """Train or load the systems of a comparison, measure them on the same damaged images, and write report.md,
    report.csv, report.tex and report.html. What is measured is kept: run it again after a kill, or with another
    system, and only what is missing is computed."""

    config: tyro.conf.Positional[str]
    """Name of a file in configs/compare, or the path of a Python file that defines get_compare()."""
    out: Annotated[str | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder of the comparison; default: compare/NAME."""
    add: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="NAME=RUN")] = ()
    """One more system, as often as needed: NAME=FOLDER of a run, or NAME=SYSTEM. What it lets one choose follows an @:
    --add calm=runs/mine@realism=0."""
    entries: tuple[str, ...] = ()
    """Only these of the config, for example a part of them on each of two machines; --add comes on top."""
    data: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="TRIAL=PLACE")] = ()
    """The images of a trial, as often as needed: --data set5=photos/Set5."""
    train_data: str = ""
    """What systems that are trained within the comparison learn from, instead of the config's."""
    seconds: float = 0.0
    """Instead of the config's budget, for each system that has one."""
    metrics: tuple[str, ...] = ()
    """Instead of the config's."""
    weights: str | None = None
    """Folder of the networks that some metrics look through; default: the environment variable DGAN_WEIGHTS."""
    limit: int | None = None
    """Images of each trial at most; 0 is all; default: the config's."""


def main(arguments: list[str]) -> int:
    options = tyro.cli(Options, args=arguments, prog="dgan compare")
    from dgan_jax.cli.screen import console, counting, table, training
    from dgan_jax.compare.config import added, changed, load, some
    from dgan_jax.compare.running import Screen, run
    from dgan_jax.compare.written import write

    chosen = added(some(load(options.config), options.entries), options.add)
    compare = changed(
        chosen, data=options.data, metrics=options.metrics, limit=options.limit, train_data=options.train_data,
        seconds=options.seconds,
    )  # fmt: skip
    out = Path(options.out or f"compare/{Path(options.config).stem}")
    say = lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)
    screen = Screen(say=say, counting=counting, training=training)
    outcomes = run(compare, out, weights=options.weights, screen=screen)
    for outcome in outcomes:
        report = outcome.report
        table(report.title, ["system", *report.metrics, "ms per image"], report.table(), left=1)
    say("* best, ≈ within noise of it")
    say(f"written: {', '.join(f'{out}/{name}' for name in write(compare.title, outcomes, out))}")
    return 0
