"""Every system, found by its file: systems/FAMILY/NAME.py holds `Config` and `build(config, task, spec) -> System`."""

import functools
import importlib
import pkgutil
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


def build(config: Any, task: Task, spec: Spec) -> System:
    """The system of a config, checked to know the task."""
    module = importlib.import_module(type(config).__module__)
    kind = type(task).__module__.rpartition(".")[2]
    if kind not in module.TASKS:
        raise ValueError(
            f"system {name_of(config)!r} does not do the task {kind!r}; it does: {', '.join(module.TASKS)}"
        )
    return module.build(config, task, spec)
