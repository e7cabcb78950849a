"""Annealed Langevin dynamics: many small noisy steps up the slope of the density, from much noise to little.

Song, Ermon, "Generative Modeling by Estimating Gradients of the Data Distribution", NeurIPS 2019, arXiv 1907.05600,
algorithm 1 and appendix B.3 (inpainting).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.samplers.ancestral import Noise

Put = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""(x, number of the level [], standard normal) -> x with what is known put in, as noisy as the level."""


def step(slope: jax.Array, x: jax.Array, size: jax.Array | float, fresh: jax.Array) -> jax.Array:
    """x moved by size along the slope of its log-density, and noise of variance 2 size (equation 4)."""
    return x + size * slope + jnp.sqrt(2.0 * size) * fresh


def sizes(noise: np.ndarray, share: float) -> np.ndarray:
    """[L] float32: a share of each level's variance; published: 2e-5 where the deviation is 0.01, which is 0.2."""
    return (share * np.square(np.asarray(noise, np.float64))).astype(np.float32)


def sample(
    score: Callable[[jax.Array, jax.Array, jax.Array], jax.Array],
    noise: np.ndarray,
    x: jax.Array,
    draw: Noise,
    *,
    share: float = 0.2,
    each: int = 100,
    kept: np.ndarray | None = None,
    put: Put | None = None,
) -> jax.Array:
    """x [B, H, W, C] through levels whose deviations `noise` [L] fall, `each` steps on each of them.

    score(x, number of the level [], number of the call []). `kept` [L]: a factor before each level, where the signal
    changes between them. Draws are numbered: one for what is put in at a level, then one for each of its steps; what
    is put in after a step is the same as before.
    """

    def level(x: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, size, factor = inputs
        first, x = i * (each + 1), factor * x
        known = draw(first)

        def one(x: jax.Array, j: jax.Array) -> tuple[jax.Array, None]:
            x = step(score(x, i, i * each + j), x, size, draw(first + 1 + j))
            return (x if put is None else put(x, i, known)), None

        x = x if put is None else put(x, i, known)
        return jax.lax.scan(one, x, jnp.arange(each))[0], None

    factors = np.ones(len(noise)) if kept is None else kept
    order = jnp.arange(len(noise)), jnp.asarray(sizes(noise, share)), jnp.asarray(factors, jnp.float32)
    return jax.lax.scan(level, x, order)[0]
