"""Down a chain by its posterior: predict x0, draw the state before, whatever the chain's process is.

Residual shift (Yue et al., arXiv 2307.12348), the image-to-image bridge (Liu et al., arXiv 2302.05872).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def sample(
    predict: Callable[[jax.Array, jax.Array], jax.Array], posterior: Callable[..., jax.Array], steps: int, x: jax.Array,
    noise: Callable[[jax.Array], jax.Array], *, project: Callable[[jax.Array], jax.Array] = lambda x0: x0,
) -> jax.Array:  # fmt: skip
    """From x_T [B, h, w, c] to x_0 in as many calls as the chain has steps.

    predict(x_{t+1}, t [B]) -> x0; posterior(x0, x_{t+1}, t, noise) -> x_t; noise(number of the draw) -> [B, h, w, c];
    `project` puts back what is known of x0.
    """

    def body(x: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        number, time = inputs
        t = jnp.full(x.shape[:1], time)
        return posterior(project(predict(x, t)), x, t, noise(number)), None

    return jax.lax.scan(body, x, (jnp.arange(steps), jnp.arange(steps)[::-1]))[0]
