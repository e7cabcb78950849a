"""Ancestral sampling of a conditional diffusion: what is known of the image is put back after every step.

Saharia et al., Palette, arXiv 2111.05826; without anything known it is SR3's (arXiv 2104.07636, algorithm 2).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dgan_jax.process.gaussian import Tables, at
from dgan_jax.samplers.ancestral import Noise, step


def sample(
    predict: Callable[[jax.Array, jax.Array], jax.Array], process: Tables, x: jax.Array, noise: Noise, *,
    paste: Callable[[jax.Array], jax.Array] = lambda x: x,
) -> jax.Array:  # fmt: skip
    """From x_T [B, H, W, C] to x_0. predict(x_{t+1}, t [B]) -> x0, already limited; noise(t) -> [B, H, W, C];
    paste(x_t): with clean pixels where these are known."""

    def body(x: jax.Array, time: jax.Array) -> tuple[jax.Array, None]:
        t = jnp.full(x.shape[:1], time)
        log_variance = at(process.log_variance, t, x)
        return paste(step(process, predict(x, t), x, log_variance, t, noise(time))), None

    return jax.lax.scan(body, x, jnp.arange(process.steps)[::-1])[0]
