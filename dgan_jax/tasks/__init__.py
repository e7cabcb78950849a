"""Every task, found by its file: tasks/NAME.py names its frozen dataclass `TASK` (see `core.parts.Task`)."""

import functools
import importlib
import pkgutil
from typing import Any

from dgan_jax.core.names import lookup


@functools.cache
def classes() -> dict[str, type]:
    """Task name -> class."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: module.TASK for name, module in modules.items() if hasattr(module, "TASK")}


def find(name: str) -> type:
    """The class of a task; a ValueError names the nearest one."""
    return lookup("task", name, classes())


def name_of(task: Any) -> str:
    """The name of a task: that of its file."""
    return type(task).__module__.rpartition(".")[2]
