"""Runs as folders: their experiment, system and state; claimed by one experiment, written and loaded again."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax import systems, tasks
from dgan_jax.core.experiment import UNESSENTIAL, Experiment
from dgan_jax.core.files import write_atomically
from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.data.options import open_data
from dgan_jax.data.pipeline import Batches
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.train import weights
from dgan_jax.train.checkpoint import Checkpoints
from dgan_jax.train.configs import from_dict, to_dict
from dgan_jax.train.stages import stage_at
from dgan_jax.train.state import TrainState, begin, initialise

PARTS = ("system", "task", "data", "train")
ONCE = {"xla_backend_optimization_level": 0}
"""For programs that run once: XLA then needs a quarter of the time for them."""
MACHINE = "machine.json"
"""In the folder of a run: where it was trained last."""


def spec_of(experiment: Experiment, axis_name: str | None = None) -> Spec:
    """What the experiment's system may know of its surroundings."""
    data, train = experiment.data, experiment.train
    return Spec(
        height=data.size, width=data.size, channels=data.channels, classes=data.classes,
        steps=train.steps, epoch=train.epoch, batch=data.batch // train.accumulate, axis_name=axis_name,
    )  # fmt: skip


def fresh_state(experiment: Experiment, system: System) -> TrainState:
    """The state at step 0, on the host's default device; a pure function of the experiment."""
    return jax.jit(maker(experiment, system), compiler_options=ONCE)(jax.random.key(experiment.train.seed))


def maker(experiment: Experiment, system: System) -> Callable[[jax.Array], TrainState]:
    """key -> the state at step 0."""
    data = experiment.data
    example = {"image": jnp.zeros((data.size, data.size, data.channels))}
    if data.classes:
        example["label"] = jnp.zeros((), jnp.int32)

    def make(key: jax.Array) -> TrainState:
        y = jax.vmap(experiment.task.measure)(key[None], jax.tree.map(lambda x: x[None], example))
        # A first stage may have no steps.
        return enter(initialise(key, system, y), system, 0)

    return make


def handed(state: TrainState, given: dict[str, Any], place: str | Path) -> TrainState:
    """A fresh state whose players begin with the weights that are given, by player; they come from `place`."""
    same = [name for name in state.params if name in given]
    if not same:
        raise ValueError(
            f"{place} has no network of this system to begin with: it holds {', '.join(given)}, wanted one of "
            f"{', '.join(state.params)}"
        )
    for name in same:
        if weights.shapes(given[name]) != weights.shapes(state.params[name]):
            raise ValueError(
                f"the {name} of {place} has other shapes than this config describes; give the options of the system "
                "and the task that it was trained with"
            )
    take = lambda own: {name: jax.tree.map(jnp.array, given[name]) if name in same else own[name] for name in own}
    return dataclasses.replace(state, params=take(state.params), ema=take(state.ema))


def enter(state: TrainState, system: System, step: int) -> TrainState:
    """A state of the first stage, taken to the stage of `step`."""
    return functools.reduce(begin, system.stages[1 : stage_at(system.stages, step)[0] + 1], state)


def state_like(experiment: Experiment, system: System, step: int) -> TrainState:
    """Shapes and types of the state at a step, without computing it."""
    try:
        make = maker(experiment, system)
        return jax.eval_shape(lambda key: enter(make(key), system, step), jax.random.key(0))
    except (ArithmeticError, TypeError, IndexError) as error:
        raise impossible(experiment, error) from error


def built(experiment: Experiment, axis_name: str | None = None) -> System:
    """The system of an experiment; options that no check of its own forbids, but arithmetic does, are a ValueError."""
    try:
        return systems.build(experiment.system, experiment.task, spec_of(experiment, axis_name))
    except (ArithmeticError, TypeError, IndexError) as error:
        raise impossible(experiment, error) from error


def impossible(experiment: Experiment, error: Exception) -> ValueError:
    name, reason = systems.name_of(experiment.system), " ".join(str(error).split())
    return ValueError(f"system {name!r} cannot be built with these options ({type(error).__name__}: {reason:.200})")


def open_batches(experiment: Experiment) -> Batches:
    """The training batches of an experiment, this host's part."""
    data = experiment.data
    return Batches(
        open_data(data, "train"), batch=data.batch, size=data.size, seed=experiment.train.seed,
        flip=data.flip, crop=data.crop, process=(jax.process_index(), jax.process_count()),
    )  # fmt: skip


