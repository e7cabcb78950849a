"""The state of a training run, and how a stage of it begins."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Array, Measurement, Stage, System, Variables


@struct.dataclass
class Guard:
    """What is remembered of steps whose numbers went wrong. `scale` multiplies every update; a rollback lowers it."""

    skipped: Array  # [] int32, steps that were not applied, in all
    in_a_row: Array  # [] int32, up to the present step
    rollbacks: Array  # [] int32
    scale: Array  # [] float32


def fresh_guard() -> Guard:
    """Nothing has gone wrong yet."""
    none = lambda: jnp.zeros((), jnp.int32)
    return Guard(none(), none(), none(), jnp.ones((), jnp.float32))


@struct.dataclass
class TrainState:
    """All that a step changes. Dictionaries are keyed by player, but `memory` is the objective's own."""

    step: jax.Array  # [] int32, over all stages
    params: dict[str, Any]
    ema: dict[str, Any]  # players whose parameters are averaged
    opt_state: dict[str, Any]  # players with an optimizer in the present stage
    model_state: dict[str, Any]  # batch statistics, spectral vectors
    memory: dict[str, Any]
    guard: Guard = struct.field(default_factory=fresh_guard)

    def variables(self, remembered: Iterable[str] = ()) -> Variables:
        """What `System.restore` takes: averaged parameters where there are any, and what is `remembered` of memory."""
        found = {"params": {**self.params, **self.ema}, "model_state": self.model_state}
        kept = {name: self.memory[name] for name in remembered if name in self.memory}
        return {**found, "memory": kept} if kept else found


def initialise(key: jax.Array, system: System, y: Measurement) -> TrainState:
    """Fresh variables and their averages at step 0, before any stage. `y` is any measurement of the right shape."""
    params, model_state = {}, {}
    for i, (name, player) in enumerate(system.players.items()):
        variables = dict(player.module.init(jax.random.fold_in(key, i), *player.inputs(y)))
        params[name] = variables.pop("params", {})
        model_state[name] = variables
    ema = {name: jax.tree.map(jnp.copy, params[name]) for name, player in system.players.items() if player.ema}
    return TrainState(jnp.zeros((), jnp.int32), params, ema, {}, model_state, {})


def begin_with(state: TrainState, given: Variables) -> TrainState:
    """A state before any stage, with other variables for the players that are `given` some, their averages included."""
    if not given:
        return state
    params = {name: tree for name, tree in given.get("params", {}).items() if name in state.params}
    held = given.get("model_state", {})
    model_state = {name: {**own, **held.get(name, {})} for name, own in state.model_state.items()}
    ema = {name: params.get(name, own) for name, own in state.ema.items()}
    memory = {**state.memory, **given.get("memory", {})}
    return dataclasses.replace(
        state, params={**state.params, **params}, ema=ema, model_state=model_state, memory=memory
    )


def enter_stage(state: TrainState, stage: Stage, remembered: Iterable[str] = ()) -> TrainState:
    """Hand the variables over to `stage` and start its optimizers and memory anew, but for what is `remembered`.

    A player that `stage` does not train is frozen at its average, by which it will restore. One that it gets other
    weights for starts its average from them.
    """
    frozen = {name: jax.tree.map(jnp.copy, own) for name, own in state.ema.items() if name not in stage.optimizers}
    left = {"params": {**state.params, **frozen}, "model_state": state.model_state, "memory": state.memory}
    given = stage.begin(left)
    params, model_state = given["params"], given["model_state"]
    changed = lambda name: params[name] is not left["params"][name]
    ema = {name: jax.tree.map(jnp.copy, params[name]) if changed(name) else own for name, own in state.ema.items()}
    opt_state = {name: optimizer.init(params[name]) for name, optimizer in stage.optimizers.items()}
    kept = {name: given["memory"][name] for name in remembered if name in given["memory"]}
    memory = {**stage.objective.memory(), **kept}
    return dataclasses.replace(
        state, params=params, model_state=model_state, ema=ema, opt_state=opt_state, memory=memory
    )


def enter_stages(state: TrainState, system: System, first: int, last: int) -> TrainState:
    """Into stage `first` and through all that follow up to `last`: what a stage without steps hands over counts too."""
    for stage in system.stages[first : last + 1]:
        state = enter_stage(state, stage, system.remembered)
    return state
