"""The adaptive method of Dormand and Prince, RK45: each example with steps of its own.

Dormand, Prince, "A Family of Embedded Runge-Kutta Formulae", 1980; how steps grow and shrink as in Hairer, Norsett,
Wanner, "Solving Ordinary Differential Equations I", section II.4.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Velocity = Callable[[jax.Array, jax.Array], jax.Array]
"""(y [B, n], t [B]) -> dy / dt [B, n]."""

TIMES = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1])
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
LAST = np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84])
"""Weights of the result, whose slope is the first of the next step."""
ERROR = np.array([-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40])


class State(NamedTuple):
    t: jax.Array  # [B]
    y: jax.Array  # [B, n]
    slope: jax.Array  # [B, n], at (t, y)
    size: jax.Array  # [B], of the next step, positive
    refused: jax.Array  # [B], whether the last one was too long
    calls: jax.Array  # [B]
    tries: jax.Array  # []


class Solution(NamedTuple):
    y: jax.Array
    """[B, n]; nan where the end was not reached in the most steps."""
    calls: jax.Array
    """[B]: evaluations of the velocity."""


def root_mean_square(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.mean(jnp.square(x), axis=-1))


def first_size(
    velocity: Velocity, y: jax.Array, t: jax.Array, slope: jax.Array, scale: jax.Array, *, way: float, span: float
) -> jax.Array:
    """[B]: a first step of which neither the slope nor its change makes much, at most `span`."""
    large, steep = root_mean_square(y / scale), root_mean_square(slope / scale)
    trial = jnp.where((large < 1e-5) | (steep < 1e-5), 1e-6, 0.01 * large / jnp.maximum(steep, 1e-30))
    trial = jnp.minimum(trial, span)  # the velocity may not exist past the end
    after = velocity(y + way * trial[:, None] * slope, t + way * trial)
    bend = root_mean_square((after - slope) / scale) / trial
    most = jnp.maximum(steep, bend)
    size = jnp.where(most <= 1e-15, jnp.maximum(1e-6, 1e-3 * trial), (0.01 / jnp.maximum(most, 1e-15)) ** 0.2)
    return jnp.minimum(jnp.minimum(100 * trial, size), span)


def solve(
    velocity: Velocity,
    y: jax.Array,
    start: float,
    end: float,
    *,
    rtol: float = 1e-5,
    atol: float = 1e-5,
    most: int = 20_000,
) -> Solution:
    """y [B, n] carried from `start` to `end`, which may lie before it.

    A step's error is at most atol + rtol |y| in the root mean square over an example's n values. Examples do not depend
    on one another: all are computed until the last has arrived.
    """
    way, span = (1.0 if end > start else -1.0), abs(end - start)

    def stages(state: State, size: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
        slopes, signed = [state.slope], way * size[:, None]
        for time, weights in zip(TIMES[1:], STAGES[1:], strict=True):
            moved = sum(w * k for w, k in zip(weights, slopes, strict=True))
            slopes.append(velocity(state.y + signed * moved, state.t + way * size * time))
        y = state.y + signed * sum(w * k for w, k in zip(LAST, slopes, strict=True))
        return y, [*slopes, velocity(y, state.t + way * size)]

    def body(state: State) -> State:
        left = jnp.abs(end - state.t)
        running = left > 0
        final = state.size >= left
        size = jnp.where(running, jnp.minimum(state.size, left), 0.0)
        y, slopes = stages(state, size)
        scale = atol + rtol * jnp.maximum(jnp.abs(state.y), jnp.abs(y))
        apart = size[:, None] * sum(w * k for w, k in zip(ERROR, slopes, strict=True))
        error = root_mean_square(apart / scale)
        good = error < 1
        factor = 0.9 * jnp.maximum(error, 1e-10) ** -0.2
        # No growth right after a refusal.
        factor = jnp.where(good, jnp.minimum(factor, jnp.where(state.refused, 1.0, 10.0)), jnp.clip(factor, 0.2, 1.0))
        taken = running & good
        keep = lambda new, old: jnp.where(taken.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)
        return State(
            t=keep(jnp.where(final, end, state.t + way * size), state.t),
            y=keep(y, state.y),
            slope=keep(slopes[-1], state.slope),
            size=jnp.where(running, size * factor, state.size),
            refused=running & ~good,
            calls=state.calls + 6 * running,
            tries=state.tries + 1,
        )

    t = jnp.full(y.shape[:1], start, y.dtype)
    slope = velocity(y, t)
    size = first_size(velocity, y, t, slope, atol + rtol * jnp.abs(y), way=way, span=span)
    calls = jnp.full(y.shape[:1], 2)
    state = State(t, y, slope, size, jnp.zeros(len(y), bool), calls, jnp.zeros((), jnp.int32))
    state = jax.lax.while_loop(lambda s: jnp.any(s.t != end) & (s.tries < most), body, state)
    return Solution(jnp.where((state.t == end)[:, None], state.y, jnp.nan), state.calls)
