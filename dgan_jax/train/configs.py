"""Experiments by name, by path, and as the JSON that a run keeps."""

import dataclasses
import importlib.util
import sys
import traceback
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from dgan_jax import systems, tasks
from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.core.names import lookup, unknown

T = TypeVar("T")


def folder() -> Path:
    """The folder of configs: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def known() -> dict[str, Path]:
    """Config name -> file. Those in `compare` are of comparisons."""
    return {path.stem: path for path in sorted(folder().rglob("*.py")) if path.parent.name != "compare"}


def load(name: str) -> Experiment:
    """The experiment of a config, named as in `dgan train ddgan_cifar10` or by the path of a Python file."""
    experiment = given(name, "config", known(), "get_config", Experiment)
    for part in dataclasses.fields(experiment):
        if part.name != "solver" or experiment.solver is not None:
            examine(getattr(experiment, part.name), part.name, name)
    return experiment


def tiny(name: str) -> Experiment:
    """What a config trains in the tests, by its get_tiny(): for another config that restores with the same run."""
    return given(name, "config", known(), "get_tiny", Experiment)


def given(name: str, what: str, known: Mapping[str, Path], function: str, wanted: type[T]) -> T:
    """What `function` of a Python file gives, which is one of the `known` ones or lies at a path."""
    path = Path(name)
    if path.suffix != ".py":
        path = lookup(what, name, known)
    elif not path.is_file():
        raise ValueError(f"no config file {name}; known by name: {', '.join(known)}")
    spec = importlib.util.spec_from_file_location(f"dgan_{what}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        if not callable(getattr(module, function, None)):
            raise ValueError(f"{path} defines no {function}(); see any file in {next(iter(known.values())).parent}")
        found = getattr(module, function)()
    except (Exception, SystemExit) as error:  # the file is a program of the user's
        raise failure(path, error) from error
    if not isinstance(found, wanted):
        article = "an" if wanted.__name__[0] in "AEIOU" else "a"
        raise ValueError(f"{function}() of {path} gives a {type(found).__name__}, wanted {article} {wanted.__name__}")
    return found


def examine(part: Any, where: str, file: str) -> None:
    """A ValueError unless this part of a config file is a dataclass whose fields are of the kinds that it says."""
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        raise ValueError(f"{where} of {file} is a {type(part).__name__}, wanted a Config, a task, Data or Train")
    check({field.name: getattr(part, field.name) for field in dataclasses.fields(part)}, type(part), where)


def failure(path: Path, error: BaseException) -> ValueError:
    """What went wrong in a config file, and where: a ValueError of our own speaks for itself."""
    if type(error) is ValueError:
        return error
    reason = " ".join(str(error).split())
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path.absolute()
    ]
    where = f", line {lines[-1]}" if lines else ""
    return ValueError(f"{path}{where} is no working config: {type(error).__name__}: {reason:.200}")


def to_dict(experiment: Experiment) -> dict[str, Any]:
    """Plain data, ready for JSON; the system and the task carry their names."""
    plain = dataclasses.asdict(experiment)
    plain["system"] = {"name": systems.name_of(experiment.system), **plain["system"]}
    plain["task"] = {"name": tasks.name_of(experiment.task), **plain["task"]}
    if experiment.solver is None:
        del plain["solver"]
    else:
        plain["solver"] = {"name": systems.name_of(experiment.solver), **plain["solver"]}
    return plain


def fill(cls: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass from plain data; an unknown field is a ValueError that names the nearest one."""
    names = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in names:
            raise unknown(f"field of {where}", name, names)
    values = {name: frozen(value) for name, value in values.items()}
    check(values, cls, where)
    missing = [
        field.name for field in dataclasses.fields(cls)
        if field.name not in values and field.default is field.default_factory is dataclasses.MISSING
    ]  # fmt: skip
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    return cls(**values)


def check(values: dict[str, Any], cls: type, where: str) -> None:
    """A ValueError for a field of another kind than the dataclass says."""
    kinds = typing.get_type_hints(cls)
    for name, value in values.items():
        if not fits(value, kinds[name]):
            raise ValueError(f"{where}.{name} is {value!r:.100}, wanted {kind_name(kinds[name])}")


def frozen(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def fits(value: Any, kind: Any) -> bool:
    """Whether plain data are of an annotated kind; kinds that a config does not use are taken on trust."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is typing.Literal:
        return value in inner
    if kind in (bool, int, str, type(None)):
        return type(value) is kind
    if kind is float:
        return type(value) in (int, float)
    if origin is tuple and isinstance(value, tuple):
        if inner[-1:] == (...,):
            return all(fits(one, inner[0]) for one in value)
        return len(value) == len(inner) and all(map(fits, value, inner))
    return origin is not tuple and not isinstance(value, dict | tuple)


def kind_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)


def part(find: Any, values: dict[str, Any], where: str) -> Any:
    values = dict(values)
    return fill(find(str(values.pop("name", ""))), values, where)


def from_dict(plain: dict[str, Any]) -> Experiment:
    """The inverse of `to_dict`."""
    return Experiment(
        system=part(lambda name: systems.find(name).Config, plain["system"], "system"),
        task=part(tasks.find, plain["task"], "task"),
        data=fill(Data, plain["data"], "data"),
        train=fill(Train, plain["train"], "train"),
        solver=part(lambda name: systems.find(name).Config, plain["solver"], "solver") if "solver" in plain else None,
    )
