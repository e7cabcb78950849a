"""Ancestral sampling: predict x0, draw the state before from its posterior, or with the variance that was learnt.

Ho, Jain, Abbeel, arXiv 2006.11239, algorithm 2.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dgan_jax.process.gaussian import Chain, Tables, at
from dgan_jax.process.predictions import between, previous, share_of_large

Predict = Callable[[jax.Array, jax.Array, jax.Array], tuple[jax.Array, jax.Array | None]]
"""(x [B, h, w, c], t [B], number of the call []) -> (x0, log-variance of the step back to t - 1 or None)."""
Noise = Callable[[jax.Array], jax.Array]
"""Number of the draw [] -> [B, h, w, c], standard normal; draws of different numbers are independent."""
Limit = Callable[[jax.Array], jax.Array]
"""What a predicted x0 is brought to, for instance [-1, 1]."""

unlimited: Limit = lambda x0: x0


def log_variance_in(
    process: Tables, chain: Chain, log_variance: jax.Array | None, t: jax.Array, index: jax.Array, like: jax.Array
) -> jax.Array:
    """That of a chain's step, from what was learnt of the process's (None: the chain's own table).

    What is as far between the two variances of a step of the process is as far between those of the chain's longer
    step (Nichol, Dhariwal, arXiv 2102.09672, section 4).
    """
    if log_variance is None:
        return at(chain.tables.log_variance, index, like)
    if len(chain.times) == process.steps:
        return log_variance
    return between(chain.tables, share_of_large(process, log_variance, t), index)


def step(
    tables: Tables, x0: jax.Array, x: jax.Array, log_variance: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_t from x = x_{t+1}: the posterior's mean, and noise of this log-variance unless t = 0."""
    return previous(tables, x0, x, t) + jnp.where(at(tables.noise, t, x) == 0, 0.0, jnp.exp(0.5 * log_variance)) * noise


def sample(
    predict: Predict, process: Tables, chain: Chain, x: jax.Array, noise: Noise, *, limit: Limit = unlimited
) -> jax.Array:
    """From the chain's noisiest state x [B, h, w, c] to x_0 in as many calls as the chain has steps."""
    steps = len(chain.times)

    def body(x: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, index, time = inputs
        t, index = jnp.full(x.shape[:1], time), jnp.full(x.shape[:1], index)
        x0, log_variance = predict(x, t, i)
        log_variance = log_variance_in(process, chain, log_variance, t, index, x)
        return step(chain.tables, limit(x0), x, log_variance, index, noise(i)), None

    order = jnp.arange(steps), jnp.arange(steps)[::-1], jnp.asarray(chain.times[::-1])
    return jax.lax.scan(body, x, order)[0]
