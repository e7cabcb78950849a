"""Tiny experiments of the config files, each trained once for all tests that ask for it.

A config file that defines get_tiny() is picked up; no list is kept. One that also defines get_solver() gives the config
of a solver, which restores with what get_tiny()'s experiment has learnt. Files whose get_tiny() is the same share it.
"""

import dataclasses
import functools
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from dgan_jax import systems, tasks
from dgan_jax.core.experiment import Experiment
from dgan_jax.train import configs, loop, parallel, runs
from dgan_jax.train.stages import stage_at

ROOMS = ("dgan_jax.systems.", "dgan_jax.objectives.", "dgan_jax.nets.")


@dataclasses.dataclass(frozen=True)
class Tiny:
    """What one config file describes. `key` is the same for all that learn the same."""

    name: str
    experiment: Experiment
    solver: Any
    key: str


def found() -> Iterator[Tiny]:
    """One for each config file that has a tiny experiment."""
    for name, path in configs.known().items():
        spec = importlib.util.spec_from_file_location(f"config_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if hasattr(module, "get_tiny"):
            experiment = module.get_tiny()
            solver = module.get_solver() if hasattr(module, "get_solver") else None
            yield Tiny(name, experiment, solver, json.dumps(configs.to_dict(experiment), sort_keys=True))


def across_devices(tiny: Tiny) -> frozenset[str]:
    """The modules of a training that devices could change: its objectives, and what knows the axis of devices."""
    top = systems.module_of(tiny.experiment.system).__name__
    reached, waiting = {top}, [top]
    while waiting:
        for value in vars(sys.modules[waiting.pop()]).values():
            name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None) or ""
            if name in sys.modules and name not in reached and name.startswith(ROOMS):
                reached.add(name)
                waiting.append(name)
    source = lambda name: inspect.getsource(sys.modules[name])
    return frozenset(name for name in reached if ".objectives." in name or "axis_name" in source(name))


def images_file(folder: Path, size: int, channels: int, classes: int) -> str:
    """32 images of noise, labelled if there are classes."""
    path = folder / f"{size}_{channels}_{classes}.npz"
    if not path.exists():
        draw = np.random.default_rng(0)
        labels = {"label": draw.integers(0, classes, 32, dtype=np.int32)} if classes else {}
        np.savez(path, image=draw.integers(0, 256, (32, size, size, channels), dtype=np.uint8), **labels)
    return str(path)


class Learnt:
    """One tiny experiment: its programs are compiled when first asked for, and once.

    `install` makes the loop take the start and the steps from here, so that a run, its restart and a single step are
    the same programs.
    """

    def __init__(self, tiny: Tiny, folder: Path) -> None:
        experiment = tiny.experiment
        data = experiment.data
        name = images_file(folder, data.size, data.channels, data.classes)
        train = dataclasses.replace(experiment.train, log_every=1, checkpoint_every=2, sample_every=0, devices=1)
        self.experiment = dataclasses.replace(
            experiment, data=dataclasses.replace(data, name=name, validation=0.25), train=train
        )
        self.folder = folder / tiny.name
        self.trained = functools.cache(self._train)
        self.begun = functools.cache(self._begin)
        self.steps: dict[tuple, Callable] = {}
        self.shapes: dict[tuple, Any] = {}
        self.compile_stage, self.fresh_state, self.state_like = loop.compile_stage, runs.fresh_state, runs.state_like

    def on(self, devices: int) -> Experiment:
        return dataclasses.replace(self.experiment, train=dataclasses.replace(self.experiment.train, devices=devices))

    def out(self, devices: int = 1) -> Path:
        """The folder of the run on so many devices."""
        return self.folder / str(devices)

    def _train(self, devices: int) -> Any:
        return loop.train(self.on(devices), self.out(devices))

    def _begin(self) -> Any:
        return jax.device_get(self.fresh_state(self.experiment, self.system()))

    def system(self) -> Any:
        return runs.built(self.experiment)

    def restorers(self, solver: Any) -> Iterator[tuple[Experiment, Any, dict]]:
        """The experiment, system and variables of the trained run; or of the solver on it, for each task that it does,
        with the cheapest fill of holes."""
        if solver is None:
            yield runs.load(self.out())
            return
        name = systems.name_of(solver)
        choices = {"system": name, **{field.name: getattr(solver, field.name) for field in dataclasses.fields(solver)}}
        module, own = systems.find(name), tasks.name_of(self.experiment.task)
        options = {"inpaint": {"fill": "pull_push", "hole": "box"}, "deblur": {"known": True}}
        # One that does not steer does what its prior has learnt.
        for task in module.TASKS if getattr(module, "STEERS", False) else (own,):
            asked = self.experiment.task if task == own else tasks.find(task)(**options.get(task, {}))
            yield runs.load(self.out(), task=asked, choices=choices)

    def step(self, experiment: Experiment, system: Any, mapping: parallel.Mapping, index: int, first: int) -> Callable:
        """The compiled step of a stage."""
        assert experiment == self.on(mapping.count)
        key = mapping.count, index, first
        if key not in self.steps:
            self.steps[key] = self.compile_stage(experiment, system, mapping, index, first)
        return self.steps[key]

    def like(self, experiment: Experiment, system: Any, step: int) -> Any:
        """The shapes of the state at a step, traced once for each stage and number of devices."""
        key = experiment.train.devices, stage_at(system.stages, step)[0]
        if key not in self.shapes:
            self.shapes[key] = self.state_like(experiment, system, step)
        return self.shapes[key]

    def install(self, patch: Any) -> None:
        patch.setattr(loop, "compile_stage", self.step)
        for module in (loop, runs):
            patch.setattr(module, "state_like", self.like)
        # A pure function of the experiment; that it can be computed with an axis of devices, `state_like` has shown.
        patch.setattr(loop, "fresh_state", lambda *arguments: self.begun())
