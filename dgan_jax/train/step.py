"""One training step, for every system: a pure function that runs under `jit` and, with an axis name, under `pmap`."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core.keys import example_keys
from dgan_jax.core.parts import Context, Example, Loss, Objective, Report
from dgan_jax.train.state import Guard, TrainState


def gradient(
    loss: Loss, player: str, params: dict, context: Context, batch: Example, draws: Any, pieces: int
) -> tuple[Any, Report]:
    """The gradient for one player's parameters and the report, averaged over `pieces` parts of the batch."""

    def run(batch: Example, draws: Any) -> tuple[Any, Report]:
        return jax.grad(lambda own: loss({**params, player: own}, context, batch, draws), has_aux=True)(params[player])

    if pieces == 1:
        return run(batch, draws)
    cut = lambda x: x.reshape(pieces, x.shape[0] // pieces, *x.shape[1:])
    stacked = jax.lax.map(lambda part: run(*part), jax.tree.map(cut, (batch, draws)))
    return jax.tree.map(lambda x: jnp.mean(x, axis=0).astype(x.dtype), stacked)


def average(decay: float, step: jax.Array, new: Any, old: Any) -> Any:
    """Exponential moving average that starts as a copy of the parameters after the first update."""
    kept = jnp.where(step == 0, 0.0, decay)
    return jax.tree.map(lambda n, o: kept * o + (1 - kept) * n, new, old)


def train_step(
    state: TrainState,
    batch: Example,
    key: jax.Array,
    *,
    objective: Objective,
    optimizers: Mapping[str, optax.GradientTransformation],
    ema: Mapping[str, float],
    first_step: int = 0,
    accumulate: int = 1,
    axis_name: str | None = None,
) -> tuple[TrainState, dict[str, jax.Array]]:
    """Update each phase's player in turn, each on the parameters that the phases before it left.

    batch: images [B, H, W, C] in [-1, 1], this device's part. Returns the new state and metrics, both averaged over
    devices; `PLAYER/gradient` is the norm of a player's gradient, `PLAYER/ema_distance` how far its parameters are from
    their average, relative to these. A step with a loss or a gradient that is not finite is counted and not applied.
    `first_step` is the step at which the present stage began.
    """
    count = batch["image"].shape[0]
    first = 0 if axis_name is None else count * jax.lax.axis_index(axis_name)
    draws = jax.vmap(objective.draw)(example_keys(key, state.step, count, first), batch)

    def mean(tree: Any) -> Any:
        if axis_name is None:
            return tree
        # Counters of the memory are integers, and a mean is not.
        return jax.tree.map(lambda x: jax.lax.pmean(x, axis_name).astype(x.dtype), tree)

    params, opt_state = dict(state.params), dict(state.opt_state)
    model_state, memory = dict(state.model_state), dict(state.memory)
    metrics: dict[str, jax.Array] = {}
    for player, loss in objective.phases:
        context = Context(model_state, memory, state.step - first_step)
        grads, report = mean(gradient(loss, player, params, context, batch, draws, accumulate))
        updates, opt_state[player] = optimizers[player].update(grads, opt_state[player], params[player])
        updates = jax.tree.map(lambda update: state.guard.scale * update, updates)
        params[player] = optax.apply_updates(params[player], updates)
        model_state |= report.model_state
        memory |= report.memory
        metrics |= {**report.metrics, f"{player}/gradient": optax.tree.norm(grads)}

    averages = dict(state.ema)
    for name, old in state.ema.items():
        if name in optimizers:  # the others do not move
            averages[name] = average(ema[name], state.step, params[name], old)
            metrics[f"{name}/ema_distance"] = distance(params[name], averages[name])
    sound = jnp.all(jnp.isfinite(jnp.stack([jnp.asarray(value, jnp.float32) for value in metrics.values()])))
    old = (state.params, state.ema, state.opt_state, state.model_state, state.memory)
    new = (params, averages, opt_state, model_state, memory)
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
    failed = 1 - sound.astype(jnp.int32)
    in_a_row = (guard.in_a_row + 1) * failed
    return Guard(guard.skipped + failed, in_a_row, guard.rollbacks, guard.scale)


Step = Callable[[TrainState, Example, jax.Array], tuple[TrainState, dict[str, jax.Array]]]
