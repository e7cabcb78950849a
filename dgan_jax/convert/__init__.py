"""Published PyTorch checkpoints as parameters of ours: one file of name rules for each system that has some."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from dgan_jax import systems
from dgan_jax.convert.trees import State, flat


def known() -> list[str]:
    """The systems whose published checkpoints are understood: those with a file here that defines `players`."""
    here = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in here if name in systems.files() and hasattr(module_of(name), "players"))


def module_of(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


def rules(name: str) -> ModuleType:
    """The name rules of a system; a ValueError that lists those that have some."""
    if name not in known():
        raise ValueError(
            f"no published checkpoints of system {name!r} are understood, those of {', '.join(known())} are; a run of "
            "one's own, or a file of dgan export, is taken as it is, for example by --train.begin_with"
        )
    return module_of(name)


def players(name: str, modules: Mapping[str, Any], state: State) -> dict[str, Any]:
    """Variables by player of system `name` from a published state dictionary; modules: its networks by player.

    Of each player: "params" and, where its network has them, collections such as "batch_stats".

    A checkpoint of another network is a ValueError, in whatever way its arrays do not fit.
    """
    own = rules(name)
    try:
        return own.players(modules, state)
    except (ArithmeticError, LookupError, TypeError, AttributeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"the checkpoint does not fit the config's network ({type(error).__name__}: {reason:.150}); give the "
            "config that describes it: the same scale, sizes and widths"
        ) from error


def check(found: Mapping[str, Any], like: Mapping[str, Any]) -> None:
    """A ValueError unless converted parameters have the shapes of the config's, `like`, by player."""
    for player, variables in found.items():
        trees = like[player], variables["params"]
        ours, theirs = ({path: leaf.shape for path, leaf in flat(tree).items()} for tree in trees)
        different = next((path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)), None)
        if different is not None:
            raise ValueError(
                f"the checkpoint's {player} has {theirs.get(different, 'nothing')} as {'.'.join(different)}, the "
                f"config's {ours.get(different, 'nothing')}; give the config that describes it: the same scale, sizes "
                "and channels"
            )
