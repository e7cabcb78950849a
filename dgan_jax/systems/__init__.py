"""Every system, found by its file: systems/FAMILY/NAME.py holds `Config` and `build(config, task, spec) -> System`.

A file with `PRIOR` (`Denoiser` or `Generator`) holds a *solver*: another way of restoring with what a trained system
lends, `build(config, task, spec, prior) -> System`, which has neither players nor stages. `STEERS = True` says that it
makes a prior of images do a task that this never learnt; without it the prior has to have learnt the task itself.
"""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax import tasks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Denoiser, Generator, Prior, Spec, System, Task

IMAGES = "generate"
"""The task of a prior that has learnt images and nothing else."""


@functools.cache
def files() -> dict[str, str]:
    """System name -> module path, from the files that lie in the family folders."""
    found = {}
    for family in pkgutil.iter_modules(__path__):
        if family.ispkg:
            package = importlib.import_module(f"{__name__}.{family.name}")
            for module in pkgutil.iter_modules(package.__path__):
                found[module.name] = f"{package.__name__}.{module.name}"
    return dict(sorted(found.items()))


def find(name: str) -> ModuleType:
    """The module of a system; a ValueError names the nearest one."""
    return importlib.import_module(lookup("system", name, files()))


def name_of(config: Any) -> str:
    """The name of the system that a config belongs to."""
    return type(config).__module__.rpartition(".")[2]


def chosen(config: Any, choices: Mapping[str, Any]) -> Any:
    """A config with other values of what its system lets one choose when restoring: `WHEN_RESTORING`, or every field of
    a solver's, since no weight depends on them."""
    free = choosable(module_of(config))
    # What is trained with more steps than it restores with calls them so; whoever restores speaks of steps.
    meant = lambda name: f"restore_{name}" if name not in free and f"restore_{name}" in free else name
    choices = {meant(name): value for name, value in choices.items()}
    for name in choices:
        if name not in free:
            what = f"it leaves {', '.join(free)}" if free else "it leaves nothing to choose"
            raise ValueError(f"system {name_of(config)!r} has no {name!r} to choose when restoring; {what}")
    return dataclasses.replace(config, **choices)


def choosable(module: ModuleType) -> tuple[str, ...]:
    """Names of the options that may be chosen when restoring."""
    if is_solver(module):
        return tuple(field.name for field in dataclasses.fields(module.Config))
    return getattr(module, "WHEN_RESTORING", ())


def transfers(config: Any) -> bool:
    """Whether the weights are the same for every task: then a run on a mixture does each of its kinds."""
    return getattr(module_of(config), "ANY_TASK", False)


def module_of(config: Any) -> ModuleType:
    """The module of the system that a config belongs to."""
    return importlib.import_module(type(config).__module__)


def is_solver(module: ModuleType) -> bool:
    """Whether a system restores with the prior of another one."""
    return hasattr(module, "PRIOR")


def build(config: Any, task: Task, spec: Spec) -> System:
    """The system of a config, checked to know the task."""
    module = module_of(config)
    if is_solver(module):
        raise ValueError(
            f"system {name_of(config)!r} restores with what another system has learnt; give a run and say "
            f"RUN@system={name_of(config)}, or train a config that names it as its solver"
        )
    kind = tasks.name_of(task)
    if kind not in module.TASKS and kind == "paired" and set(module.TASKS) == {"inpaint"}:
        raise ValueError(
            f"system {name_of(config)!r} fills holes alone: its networks and losses are told where "
            "something is missing, which of pairs nobody knows; `dgan systems paired` lists what learns from them"
        )
    if kind not in module.TASKS:
        raise ValueError(
            f"system {name_of(config)!r} does not do the task {kind!r}; it does: {', '.join(module.TASKS)}"
        )
    return module.build(config, task, spec)


def lent(name: str, system: System, wanted: type) -> Prior:
    """What a system lends, if it is of the kind that is wanted; else a ValueError."""
    if system.prior is not None and isinstance(system.prior, wanted):
        return system.prior
    lends = "lends no prior" if system.prior is None else f"lends a {type(system.prior).__name__}"
    raise ValueError(f"system {name!r} {lends}, and this solver wants a {wanted.__name__}")


def check_fit(config: Any, task: str, learnt: str) -> None:
    """A ValueError unless a solver can do the task of this name with a prior that has learnt another, or the same."""
    module, name = module_of(config), name_of(config)
    if not is_solver(module):
        able = [other for other in files() if is_solver(find(other)) and task in find(other).TASKS]
        raise ValueError(
            f"system {name!r} is no solver: it does not restore with what another system has learnt, but has its own "
            f"runs, or needs none; solvers for {task!r}: {', '.join(able) or 'none yet'}"
        )
    if task not in module.TASKS:
        raise ValueError(f"solver {name!r} does not do the task {task!r}; it does: {', '.join(module.TASKS)}")
    steers = getattr(module, "STEERS", False)
    if task != learnt and not (steers and learnt == IMAGES):
        fits = f"of the task {IMAGES!r} or {task!r}" if steers else f"of the task {task!r}"
        raise ValueError(f"solver {name!r} does {task!r} with a run {fits}, and this one learnt {learnt!r}")


def solve(config: Any, task: Task, spec: Spec, *, learner: str, system: System, learnt: Task) -> System:
    """A solver on what `system`, whose name is `learner` and whose task was `learnt`, lends.

    The solver restores `task`. It reads the variables of `system`, whose players stand in what is returned. A
    ValueError says why the two do not go together.
    """
    check_fit(config, tasks.name_of(task), tasks.name_of(learnt))
    module, name = module_of(config), name_of(config)
    wanted = module.PRIOR.__name__
    try:
        prior = lent(learner, system, module.PRIOR)
    except ValueError as error:
        able = [other for other, lends in lenders().items() if wanted in lends]
        raise ValueError(f"{error}; solver {name!r} goes with runs of: {', '.join(able) or 'no system yet'}") from error
    if tasks.name_of(task) != tasks.name_of(learnt):
        prior = translated(prior, learnt)
    solver: System = module.build(config, task, spec, prior)
    multiple = max(solver.multiple, system.multiple)
    return dataclasses.replace(solver, players=system.players, multiple=multiple, side=solver.side or system.side)


def lenders() -> dict[str, tuple[str, ...]]:
    """Trained systems by name, and the kinds of prior that they say they lend (`LENDS`)."""
    found = {name: getattr(find(name), "LENDS", ()) for name in files()}
    return {name: tuple(kind.__name__ for kind in lends) for name, lends in found.items() if lends}


def translated(prior: Prior, learnt: Task) -> Prior:
    """A prior of images that takes measurements of any task: of these it is shown the shape, and the label if any."""
    if getattr(learnt, "classes", 0):
        raise ValueError(
            f"this run has learnt images of {learnt.classes} classes, and a photograph has no label; give a run "  # type: ignore[attr-defined]
            "that was trained with --task.classes 0"
        )
    blank = lambda y: {"image": jnp.zeros_like(y["image"])}
    whole = lambda y: jax.vmap(learnt.observe)(blank(y))
    if isinstance(prior, Denoiser):
        predict = prior.predict
        return dataclasses.replace(
            prior, predict=lambda variables, x, t, y, keys: predict(variables, x, t, whole(y), keys)
        )
    draw, generate, judge = prior.draw, prior.generate, prior.judge
    return Generator(
        draw=lambda key, y: draw(key, learnt.observe(blank(y))),
        generate=lambda variables, latents, y: generate(variables, latents, whole(y)),
        judge=None if judge is None else lambda variables, images, y: judge(variables, images, whole(y)),
    )
