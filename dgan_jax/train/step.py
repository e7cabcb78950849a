"""One training step, for every system: a pure function that runs under `jit` and, with an axis name, under `pmap`."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core.keys import example_keys
from dgan_jax.core.parts import Array, Context, Example, Objective, Phase
from dgan_jax.train.state import Guard, TrainState

Frozen = Mapping[str, Any]
"""Variables of networks that nobody trains, by name."""
NONE: Frozen = {}

Kept = tuple[dict[str, Any], dict[str, Any]]
"""(model state by player, memory by entry)."""


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`old` with the entries of `new`, in the types of `old`, so that a scan can carry it."""
    typed = lambda name: jax.tree.map(lambda was, is_: jnp.asarray(is_, was.dtype), old[name], new[name])
    return {**old, **{name: typed(name) for name in new}}


def gradient(
    phase: Phase, params: dict, context: Context, batch: Example, draws: Any, pieces: int
) -> tuple[dict[str, Any], dict[str, jax.Array], Kept]:
    """The joint gradient of a phase's players and its metrics, averaged over `pieces` parts of the batch; and model
    state and memory, each piece beginning with what the piece before it left."""
    own = {player: params[player] for player in phase.players}

    def run(kept: Kept, part: tuple[Example, Any]) -> tuple[Kept, tuple[Any, dict[str, jax.Array]]]:
        now = context._replace(model_state=kept[0], memory=kept[1])
        loss = lambda own: phase.loss({**params, **own}, now, *part)
        grads, report = jax.grad(loss, has_aux=True)(own)
        kept = merged(kept[0], report.model_state), merged(kept[1], report.memory)
        return kept, (grads, report.metrics)

    first, count = phase.part
    rows = jax.tree.leaves(batch)[0].shape[0]
    if rows % (count * pieces):
        raise ValueError(
            f"a device's batch of {rows} cannot be dealt to {count} updates of {', '.join(phase.players)}"
            f"{f' in {pieces} pieces each' if pieces > 1 else ''}; try a multiple of {count * pieces} for each device"
        )
    given = jax.tree.map(lambda x: x[first::count], (batch, draws)) if count > 1 else (batch, draws)
    kept: Kept = (context.model_state, context.memory)
    if pieces == 1:
        kept, (grads, metrics) = run(kept, given)
        return grads, metrics, kept
    cut = lambda x: x.reshape(pieces, x.shape[0] // pieces, *x.shape[1:])
    kept, stacked = jax.lax.scan(run, kept, jax.tree.map(cut, given))
    grads, metrics = jax.tree.map(lambda x: jnp.mean(x, axis=0).astype(x.dtype), stacked)
    return grads, metrics, kept


def decay_at(decay: float | optax.Schedule, step: jax.Array) -> jax.Array:
    """The decay of an average at a step; [] float32."""
    return jnp.asarray(decay(step) if callable(decay) else decay, jnp.float32)


def average(decay: jax.Array | float, step: jax.Array, new: Any, old: Any) -> Any:
    """Exponential moving average that starts as a copy of the parameters after the first update."""
    kept = jnp.where(step == 0, 0.0, decay)
    return jax.tree.map(lambda n, o: kept * o + (1 - kept) * n, new, old)


class Working(NamedTuple):
    """What the phases of a step pass on to one another."""

    params: dict[str, Any]
    opt_state: dict[str, Any]
    model_state: dict[str, Any]
    memory: dict[str, Any]


def update(
    phase: Phase,
    working: Working,
    now: Context,
    batch: Example,
    draws: Any,
    *,
    optimizers: Mapping[str, optax.GradientTransformation],
    scale: Array,
    accumulate: int,
    mean: Callable[[Any], Any],
) -> tuple[Working, dict[str, jax.Array], jax.Array]:
    """One phase done: what it leaves, its metrics, and whether all of these are finite."""
    context = now._replace(model_state=working.model_state, memory=working.memory)
    grads, metrics, (model_state, memory) = gradient(phase, working.params, context, batch, draws, accumulate)
    grads, metrics, model_state = mean((grads, metrics, model_state))
    params, opt_state = dict(working.params), dict(working.opt_state)
    for player in phase.players:
        updates, opt_state[player] = optimizers[player].update(grads[player], opt_state[player], params[player])
        updates = jax.tree.map(lambda update: scale * update, updates)
        params[player] = optax.apply_updates(params[player], updates)
        metrics = {**metrics, f"{player}/gradient": optax.tree.norm(grads[player])}
    metrics = {name: jnp.asarray(value, jnp.float32) for name, value in metrics.items()}
    sound = jnp.all(jnp.isfinite(jnp.stack(list(metrics.values()))))
    return Working(params, opt_state, model_state, memory), metrics, sound


def train_step(
    state: TrainState,
    batch: Example,
    key: jax.Array,
    *,
    objective: Objective,
    optimizers: Mapping[str, optax.GradientTransformation],
    ema: Mapping[str, float | optax.Schedule],
    first_step: int = 0,
    accumulate: int = 1,
    axis_name: str | None = None,
    frozen: Frozen = NONE,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Do each phase in turn, on the parameters that the phases before it left.

    batch: images [B, H, W, C] in [-1, 1], this device's part. Returns the new state and metrics. Gradients, metrics and
    model state are averaged over devices, memory is not: objectives see to it (`core.parts.Report`).
    `PLAYER/gradient` is the norm of a player's gradient, `PLAYER/ema_distance` how far its parameters are from their
    average, relative to these; metrics of a phase that this step passes over are nan. A step with a loss or a gradient
    that is not finite is counted and not applied. `first_step` is the step at which the present stage began, `frozen`
    the variables of `System.frozen`.
    """
    count = batch["image"].shape[0]
    first = 0 if axis_name is None else count * jax.lax.axis_index(axis_name)
    draws = jax.vmap(objective.draw)(example_keys(key, state.step, count, first), batch)

    def mean(tree: Any) -> Any:
        return tree if axis_name is None else jax.tree.map(lambda x: jax.lax.pmean(x, axis_name).astype(x.dtype), tree)

    working = Working(dict(state.params), dict(state.opt_state), dict(state.model_state), dict(state.memory))
    now = Context({}, {}, state.step - first_step, frozen)
    metrics: dict[str, jax.Array] = {}
    sound = jnp.asarray(True)
    for phase in objective.phases:
        do = functools.partial(
            update, phase, now=now, batch=batch, draws=draws, optimizers=optimizers, scale=state.guard.scale,
            accumulate=accumulate, mean=mean,
        )  # fmt: skip
        if phase.every == 1:
            working, told, good = do(working)
        else:
            like = jax.eval_shape(do, working)[1]
            rest = lambda working, like=like: (working, {name: jnp.full((), jnp.nan) for name in like}, sound)
            working, told, good = jax.lax.cond(now.step % phase.every == 0, do, rest, working)
        metrics |= told
        sound &= good

    averages = dict(state.ema)
    for name, old in state.ema.items():
        if name in optimizers:  # the others do not move
            averages[name] = average(decay_at(ema[name], state.step), state.step, working.params[name], old)
            metrics[f"{name}/ema_distance"] = distance(working.params[name], averages[name])
            sound &= jnp.isfinite(metrics[f"{name}/ema_distance"])
    old = (state.params, state.ema, state.opt_state, state.model_state, state.memory)
    new = (working.params, averages, working.opt_state, working.model_state, working.memory)
    guard = count_step(state.guard, sound)
    metrics |= {"guard/skipped": jnp.asarray(guard.skipped), "guard/in_a_row": jnp.asarray(guard.in_a_row)}
    params, averages, opt_state, model_state, memory = choose(sound, new, old)
    return TrainState(state.step + 1, params, averages, opt_state, model_state, memory, guard), metrics


def distance(new: Any, old: Any) -> jax.Array:
    """Norm of the difference of two trees, relative to that of the second."""
    difference = jax.tree.map(lambda a, b: a - b, new, old)
    return optax.tree.norm(difference) / jnp.maximum(optax.tree.norm(old), 1e-12)


def choose(sound: jax.Array, new: Any, old: Any) -> Any:
    """The new tree if all went well."""
    return jax.tree.map(lambda n, o: jnp.where(sound, n, o), new, old)


def count_step(guard: Guard, sound: jax.Array) -> Guard:
    """What is remembered of steps that were not applied, after one more."""
    failed = 1 - sound.astype(jnp.int32)
    in_a_row = (guard.in_a_row + 1) * failed
    return Guard(guard.skipped + failed, in_a_row, guard.rollbacks, guard.scale)


Step = Callable[[TrainState, Example, jax.Array, Frozen], tuple[TrainState, dict[str, jax.Array]]]
"""(state, batch, key, variables of `System.frozen`) -> (state, metrics)."""
