"""Running a comparison: train what has to be trained, measure what has not been measured, gather the reports."""

import contextlib
import dataclasses
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dgan_jax.compare.config import Compare, Entry, check, refusal
from dgan_jax.compare.entrants import COST, Entrant, by_name, by_run, cost_of, sampled, training
from dgan_jax.compare.reported import reported
from dgan_jax.compare.store import Store
from dgan_jax.compare.trial import Trial, check_metrics, hardware
from dgan_jax.core.targets import Target
from dgan_jax.evaluate import Inputs, Result, evaluate
from dgan_jax.report import Report, write_text
from dgan_jax.train.loop import claim, train
from dgan_jax.train.runner import Observe, Progress, Stopped


@contextlib.contextmanager
def untold(*_: Any) -> Iterator[Callable[[Any], None]]:
    yield lambda now: None


@dataclasses.dataclass(frozen=True)
class Screen:
    """Where progress goes: a line, a bar over images (what, total), a bar over training steps."""

    say: Callable[[str], None] = lambda line: None
    counting: Callable[[str, int | None], Any] = untold
    training: Callable[[], Any] = untold


class Outcome(NamedTuple):
    """One trial: its report, and who took no part and why."""

    trial: Trial
    report: Report
    absent: dict[str, str]


def run(
    compare: Compare, out: str | Path, *, weights: str | Path | None = None, screen: Screen | None = None
) -> list[Outcome]:
    """Everything that is not yet in the folder `out`. Kill it whenever you like: the same call goes on."""
    screen, out = screen or Screen(), Path(out)
    compare = dataclasses.replace(compare, trials=compare.ready())
    for trial in compare.trials:
        check_metrics(trial, weights)
    check(compare)
    for entry in compare.entries:
        if entry.config:
            fit(entry, out, screen)
    return [one(compare, trial, Store(out), weights, screen) for trial in compare.trials]


def fit(entry: Entry, out: Path, screen: Screen) -> None:
    """Train an entry to the end of its budget, from wherever it stands."""
    experiment, folder = entry.experiment(), Path(entry.place(out))
    limit = entry.seconds or float("inf")
    if entry.seconds and threading.current_thread() is not threading.main_thread():
        raise ValueError(f"entry {entry.name!r}: a budget in seconds needs the main thread; give steps instead")
    spent = training(folder, experiment)["seconds"] or 0.0
    if entry.seconds and cost_of(folder).get("budget", 0.0) >= entry.seconds:
        claim(folder, experiment)
        return
    screen.say(f"training {entry.name}")
    begin: list[float] = []
    asked: list[float] = []

    def watched(observe: Observe, now: Progress) -> None:
        observe(now)
        # The first step is told of when it is compiled.
        begin[:] = begin or [time.perf_counter()]
        if not asked and spent + time.perf_counter() - begin[0] >= limit:
            asked.append(now.step)
            # As a user would: the loop writes its checkpoint and stops.
            signal.raise_signal(signal.SIGTERM)

    with screen.training() as observe:
        try:
            train(experiment, folder, observe=lambda now: watched(observe, now))
        except Stopped:
            if not asked:
                raise
    if not begin and cost_of(folder):
        return
    seconds = spent + (time.perf_counter() - begin[0] if begin else 0.0)
    told = {"budget": entry.seconds, "seconds": seconds, "hardware": hardware()}
    write_text(folder / COST, json.dumps(told, indent=2))


def entrants_of(entry: Entry, trial: Trial, out: Path) -> list[Entrant]:
    """A row for each sample."""
    enter = by_name if entry.system else by_run
    return sampled(enter(Target(entry.place(out), dict(entry.choices)), trial, entry.name), entry.samples)


def one(compare: Compare, trial: Trial, store: Store, weights: str | Path | None, screen: Screen) -> Outcome:
    """All entries in one trial."""
    inputs = Inputs(trial.task, trial.batches, trial.seed, store.damaged)
    keys, count = [], 0
    for index, batch in trial.batches():
        keys.append(store.key(trial.task, index, batch, trial.seed))
        count += len(index)
    metrics = check_metrics(trial, weights)
    protocols = {name: metric.protocol for name, metric in metrics.items()}
    absent: dict[str, str] = {}
    found: list[Entrant] = []
    results: dict[str, Result] = {}
    originals: list[Any] = []
    for entry in compare.entries:
        reason = refusal(entry, trial)
        if reason:
            absent[entry.name] = reason
            continue
        for entrant in entrants_of(entry, trial, store.folder):
            about = {"inputs": keys, "metrics": protocols, "system": entrant.about, "sample": entrant.sample,
                     "shown": compare.shown, **trial.whole()}  # fmt: skip
            path = store.result_path(trial.title, entrant.name, about)
            result = store.result(path)
            if result is None:
                with screen.counting(f"{trial.title}: {entrant.name}", count) as each:
                    result = evaluate(
                        entrant.system, entrant.variables, inputs, sample=entrant.sample, metrics=metrics,
                        keep=compare.shown, originals=originals, each=each, **trial.whole(),
                    )  # fmt: skip
                store.keep(path, result, {**about, **hardware()})
                screen.say(f"measured {entrant.name}: {trial.title}, {count} images")
            else:
                screen.say(f"kept     {entrant.name}: {trial.title}")
            # The networks of one entry at a time are held.
            found.append(dataclasses.replace(entrant, variables={}))
            results[entrant.name] = result
    report = reported(trial, found, results, metrics, inputs, keep=compare.shown)
    return Outcome(trial, report, absent)
