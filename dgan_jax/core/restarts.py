"""Learning rates of super-resolution trainings as functions of the step: cosines that begin anew, halvings, warm-ups.

Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, arXiv 1608.03983, equation 5.
Where codes differ by a step, the docstring says which it is.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
import optax


def cosine_restarts(
    rate: float, periods: Sequence[int], end: float = 1e-7, weights: Sequence[float] | None = None
) -> optax.Schedule:
    """Falls along a cosine from `rate` to `end` in each period, from `rate` times the period's weight.

    As in BasicSR the step at which a period ends is at `end`, and the one after it is the second of the next. Beyond
    the last period the rate stays at `end`.
    """
    ends = np.cumsum(periods)
    begins, lengths = jnp.asarray(ends - np.asarray(periods)), jnp.asarray(periods, jnp.float32)
    tops = jnp.asarray(np.ones(len(periods)) if weights is None else weights, jnp.float32)

    def schedule(step: jnp.ndarray) -> jnp.ndarray:
        step = jnp.minimum(step, int(ends[-1]))
        i = jnp.searchsorted(jnp.asarray(ends), step, side="left")
        place = (step - begins[i]) / lengths[i]
        return end + tops[i] * 0.5 * (rate - end) * (1 + jnp.cos(jnp.pi * place))

    return schedule


def multistep(rate: float, milestones: Sequence[int], gamma: float = 0.5) -> optax.Schedule:
    """Multiplied by `gamma` at each milestone, which is the first step of the new rate."""
    factors: dict[int, float] = {}
    for milestone in milestones:  # those of a short training may fall together
        factors[milestone] = factors.get(milestone, 1.0) * gamma
    return optax.piecewise_constant_schedule(rate, factors)


def warm_cosine_restarts(
    rate: float, ends: Sequence[int], *, warm: int, factor: float = 0.1, end: float = 1e-7
) -> optax.Schedule:
    """Cycles that end at `ends`: a straight line from `factor` to the whole of `rate` in `warm` steps, then a cosine.

    As in Beby-GAN's code the step at which a cycle ends is at `end`, and the next begins with the line's second value.
    """
    begins = jnp.asarray([0, *ends[:-1]])
    lengths = jnp.asarray(np.diff([0, *ends]))

    def schedule(step: jnp.ndarray) -> jnp.ndarray:
        step = jnp.minimum(step, int(ends[-1]))
        i = jnp.searchsorted(jnp.asarray(ends), step, side="left")
        k = step - begins[i]
        line = factor + (1 - factor) * k / max(warm, 1)
        fall = 0.5 * (1 + jnp.cos(jnp.pi * (k - warm) / jnp.maximum(lengths[i] - warm, 1)))
        return end + (rate - end) * jnp.where(k < warm, line, fall)

    return schedule


def warm_multistep(rate: float, milestones: Sequence[int], *, warm: int, gamma: float = 0.5) -> optax.Schedule:
    """`multistep` behind a straight line that reaches it with step `warm` - 1."""
    steps = multistep(rate, milestones, gamma)
    return lambda step: steps(step) * jnp.minimum(1.0, (step + 1) / max(warm, 1))
