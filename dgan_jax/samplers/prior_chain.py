"""The denoising chain of DiffIR's prior vector: posterior means only, no noise on the way.

Xia et al., arXiv 2303.09472. Differentiable from end to end: the second stage is trained through all of it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dgan_jax.process.prior import PriorChain, posterior_mean

Denoise = Callable[[jax.Array, jax.Array], jax.Array]
"""(x_t [B, D], t [B]) -> x_0 [B, D]."""


def sample(denoise: Denoise, chain: PriorChain, x_init: jax.Array) -> jax.Array:
    """From the noisiest state [B, D] to all those that follow: [T, B, D], the prior itself last."""

    def step(x: jax.Array, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = posterior_mean(chain, denoise(x, jnp.full(x.shape[:1], t)), x, t)
        return x, x

    return jax.lax.scan(step, x_init, jnp.arange(chain.steps)[::-1])[1]
