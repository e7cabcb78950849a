"""What `dgan evaluate` is asked for, as a trial and the systems that enter it."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from dgan_jax import systems, tasks
from dgan_jax.compare.entrants import Entrant, by_name, by_run, cheap_fill, has_networks, sampled
from dgan_jax.compare.trial import Trial, with_options
from dgan_jax.core.experiment import Data, Experiment
from dgan_jax.core.parts import Task
from dgan_jax.core.targets import Target
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.train.runs import experiment_of, in_words, restoring, unasked


def task_for(
    experiment: Experiment | None, run: Target, *, task: str | None, options: Sequence[str], hole: str | None
) -> Task:
    """The task that is named, as the first run learnt it where there is a run; its own if none is named."""
    if experiment is None:
        found = tasks.find(task or "inpaint")()
    else:
        found = restoring(experiment, task=task, choices=run.choices, place=run.place).task
    if hole is not None:
        if "hole" not in found.accepts:
            raise ValueError(f"the task {tasks.name_of(found)!r} has no holes; leave --hole out")
        options = [*options, f"hole={hole}"]
    return with_options(found, options)


def check_names(places: Mapping[str, Target], task: str, taught: Sequence[str] = ()) -> None:
    """A ValueError for a classical system that is not there, or does not do the task: before anything is opened.

    taught: the tasks that a run on a mixture does one by one.
    """
    for chosen in places.values():
        if has_networks(chosen.place):
            continue
        does = systems.find(chosen.place).TASKS
        if task in does or (task == "mixture" and not taught):
            continue
        both = [name for name in taught if name in does]
        if both:
            raise ValueError(
                f"the run has learnt a mixture, which {chosen.place!r} does not do; both can do {' or '.join(both)}: "
                f"give --task {both[0]}"
            )
        raise ValueError(f"system {chosen.place!r} does not do the task {task!r}; it does: {', '.join(does)}")


def trial_for(
    places: Mapping[str, Target], *, data: str | None, split: str | None, task: str | None, options: Sequence[str],
    hole: str | None, size: int | None, limit: int, batch: int, metrics: Sequence[str], seed: int, crop: str,
    megapixels: float | None, damaged: str | None = None,
) -> Trial:  # fmt: skip
    """Images and damage: the first run's own, but for what is given."""
    for chosen in places.values():
        if not has_networks(chosen.place):
            systems.find(chosen.place)
    run = next((chosen for chosen in places.values() if has_networks(chosen.place)), Target("", {}))
    experiment = experiment_of(run.place) if run.place else None
    own = Data() if experiment is None else experiment.data
    split = split or ("validation" if data is None else "test")
    # The share that a run sets aside is of its own data: of others, all are test images.
    share = 0.0 if data is not None and split == "test" else own.validation
    pairs = own.damaged if data is None and damaged is None else damaged or ""
    images = dataclasses.replace(
        own, name=data or own.name, damaged=pairs, size=size or own.size, batch=batch, validation=share,
        megapixels=own.megapixels if megapixels is None else megapixels,
    )  # fmt: skip
    degradation = task_for(experiment, run, task=task, options=options, hole=hole)
    if isinstance(degradation, Mixture) and experiment is not None and systems.transfers(experiment.system):
        check_names(places, "mixture", degradation.singles)
    else:
        check_names(places, tasks.name_of(degradation))
    return Trial(
        task=degradation, data=images, split=split,
        crop=crop, limit=limit, metrics=tuple(metrics), seed=seed,
    )  # fmt: skip


def entrants_for(places: Mapping[str, Target], trial: Trial, *, samples: int, fill: bool) -> list[Entrant]:
    """A row for each, of runs one for each sample; `fill` adds the cheap first estimate."""
    found: dict[str, Entrant] = {}
    for text, chosen in places.items():
        label = Path(text).name if has_networks(chosen.place) else text
        chosen, said = as_measured(chosen, samples)
        label += said
        label = text + said if label in found else label
        found[label] = (by_run if has_networks(chosen.place) else by_name)(chosen, trial, label)
    entrants = [*found.values(), *([cheap_fill(trial)] if fill else [])]
    return [one for entrant in entrants for one in sampled(entrant, samples)]


def as_measured(run: Target, samples: int) -> tuple[Target, str]:
    """A run with what it restores with where nothing is chosen, and what the row says of it."""
    if not has_networks(run.place):
        return run, ""
    missing = unasked(run.place, run.choices, samples=samples)
    said = in_words(missing)
    return Target(run.place, {**missing, **run.choices}), f" ({said})" if said else ""
