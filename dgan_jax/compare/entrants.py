"""What takes part in a comparison: classical systems by name, training runs by folder, and what is known of them."""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax import systems as registry
from dgan_jax.compare.trial import Trial, granularity
from dgan_jax.core.experiment import Data
from dgan_jax.core.keys import indexed_keys
from dgan_jax.core.parts import Spec, System, Task
from dgan_jax.core.targets import Target, beginnings
from dgan_jax.train import log, weights
from dgan_jax.train.configs import fill, to_dict
from dgan_jax.train.going_on import images_seen
from dgan_jax.train.runs import MACHINE, experiment_of, load


@dataclasses.dataclass(frozen=True)
class Entrant:
    """A system ready to restore. `about` is what its results depend on, as plain data."""

    name: str
    family: str
    system: System
    variables: dict[str, Any]
    about: dict[str, Any]
    parameters: int = 0
    training: dict[str, Any] | None = None
    sample: int = 0


def players_read(system: System, variables: dict[str, Any], y: Any) -> set[str]:
    """Those that `restore` reads: no critic is among them. y: shapes of a measurement."""
    read = Recorded(variables["params"])
    keys = indexed_keys(jax.random.key(0), np.arange(1))
    jax.eval_shape(lambda y: system.restore({**variables, "params": read}, y, keys), y)
    return read.names


def parameters(system: System, variables: dict[str, Any], y: Any) -> int:
    """Numbers in the networks that `restore` reads. y: shapes of a measurement."""
    read = players_read(system, variables, y)
    return sum(np.size(leaf) for name in read for leaf in jax.tree.leaves(variables["params"][name]))


class Recorded(Mapping[str, Any]):
    """A dictionary that remembers what was read of it."""

    def __init__(self, inner: Mapping[str, Any]) -> None:
        self.inner, self.names = inner, set[str]()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return self.inner[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)


def classical(name: str, task: Task, data: Data, choices: Mapping[str, Any] | None = None) -> System:
    """A system without networks, by name; `choices` are fields of its Config."""
    module = registry.find(name)
    if registry.is_solver(module):
        raise ValueError(f"system {name!r} restores with a run: give RUN@system={name}, or --run RUN --system {name}")
    spec = Spec(height=data.size, width=data.size, channels=data.channels)
    system = registry.build(fill(module.Config, dict(choices or {}), f"system {name}"), task, spec)
    if system.players:
        raise ValueError(f"system {name!r} has to be trained; give the folder of its run (dgan train ...)")
    return system


def by_name(target: Target, trial: Trial, label: str) -> Entrant:
    """A classical system."""
    system = classical(target.place, trial.task, trial.data, target.choices)
    about = {"system": target.place, **({"choices": target.choices} if target.choices else {})}
    return Entrant(label, family(target.place), system, {}, about)


def family(name: str) -> str:
    return registry.files()[name].split(".")[-2]


def by_run(target: Target, trial: Trial, label: str) -> Entrant:
    """A training run, its newest checkpoint, or a weights file; a ValueError if it learnt something else than the trial
    asks."""
    experiment, system, variables = load(target.place, task=trial.task, choices=target.choices)
    if shapes(experiment.task, trial.data) != shapes(trial.task, trial.data):
        raise ValueError(
            f"{target.place} was trained for {experiment.task}, which measures something else than {trial.task}; "
            "evaluate them one by one"
        )
    size = trial.data.size
    if trial.crop != "none" and size % system.multiple:
        raise ValueError(f"{target.place} needs sizes that are multiples of {system.multiple}, got --size {size}")
    name = registry.name_of(experiment.system if experiment.solver is None else experiment.solver)
    described = to_dict(experiment)
    about = {"system": name, "config": described["system"], "task": described["task"], "weights": digest(variables)}
    about |= {"solver": described["solver"]} if "solver" in described else {}
    count = parameters(system, variables, measured(experiment.task, trial.data))
    return Entrant(label, family(name), system, variables, about, count, training_of(target.place))


