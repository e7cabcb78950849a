"""Every system, found by its file: systems/FAMILY/NAME.py holds `Config` and `build(config, task, spec) -> System`."""

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Spec, System, Task


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
    """A config with other values of what its system lets one choose when restoring (`WHEN_RESTORING`)."""
    free = getattr(module_of(config), "WHEN_RESTORING", ())
    for name in choices:
        if name not in free:
            what = f"it leaves {', '.join(free)}" if free else "it leaves nothing to choose"
            raise ValueError(f"system {name_of(config)!r} has no {name!r} to choose when restoring; {what}")
    return dataclasses.replace(config, **choices)


def transfers(config: Any) -> bool:
    """Whether the weights are the same for every task: then a run on a mixture does each of its kinds."""
    return getattr(module_of(config), "ANY_TASK", False)


def module_of(config: Any) -> ModuleType:
    """The module of the system that a config belongs to."""
    return importlib.import_module(type(config).__module__)


def build(config: Any, task: Task, spec: Spec) -> System:
    """The system of a config, checked to know the task."""
    module = module_of(config)
    kind = type(task).__module__.rpartition(".")[2]
    if kind not in module.TASKS:
        raise ValueError(
            f"system {name_of(config)!r} does not do the task {kind!r}; it does: {', '.join(module.TASKS)}"
        )
    return module.build(config, task, spec)
