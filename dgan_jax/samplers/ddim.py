"""The family of samplers between a deterministic path and ancestral sampling, through any levels of noise.

Song, Meng, Ermon, "Denoising Diffusion Implicit Models", ICLR 2021, arXiv 2010.02502, equation 12. FastDPM (Kong, Ping,
arXiv 2106.00132) is the same step, in another order of its terms, through other levels; its kappa is eta.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Chain, Tables
from dgan_jax.process.predictions import noise_of_x0
from dgan_jax.samplers.ancestral import Limit, Noise, Predict, unlimited


def weights(tables: Tables, eta: float) -> np.ndarray:
    """[3, S] float32: of the state, of the predicted noise and of fresh noise, for the steps to x_0 .. x_{S-1}."""
    signal, noise = (np.asarray(table, np.float64) for table in (tables.signal, tables.noise))
    kept = signal[:-1] / signal[1:]
    forward = np.maximum(np.square(noise[1:]) - np.square(noise[:-1] / kept), 0)
    fresh = eta * noise[:-1] / noise[1:] * np.sqrt(forward)
    again = np.sqrt(np.maximum(np.square(noise[:-1]) - np.square(fresh), 0))
    return np.stack([kept, again - kept * noise[1:], fresh]).astype(np.float32)


def sample(
    predict: Predict,
    process: Tables,
    chain: Chain,
    x: jax.Array,
    noise: Noise,
    *,
    eta: float = 0.0,
    limit: Limit = unlimited,
    before: Callable[[jax.Array, jax.Array, jax.Array], jax.Array] = lambda x, t, i: x,
) -> jax.Array:
    """From the chain's noisiest state x [B, h, w, c] to x_0 in as many calls as the chain has steps.

    before(x, t [B], number of the call []) -> x: what is done to a state before the network sees it, as putting back
    what is known of it.

    eta 0 draws nothing, eta 1 as much as the posterior has. The chain's levels may lie between those of the process
    (fractions in `chain.times`): the predicted noise is that of the process, the levels are the chain's.
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be in [0, 1], got {eta}")
    steps = len(chain.times)

    def body(x: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, time, weight = inputs
        t = jnp.full(x.shape[:1], time)
        x = before(x, t, i)
        x0 = limit(predict(x, t, i)[0])
        x = weight[0] * x + weight[1] * noise_of_x0(process, x0, x, t)
        return (x + weight[2] * noise(i) if eta else x), None

    order = jnp.arange(steps), jnp.asarray(chain.times[::-1]), jnp.asarray(weights(chain.tables, eta).T[::-1])
    return jax.lax.scan(body, x, order)[0]
