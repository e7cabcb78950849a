"""Running a comparison: train what has to be trained, measure what has not been measured, gather the reports."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dgan_jax.compare.config import Compare, Entry, check, refusal, trained_in
from dgan_jax.compare.entrants import Entrant, by_name, by_run, sampled
from dgan_jax.compare.pace import steps_within
from dgan_jax.compare.reported import reported
from dgan_jax.compare.store import Store
from dgan_jax.compare.trial import Trial, check_metrics
from dgan_jax.core.machine import hardware
from dgan_jax.core.targets import Target
from dgan_jax.evaluate import Inputs, Result, evaluate
from dgan_jax.report import Report
from dgan_jax.train.loop import Observe, Progress, train

SIZES = 2
"""Of the rules by which pictures of any size meet a system (`restore.Runner`): other rules give other results."""


@contextlib.contextmanager
def unseen(*_: Any) -> Iterator[Callable[[Any], None]]:
    yield lambda now: None


@dataclasses.dataclass(frozen=True)
class Screen:
    """Where progress goes: a line, a bar over images (what, total), a bar over training steps."""

    say: Callable[[str], None] = lambda line: None
    counting: Callable[[str, int | None], Any] = unseen
    training: Callable[[], Any] = unseen


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
    in_order(compare.entries, out)
    compare = dataclasses.replace(compare, entries=tuple(planned(entry, out, screen) for entry in compare.entries))
    for entry in compare.entries:
        if entry.config:
            fit(entry, out, screen)
    held = [trial for trial in compare.trials if not all(refusal(entry, trial) for entry in compare.entries)]
    return [one(compare, trial, Store(out), weights, screen) for trial in held]


@contextlib.contextmanager
def told(screen: Screen, what: str) -> Iterator[Observe]:
    """An observer that shows a training, and says what it is once there is something to do."""
    with screen.training() as observe:
        said: list[str] = []

        def each(now: Progress) -> None:
            if not said:
                said.append(what)
                screen.say(what)
            observe(now)

        yield each


def planned(entry: Entry, out: Path, screen: Screen) -> Entry:
    """An entry with a budget in seconds as one of so many steps, which its schedules then know of."""
    if not entry.seconds:
        return entry
    with told(screen, f"pace of  {entry.trained_as}") as observe:
        steps = steps_within(entry.experiment(), entry.seconds, out / "pace" / entry.trained_as, observe)
    return dataclasses.replace(entry, steps=steps, seconds=0.0)


def in_order(entries: tuple[Entry, ...], out: Path) -> None:
    """A ValueError for an entry that begins with what nothing before it has learnt."""
    for i, entry in enumerate(entries):
        before = {earlier.trained_as for earlier in entries[:i] if earlier.config}
        if entry.after and entry.after not in before and not trained_in(out, entry.after).is_dir():
            raise ValueError(
                f"entry {entry.name!r} begins with {entry.after!r}, which is not trained before it; name both"
            )


def fit(entry: Entry, out: Path, screen: Screen) -> None:
    """Train an entry to its last step, from wherever it stands."""
    experiment = entry.experiment()
    if entry.after:
        begin = dataclasses.replace(experiment.train, begin_with=str(trained_in(out, entry.after)))
        experiment = dataclasses.replace(experiment, train=begin)
    with told(screen, f"training {entry.trained_as}") as observe:
        train(experiment, entry.place(out), observe=observe)


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
                     "shown": compare.shown, "sizes": SIZES}  # fmt: skip
            path = store.result_path(trial.title, entrant.name, about)
            result = store.result(path)
            if result is None:
                with screen.counting(f"{trial.title}: {entrant.name}", count) as each:
                    result = evaluate(
                        entrant.system, entrant.variables, inputs, sample=entrant.sample, metrics=metrics,
                        keep=compare.shown, originals=originals, each=each,
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
