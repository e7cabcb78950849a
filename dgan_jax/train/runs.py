"""Runs as folders: their experiment, system and state; claimed by one experiment, written and loaded again."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dgan_jax import systems, tasks
from dgan_jax.core import shelf
from dgan_jax.core.experiment import UNESSENTIAL, Experiment
from dgan_jax.core.files import write_atomically
from dgan_jax.core.parts import Spec, System, Task, Variables
from dgan_jax.data.options import open_data
from dgan_jax.data.pipeline import Batches
from dgan_jax.data.store import Source
from dgan_jax.tasks.mixture import Mixture
from dgan_jax.train import lock, weights
from dgan_jax.train.configs import fill, from_dict, to_dict
from dgan_jax.train.stages import stage_at
from dgan_jax.train.state import TrainState, begin_with, enter_stages, initialise

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


def fresh_state(experiment: Experiment, system: System, given: Variables | None = None) -> TrainState:
    """The state at step 0, on the host's default device; a pure function of the experiment and of the variables that
    it begins with, which are `given` by player and reach the first stage's `begin`."""
    make = jax.jit(maker(experiment, system), compiler_options=ONCE)
    return make(jax.random.key(experiment.train.seed), given or {})


def maker(experiment: Experiment, system: System, step: int = 0) -> Callable[[jax.Array, Variables], TrainState]:
    """(key, given variables) -> the state at step 0, taken on to the stage of `step`."""
    data = experiment.data
    example = {"image": jnp.zeros((data.size, data.size, data.channels))}
    if data.classes:
        example["label"] = jnp.zeros((), jnp.int32)
    if data.damaged:
        example["damaged"] = example["image"]

    def make(key: jax.Array, given: Variables) -> TrainState:
        y = jax.vmap(experiment.task.measure)(key[None], jax.tree.map(lambda x: x[None], example))
        state = begin_with(initialise(key, system, y), given)
        return enter_stages(state, system, 0, stage_at(system.stages, step)[0])

    return make


def enter(state: TrainState, system: System, step: int) -> TrainState:
    """A state at step 0, taken to the stage of `step`."""
    return enter_stages(state, system, stage_at(system.stages, 0)[0] + 1, stage_at(system.stages, step)[0])


def state_like(experiment: Experiment, system: System, step: int) -> TrainState:
    """Shapes and types of the state at a step, without computing it."""
    try:
        make = maker(experiment, system, step)
        return jax.eval_shape(lambda key: make(key, {}), jax.random.key(0))
    except (ArithmeticError, TypeError, IndexError) as error:
        raise impossible(experiment, error) from error


def state_like_kept(experiment: Experiment, system: System, step: int) -> TrainState:
    """As `state_like`, which has to trace the whole task and all networks; a second process finds what that gave."""
    stage = stage_at(system.stages, step)[0]
    return shelf.value(shelf.named("state", to_dict(experiment), stage), lambda: state_like(experiment, system, step))


def built(experiment: Experiment, axis_name: str | None = None) -> System:
    """The system of an experiment; options that no check of its own forbids, but arithmetic does, are a ValueError."""
    try:
        return systems.build(experiment.system, experiment.task, spec_of(experiment, axis_name))
    except (ArithmeticError, TypeError, IndexError) as error:
        raise impossible(experiment, error) from error


def impossible(experiment: Experiment, error: Exception) -> ValueError:
    """The sentence for options that a network cannot be built with."""
    name, reason = systems.name_of(experiment.system), " ".join(str(error).split())
    return ValueError(f"system {name!r} cannot be built with these options ({type(error).__name__}: {reason:.200})")


def open_batches(experiment: Experiment) -> Batches:
    """The training batches of an experiment, this host's part."""
    data = experiment.data
    source = open_data(data, "train")
    check_pairs(experiment, source)
    return Batches(
        source, batch=data.batch, size=data.size, seed=experiment.train.seed,
        flip=data.flip, crop=data.crop, process=(jax.process_index(), jax.process_count()),
    )  # fmt: skip


