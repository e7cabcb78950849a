"""DDRM: a chain that is conditioned on a noisy linear measurement, direction by direction of its singular vectors.

Kawar, Elad, Ermon, Song, "Denoising Diffusion Restoration Models", NeurIPS 2022, arXiv 2201.11793, equations 7 and 8.
The paper's states are x / signal, whose noise is noise / signal.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Chain, Tables
from dgan_jax.process.predictions import noise_of_x0
from dgan_jax.samplers.ancestral import Limit, Noise, Predict, unlimited
from dgan_jax.samplers.known import Known, relative, square_root


def begin(known: Known, spread: float, fresh: jax.Array) -> jax.Array:
    """The noisiest state, divided by its own spread (as published; times its signal is the same but for 1e-4).

    Where y is less noisy than the state it is its mean. `spread`: noise / signal of that state.
    """
    heard = lambda s: (s * spread > known.sigma) & (s > 0)
    told = known.weigh(lambda s: heard(s).astype(fresh.dtype), known.gap(jnp.zeros_like(fresh), 1.0))
    width = lambda s: square_root(spread**2 - jnp.where(heard(s), relative(known.sigma, s), 0.0) ** 2)
    return (told + known.weigh(width, fresh)) / spread


def step(
    known: Known, x0: jax.Array, said: jax.Array, spread: jax.Array, fresh: jax.Array, eta: float, trust: float
) -> jax.Array:
    """The next state over its signal, of noise `spread`, from x0, the predicted noise and a fresh one.

    eta: the share of fresh noise where y says nothing or is noisier than the state; trust: how much of y is taken where
    it is less noisy (etaA = etaC and etaB of the paper).
    """
    louder = lambda s: (s > 0) & (s * spread < known.sigma)
    quieter = lambda s: (s > 0) & (s * spread > known.sigma)
    apart = np.sqrt(1 - eta**2)
    # 1 where nothing is added, so that no branch divides by 0.
    units = jnp.where(known.sigma > 0, known.sigma, 1.0)
    towards = lambda s: jnp.where(quieter(s), trust, jnp.where(louder(s), apart * spread * s / units, 0.0))
    kept = lambda s: jnp.where(quieter(s) | louder(s), 0.0, apart * spread)
    width = lambda s: jnp.where(
        quieter(s), square_root(spread**2 - (trust * relative(known.sigma, s)) ** 2), eta * spread
    )
    return x0 + known.weigh(towards, known.gap(x0, 1.0)) + known.weigh(kept, said) + known.weigh(width, fresh)


def sample(
    predict: Predict,
    process: Tables,
    chain: Chain,
    known: Known,
    x: jax.Array,
    noise: Noise,
    *,
    eta: float = 0.85,
    trust: float = 1.0,
    limit: Limit = unlimited,
) -> jax.Array:
    """From standard normal x [B, h, w, c] to x_0 in as many calls as the chain has steps."""
    if not 0 <= eta <= 1 or not 0 <= trust <= 1:
        raise ValueError(f"eta and trust must be in [0, 1], got {eta} and {trust}")
    signal, level = (np.asarray(table, np.float64) for table in (chain.tables.signal, chain.tables.noise))
    spreads, steps = level / signal, len(chain.times)

    def body(x: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, time, scale, spread = inputs
        t = jnp.full(x.shape[:1], time)
        x0 = limit(predict(x, t, i)[0])
        said = noise_of_x0(process, x0, x, t)
        return scale * step(known, x0, said, spread, noise(i), eta, trust), None

    tables = (jnp.asarray(table[:-1][::-1], jnp.float32) for table in (signal, spreads))
    order = jnp.arange(steps), jnp.asarray(chain.times[::-1]), *tables
    # The noise's size, where it is not about 1 (variance exploding).
    first = begin(known, float(spreads[-1]), x) * max(float(level[-1]), 1.0)
    return jax.lax.scan(body, first, order)[0]