def has_networks(place: str) -> bool:
    """Whether this is the folder of a run, or weights; else it is the name of a classical system."""
    return Path(place).is_dir() or weights.find(place) is not None


def cheap_fill(trial: Trial) -> Entrant:
    """The first estimate that networks start from, as a system of its own."""
    start = trial.task.start
    return Entrant("cheap fill", "first estimate", System(lambda variables, y, keys: start(y)), {}, {"system": "start"})


def sampled(entrant: Entrant, count: int) -> list[Entrant]:
    """Restorations with `count` different keys; of a system that draws nothing, one."""
    name = lambda n: entrant.name if n == 0 else f"{entrant.name}, seed {n + 1}"
    return [dataclasses.replace(entrant, name=name(n), sample=n) for n in range(count if entrant.system.draws else 1)]


def digest(variables: dict[str, Any]) -> str:
    """A hash of all weights, by their places."""
    hashed = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(jax.device_get(variables)):
        hashed.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        hashed.update(np.ascontiguousarray(leaf).tobytes())
    return hashed.hexdigest()


COSTS = ("steps", "seconds", "images")


def training_of(place: str | Path) -> dict[str, Any]:
    """What the networks of a run or of a weights file cost: steps, seconds in the loop (compilation and pauses apart),
    images, and the machine if known; with what they began with."""
    if (file := weights.find(place)) is not None:
        return weights.read(file).training
    folder, experiment = Path(place), experiment_of(place)
    rows = [row for row in log.read(folder / "log.jsonl") if "steps_per_second" in row]
    steps = [0, *(row["step"] for row in rows)]
    seconds = sum((b - a) / row["steps_per_second"] for a, b, row in zip(steps, steps[1:], rows, strict=False))
    own = (
        {"steps": steps[-1], "seconds": seconds, "images": images_seen(folder, experiment.data.batch, steps[-1])}
        if rows
        else {}
    )
    before: dict[str, Any] = dict.fromkeys(own, 0)
    for place in dict.fromkeys(one.place for one in beginnings(experiment.train.begin_with)):
        try:
            earlier = training_of(place)
        except ValueError:
            earlier = {}  # it is no longer there: what it cost is not known
        known = lambda name: before.get(name) is not None and earlier.get(name) is not None
        before = {name: before[name] + earlier[name] if known(name) else None for name in own}
    sums = {name: own[name] + before[name] if name in own and before.get(name) is not None else None for name in COSTS}
    return {**sums, "hardware": machine_of(folder)}


def machine_of(folder: Path) -> dict[str, Any] | None:
    """Where a run was trained, if it says so."""
    try:
        found = json.loads((folder / MACHINE).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def measured(task: Task, options: Data) -> dict[str, Any]:
    """The shapes of the measurement of one image."""
    # Whole images are cut to what the task needs, whatever the size of the crops.
    side = max(1, options.size // granularity(task)) * granularity(task)
    example = {"image": jax.ShapeDtypeStruct((1, side, side, options.channels), jnp.float32)}
    # A task of classes is asked, too, when the question is whether it is that of images without.
    if options.classes or getattr(task, "classes", 0):
        example["label"] = jax.ShapeDtypeStruct((1,), jnp.int32)
    if options.damaged:
        example["damaged"] = example["image"]
    return jax.eval_shape(jax.vmap(task.measure), jax.random.split(jax.random.key(0), 1), example)


def shapes(task: Task, options: Data) -> tuple:
    """What a system is built for: the shapes of everything in a measurement, and of the condition."""
    frozen: Any = task  # a key, which the protocol of tasks does not say
    return shapes_kept(frozen, options)


@functools.lru_cache(maxsize=256)
def shapes_kept(task: Any, options: Data) -> tuple:
    """`shapes`, kept: each entry of a comparison asks for those of each trial, and a fill is long to trace."""
    y = measured(task, options)
    return {name: value.shape for name, value in y.items()}, jax.eval_shape(task.condition, y).shape