def read_config(path: Path) -> dict[str, Any]:
    """The config of a run, as plain data."""
    try:
        plain = json.loads(path.read_text()) if path.is_file() else None
        if isinstance(plain, dict) and all(isinstance(plain.get(part), dict) for part in PARTS):
            return plain
        reason = f"wanted an object with {', '.join(PARTS)}"
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error)
    raise ValueError(f"{path} cannot be read ({reason}); it was written by dgan train and should not be edited")


def claim(folder: Path, experiment: Experiment) -> None:
    """Make the run's folder and its config; refuse one that holds another experiment."""
    path, ours = folder / "config.json", to_dict(experiment)
    if path.exists():
        theirs = read_config(path)
        # A field that is younger than the run has its default there.
        there = lambda part, name: theirs[part].get(name, default_of(getattr(experiment, part), name))
        different = [
            f"{part}.{name} (there {there(part, name)!r}, here {value!r})"
            for part, values in json.loads(json.dumps(ours)).items()
            for name, value in values.items()
            if there(part, name) != value and not (part == "train" and name in UNESSENTIAL)
        ]
        if different:
            raise ValueError(
                f"{folder} holds a run with another config: {', '.join(different[:4])}; "
                "give the same options, or another --out"
            )
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty and holds no run; give another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(ours, indent=2).encode())
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; give another --out") from error


def default_of(config: Any, name: str) -> Any:
    """The default of a field as JSON holds it; None for what is no field or has none."""
    found = {field.name: field.default for field in dataclasses.fields(config)}.get(name, dataclasses.MISSING)
    return None if found is dataclasses.MISSING else json.loads(json.dumps(found))


def write_state(folder: Path, experiment: Experiment, state: TrainState) -> None:
    """One checkpoint of a state that did not come from training here."""
    checkpoints = Checkpoints(folder / "checkpoints", keep=experiment.train.keep)
    checkpoints.save(int(state.step), state, to_dict(experiment))
    checkpoints.wait()
    checkpoints.close()


def experiment_of(place: str | Path) -> Experiment:
    """The experiment of a run or of a weights file, without its arrays."""
    if (file := weights.find(place)) is not None:
        return weights.read(file).experiment
    path = Path(place) / "config.json"
    if not path.exists():
        raise ValueError(
            f"{place} holds no run (no config.json); give the folder that dgan train wrote, a file of dgan export, or "
            f"what comes with the package: {', '.join(weights.known())}"
        )
    try:
        return from_dict(read_config(path))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a run ({error}); was it edited?") from error


def load(
    place: str | Path, *, step: int | None = None, task: str | None = None, choices: Mapping[str, Any] | None = None
) -> tuple[Experiment, System, dict[str, Any]]:
    """The experiment, system and restoring variables of a run or of a weights file.

    step: of a run's checkpoint, the newest by default. task: restore this single kind of what a mixture taught.
    choices: other values of what the system lets one choose when restoring.
    """
    file, path = weights.find(place), Path(place)
    trained = None if file is None else weights.read(file)
    experiment = experiment_of(place) if trained is None else trained.experiment
    if task is not None:
        experiment = dataclasses.replace(experiment, task=task_of(experiment, task, path))
    experiment = dataclasses.replace(experiment, system=systems.chosen(experiment.system, choices or {}))
    system = built(experiment)
    if file is not None and trained is not None:
        like = state_like(experiment, system, experiment.train.steps)
        return experiment, system, weights.fitted(file, trained.variables, like.variables())
    checkpoints = Checkpoints(path / "checkpoints", keep=experiment.train.keep)
    try:
        step = checkpoints.newest() if step is None else step
        if step is None:
            raise ValueError(f"{place} has no checkpoint yet; train it first, or wait for the first one")
        state = checkpoints.restore(step, state_like(experiment, system, step))
    finally:
        checkpoints.close()
    return experiment, system, state.variables()


def task_of(experiment: Experiment, name: str, folder: Path) -> Task:
    """The task called `name` as the run in `folder` learnt it: its own, or one kind of its mixture."""
    own = experiment.task
    if tasks.name_of(own) == name:
        return own
    if isinstance(own, Mixture) and systems.transfers(experiment.system):
        return own.single(name)
    raise ValueError(f"{folder} was trained for the task {tasks.name_of(own)!r}, not {name!r}")