def check_pairs(experiment: Experiment, source: Source) -> None:
    """A ValueError unless pairs are given where the task wants them, and as much smaller as it says."""
    task, kind, scale = experiment.task, tasks.name_of(experiment.task), getattr(source, "scale", 0)
    if (kind == "paired") != bool(scale):
        what = "needs pairs; give" if kind == "paired" else "makes its damage itself; leave out"
        raise ValueError(f"the task {kind!r} {what} --data.damaged")
    if scale and scale != task.scale:  # type: ignore[attr-defined]
        raise ValueError(f"the damaged pictures are {scale} times smaller; give --task.scale {scale}")
    if scale and experiment.data.size % scale:
        raise ValueError(f"data.size must be a multiple of task.scale {scale}, got {experiment.data.size}")


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


class Difference(NamedTuple):
    """A field of a config that has another value in the run that is there."""

    part: str
    name: str
    there: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.part}.{self.name} (there {self.there!r}, here {self.here!r})"


def differences(folder: Path, experiment: Experiment) -> list[Difference]:
    """In what the run in `folder` differs from an experiment, but for fields that never enter its arithmetic.

    Nothing where no run is yet; a ValueError where something else is.
    """
    path, ours = folder / "config.json", to_dict(experiment)
    if not path.exists():
        if folder.exists() and any(entry.name != lock.NAME for entry in folder.iterdir()):
            raise ValueError(f"{folder} is not empty and holds no run; give another --out")
        return []
    theirs = read_config(path)
    ours.pop("solver", None)  # no weight depends on how a run restores
    # A field that is younger than the run has its default there.
    there = lambda part, name: theirs[part].get(name, default_of(getattr(experiment, part), name))
    return [
        Difference(part, name, there(part, name), value)
        for part, values in json.loads(json.dumps(ours)).items()
        for name, value in values.items()
        if there(part, name) != value and not (part == "train" and name in UNESSENTIAL)
    ]


def claim(folder: Path, experiment: Experiment) -> None:
    """Make the run's folder and its config; refuse one that holds another experiment."""
    if different := differences(folder, experiment):
        raise ValueError(
            f"{folder} holds a run with another config: {', '.join(map(str, different[:4]))}; "
            "give the same options, or another --out"
        )
    write_config(folder, experiment)


