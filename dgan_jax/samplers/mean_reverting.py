"""Down a mean-reverting SDE: by its reverse, by its ODE, or by its posterior (Luo et al., arXiv 2301.11699)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dgan_jax.process.mean_reverting import MeanReverting


def sample(
    say: Callable[[jax.Array, jax.Array], jax.Array], step: Callable[..., jax.Array], process: MeanReverting,
    x: jax.Array, mu: jax.Array, noise: Callable[[jax.Array], jax.Array],
) -> jax.Array:  # fmt: skip
    """From x_T [B, H, W, C] to x_0 in T calls. say(x, t [B] in 1 .. T) -> noise; `step` is one of
    `process.mean_reverting.STEPS`; noise(t) -> [B, H, W, C]."""

    def body(x: jax.Array, time: jax.Array) -> tuple[jax.Array, None]:
        t = jnp.full(x.shape[:1], time)
        return step(process, x, mu, say(x, t), t, noise(time)), None

    return jax.lax.scan(body, x, jnp.arange(process.steps, 0, -1))[0]
