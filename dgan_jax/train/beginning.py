"""What a training begins with: variables that other runs have learnt, by player."""

from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.experiment import Experiment
from dgan_jax.core.parts import System, Variables
from dgan_jax.core.targets import Beginning, beginnings
from dgan_jax.train import weights
from dgan_jax.train.runs import load, state_like

KINDS = ("params", "model_state")


def beginning_with(text: str) -> Variables:
    """The variables that `train.begin_with` names, by the players that they are for; nothing of ""."""
    found: Variables = {}
    for one in beginnings(text):
        held = load(one.place)[2]
        for kind in KINDS:
            found.setdefault(kind, {}).update(meant(held[kind], one, kind))
        if "memory" in held and not one.player:
            found["memory"] = held["memory"]
    return jax.tree.map(jnp.asarray, found)


def meant(held: dict[str, Any], one: Beginning, kind: str) -> dict[str, Any]:
    """Of what a place holds of one kind, by player, what is meant, by the name of whom it is for."""
    if not one.player:
        return held
    name = one.name or one.player
    if name in held:
        return {one.player: held[name]}
    if kind == "model_state":
        return {}
    raise ValueError(
        f"{one.place} has no network {name!r} for {one.player!r} to begin with; it holds {', '.join(held)}: "
        f"give {one.player}={one.place}#NAME"
    )


def check_beginning(experiment: Experiment, system: System, given: Variables, place: str) -> None:
    """A ValueError unless the given variables fit the experiment's networks, and there is one for them."""
    like = state_like(experiment, system, 0)
    ours: Variables = {"params": like.params, "model_state": like.model_state}
    players = ", ".join(ours["params"])
    for one in beginnings(place):
        if one.player and one.player not in ours["params"]:
            raise ValueError(f"this system has no network {one.player!r} to begin with {place}; it has {players}")
    same = [name for name in given["params"] if name in ours["params"]]
    if not same:
        held = ", ".join(given["params"])
        raise ValueError(
            f"{place} has no network of this system to begin with: it holds {held}, wanted one of {players}"
        )
    for name in same:
        for kind in KINDS:
            theirs = given[kind].get(name, {})
            if theirs and weights.shapes(theirs) != weights.shapes(ours[kind][name]):
                raise ValueError(
                    f"the {name} of {place} has other shapes than this config describes; give the options of the "
                    "system and the task that it was trained with"
                )