def write_config(folder: Path, experiment: Experiment) -> None:
    """In the folder of a run, which is made where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "config.json", json.dumps(to_dict(experiment), indent=2).encode())
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; give another --out") from error


def default_of(config: Any, name: str) -> Any:
    """The default of a field as JSON holds it; None for what is no field or has none."""
    found = {field.name: field.default for field in dataclasses.fields(config)}.get(name, dataclasses.MISSING)
    return None if found is dataclasses.MISSING else json.loads(json.dumps(found))


def write_state(folder: Path, experiment: Experiment, state: TrainState) -> None:
    """One checkpoint of a state that did not come from training here."""
    from dgan_jax.train.checkpoint import Checkpoints

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


class Learnt(NamedTuple):
    """What lies at a place: the experiment, and of a weights file all that it holds."""

    place: str | Path
    experiment: Experiment
    trained: weights.Trained | None


def learnt_at(place: str | Path | Learnt) -> Learnt:
    """Of a run or of a weights file, which is read as a whole, once."""
    if isinstance(place, Learnt):
        return place
    file = weights.find(place)
    trained = None if file is None else weights.read(file)
    return Learnt(place, experiment_of(place) if trained is None else trained.experiment, trained)


def unasked(place: str | Path | Learnt, choices: Mapping[str, Any], *, samples: int = 1) -> dict[str, Any]:
    """What a run or weights restore with where `choices` do not say, by `dgan restore` and `dgan evaluate` alike.

    One network has one default wherever it lies: what its system says (`MEASURED`), whatever the config that it was
    trained with, unless its file was exported with a choice. Several samples of what draws nothing are none: then it is
    the default of the system's own Config. Nothing is chosen for a solver.
    """
    _, learnt, trained = learnt_at(place)
    if "system" in choices or learnt.solver is not None:
        return {}
    kept: Mapping[str, Any] = {} if trained is None else trained.chosen
    own = type(learnt.system)()
    usual: dict[str, Any] = getattr(systems.module_of(learnt.system), "MEASURED", {})
    found = {name: value if samples == 1 else getattr(own, name) for name, value in usual.items()}
    return {name: value for name, value in {**found, **kept}.items() if name not in choices}


def in_words(unsaid: Mapping[str, Any]) -> str:
    """What was chosen unasked, in words: "realism 0"; "" of nothing."""
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in unsaid.items()
    )


def load(
    place: str | Path | Learnt,
    *,
    step: int | None = None,
    task: str | Task | None = None,
    choices: Mapping[str, Any] | None = None,
) -> tuple[Experiment, System, dict[str, Any]]:
    """The experiment, system and restoring variables of a run or of a weights file.

    step: of a run's checkpoint, the newest by default. task: restore this single kind of what a mixture taught, or with
    a solver what the prior never learnt; by name, or with its options. choices: other values of what the system lets
    one choose when restoring, "system" among them: the name of a solver. The experiment's task and solver are those
    that restore.
    """
    place, learnt, trained = learnt_at(place)
    file, path = weights.find(place), Path(place)
    experiment = restoring(learnt, task=task, choices=choices or {}, place=place)
    if experiment.solver is None:
        learnt = experiment
    learner = built(learnt)
    system = learner if experiment.solver is None else solving(experiment, learnt, learner)
    if file is not None and trained is not None:
        if file in weights.known().values():  # a test holds these to their config
            return experiment, system, weights.widened(trained.variables)
        like = state_like_kept(learnt, learner, learnt.train.steps)
        return experiment, system, weights.fitted(file, trained.variables, like.variables(learner.remembered))
    from dgan_jax.train.checkpoint import Checkpoints

    checkpoints = Checkpoints(path / "checkpoints", keep=experiment.train.keep)
    try:
        step = checkpoints.newest() if step is None else step
        if step is None:
            raise ValueError(f"{place} has no checkpoint yet; train it first, or wait for the first one")
        state = checkpoints.restore(step, state_like_kept(learnt, learner, step))
    finally:
        checkpoints.close()
    return experiment, system, state.variables(learner.remembered)


def restoring(
    learnt: Experiment, *, task: str | Task | None, choices: Mapping[str, Any], place: str | Path
) -> Experiment:
    """What a run learnt, with the task, the options and the solver that it is to restore with; looks at configs alone.

    A ValueError says what does not go together.
    """
    choices = dict(choices)
    solver = learnt.solver
    if "system" in choices:
        name = str(choices.pop("system"))
        solver = fill(systems.find(name).Config, choices, f"system {name}")
    elif solver is not None:
        solver = systems.chosen(solver, choices)
    if solver is None:
        system = systems.chosen(learnt.system, choices)
        return dataclasses.replace(learnt, system=system, task=task_of(learnt, task or learnt.task, place))
    asked = task_to_solve(learnt, task, solver)
    return dataclasses.replace(learnt, task=asked, solver=solver)


def task_to_solve(learnt: Experiment, task: str | Task | None, solver: Any) -> Task:
    """The task that a solver is asked for: the prior's own unless another is, and as that learnt it where it is."""
    own = tasks.name_of(learnt.task)
    name = own if task is None else task if isinstance(task, str) else tasks.name_of(task)
    systems.check_fit(solver, name, own)
    if name == own:
        return learnt.task
    return tasks.find(name)() if task is None or isinstance(task, str) else task


def solving(experiment: Experiment, learnt: Experiment, learner: System) -> System:
    """The solver of an experiment, on what another has learnt."""
    try:
        return systems.solve(
            experiment.solver, experiment.task, spec_of(experiment),
            learner=systems.name_of(learnt.system), system=learner, learnt=learnt.task,
        )  # fmt: skip
    except (ArithmeticError, TypeError, IndexError) as error:
        raise impossible(experiment, error) from error


def task_of(experiment: Experiment, task: str | Task, folder: str | Path) -> Task:
    """A task as the run in `folder` learnt it: its own, or one kind of its mixture."""
    own, name = experiment.task, task if isinstance(task, str) else tasks.name_of(task)
    if tasks.name_of(own) == name:
        return own
    if isinstance(own, Mixture) and systems.transfers(experiment.system):
        return own.single(name)
    raise ValueError(f"{folder} was trained for the task {tasks.name_of(own)!r}, not {name!r}")
