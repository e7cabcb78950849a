"""Experiments by name, by path, and as the JSON that a run keeps."""

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any

from dgan_jax import systems, tasks
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.names import lookup, unknown


def folder() -> Path:
    """The folder of configs: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def known() -> dict[str, Path]:
    """Config name -> file."""
    return {path.stem: path for path in sorted(folder().rglob("*.py"))}


def load(name: str) -> Experiment:
    """The experiment of a config, named as in `dgan train ddgan_cifar10` or by the path of a Python file."""
    path = Path(name)
    if path.suffix != ".py":
        path = lookup("config", name, known())
    elif not path.is_file():
        raise ValueError(f"no config file {name}; known by name: {', '.join(known())}")
    spec = importlib.util.spec_from_file_location(f"dgan_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise ValueError(f"{path} defines no get_config(); see any file in {folder()}")
    return module.get_config()


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """Plain data, ready for JSON; the system and the task carry their names."""
    plain = dataclasses.asdict(experiment)
    plain["system"] = {"name": systems.name_of(experiment.system), **plain["system"]}
    plain["task"] = {"name": tasks.name_of(experiment.task), **plain["task"]}
    return plain


def fill(cls: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass from plain data; an unknown field is a ValueError that names the nearest one."""
    names = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in names:
            raise unknown(f"field of {where}", name, names)
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return cls(**values)


def part(find: Any, values: dict[str, Any], where: str) -> Any:
    values = dict(values)
    return fill(find(values.pop("name", "")), values, where)


def from_dict(plain: dict[str, Any]) -> Experiment:
    """The inverse of `to_dict`."""
    return Experiment(
        system=part(lambda name: systems.find(name).Config, plain["system"], "system"),
        task=part(tasks.find, plain["task"], "task"),
        data=fill(Data, plain["data"], "data"),
        train=fill(Train, plain["train"], "train"),
    )
