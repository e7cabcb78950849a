"""Learning rates as functions of the step."""

import jax.numpy as jnp
import optax


def cosine_per_epoch(rate: float, end: float, *, steps: int, epoch: int) -> optax.Schedule:
    """The rate falls along a cosine from `rate` to `end`, constant within an epoch; past the end it climbs again."""
    epochs = max(1, -(-steps // epoch))
    return lambda count: end + (rate - end) * 0.5 * (1 + jnp.cos(jnp.pi * (count // epoch) / epochs))
