"""Gaussian diffusion of a prior vector, after latent diffusion: betas linear in their square root, means without noise.

Xia et al., arXiv 2303.09472, equations 9 to 13. Time `t` is an integer in 0 .. T-1; t = T-1 is the noisiest
state and every x_t has t + 1 steps of noise, as in the published code.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Array


@struct.dataclass
class PriorChain:
    """Tables of a chain of T steps, each [T] float32."""

    betas: Array
    signal: Array  # x_t = signal[t] x_0 + noise[t] n
    noise: Array
    mean_x0: Array  # E[x_{t-1} | x_t, x_0] = mean_x0[t] x_0 + mean_x[t] x_t
    mean_x: Array

    @property
    def steps(self) -> int:
        return self.betas.shape[0]


def prior_chain(steps: int = 4, *, start: float = 0.1, end: float = 0.99) -> PriorChain:
    """Tables for betas from `start` to `end`, computed in float64 and cast once."""
    betas = np.linspace(np.sqrt(start), np.sqrt(end), steps, dtype=np.float64) ** 2
    alpha_bar = np.cumprod(1 - betas)
    before = np.concatenate([[1.0], alpha_bar[:-1]])
    tables = PriorChain(
        betas=betas,
        signal=np.sqrt(alpha_bar),
        noise=np.sqrt(1 - alpha_bar),
        mean_x0=betas * np.sqrt(before) / (1 - alpha_bar),
        mean_x=(1 - before) * np.sqrt(1 - betas) / (1 - alpha_bar),
    )
    return jax.tree.map(lambda table: np.asarray(table, np.float32), tables)


def noised(chain: PriorChain, x0: jax.Array, noise: jax.Array) -> jax.Array:
    """The chain's noisiest state of x0. Both [B, D]."""
    return chain.signal[-1] * x0 + chain.noise[-1] * noise


def posterior_mean(chain: PriorChain, x0: jax.Array, x_t: jax.Array, t: jax.Array) -> jax.Array:
    """E[x_{t-1} | x_t, x_0]; at t = 0 this is x_0. t: [] integer."""
    return jnp.asarray(chain.mean_x0)[t] * x0 + jnp.asarray(chain.mean_x)[t] * x_t
