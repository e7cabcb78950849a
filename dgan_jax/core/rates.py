"""Learning rates and averaging decays as functions of the step."""

import jax
import jax.numpy as jnp
import optax


def cosine_per_epoch(rate: float, end: float, *, steps: int, epoch: int) -> optax.Schedule:
    """The rate falls along a cosine from `rate` to `end`, constant within an epoch; past the end it climbs again."""
    epochs = max(1, -(-steps // epoch))
    return lambda count: end + (rate - end) * 0.5 * (1 + jnp.cos(jnp.pi * (count // epoch) / epochs))


def risen(rate: float, warmup: int) -> optax.ScalarOrSchedule:
    """The rate climbs in a straight line from 0 in `warmup` steps, and stays; with 0 of them it is there at once."""
    return optax.linear_schedule(0.0, rate, warmup) if warmup else rate


def half_life(batch: int, images: float, ramp: float) -> optax.Schedule:
    """An averaging decay that halves what is old in `images` images, or in a share of `ramp` of those seen if these are
    fewer; 0: no such limit. batch: images a step (Karras et al., arXiv 2006.06676)."""

    def decay(step: jax.Array) -> jax.Array:
        seen = jnp.maximum(batch * step, 1e-8)
        return jnp.exp2(-batch / (jnp.minimum(images, ramp * seen) if ramp else images))

    return decay
