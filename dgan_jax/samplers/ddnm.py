"""DDNM: each predicted x0 is given what was measured of the image; the rest, which A does not see, is the prior's.

Wang, Yu, Zhang, "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model", ICLR 2023, arXiv 2212.00490;
with a noisy measurement DDNM+ (section 3.3 and appendix I).
"""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Chain, Tables, at
from dgan_jax.process.predictions import noise_of_x0, previous
from dgan_jax.samplers.ancestral import Limit, Noise, Predict, unlimited
from dgan_jax.samplers.known import Known, relative, square_root


def corrected(known: Known, x0: jax.Array) -> jax.Array:
    """x0 with what was measured in it (equation 12): exact for an exact measurement."""
    return x0 + known.gap(x0, 1.0)


def noisy_step(
    known: Known, x0: jax.Array, said: jax.Array, signal: jax.Array, noise: jax.Array, fresh: jax.Array, eta: float
) -> jax.Array:
    """The next state signal x0 + noise n from x0, the predicted noise and a fresh one, where y is noisy (DDNM+).

    What is measured comes with noise of its own, which takes the place of as much of the fresh noise; where it has more
    than that (late in the chain), less is taken of it.
    """
    own = lambda s: signal * relative(known.sigma, s)  # of y, in the next state
    quiet = lambda s: (s > 0) & (own(s) < noise)
    loud = lambda s: (s > 0) & (own(s) > noise)
    apart = np.sqrt(1 - eta**2)
    trust = lambda s: jnp.where(loud(s), noise * apart / jnp.where(own(s) > 0, own(s), 1.0), 1.0)
    spread = lambda s: jnp.where(quiet(s), square_root(noise**2 - own(s) ** 2), noise * eta)
    kept = lambda s: jnp.where(s > 0, 0.0, noise * apart)
    x0 = x0 + known.weigh(trust, known.gap(x0, 1.0))
    return signal * x0 + known.weigh(spread, fresh) + known.weigh(kept, said)


def posterior_step(
    known: Known, tables: Tables, x0: jax.Array, x: jax.Array, index: jax.Array, fresh: jax.Array
) -> jax.Array:
    """x_t from x = x_{t+1} and x0 by the posterior, with what is measured in it (algorithms 1 and 3).

    A noisy measurement brings noise of its own, which takes the place of as much of the posterior's.
    """
    share = at(tables.mean_x0, index, x)
    width = jnp.where(at(tables.noise, index, x) == 0, 0.0, jnp.exp(0.5 * at(tables.log_variance, index, x)))
    own = lambda s: share * relative(known.sigma, s)
    trust = lambda s: jnp.where(own(s) <= width, 1.0, width / jnp.where(own(s) > 0, own(s), 1.0))
    spread = lambda s: square_root(width**2 - own(s) ** 2)
    x0 = x0 + known.weigh(trust, known.gap(x0, 1.0))
    return previous(tables, x0, x, index) + known.weigh(spread, fresh)


def sample(
    predict: Predict,
    process: Tables,
    chain: Chain,
    levels: np.ndarray,
    known: Known,
    x: jax.Array,
    noise: Noise,
    *,
    eta: float | None = 0.85,
    exact: bool = True,
    limit: Limit = unlimited,
) -> tuple[jax.Array, jax.Array]:
    """From the chain's noisiest state x [B, h, w, c] along `levels` (`samplers.travel.schedule`) to x_0.

    exact: `known.sigma` is 0 (DDNM); else DDNM+. eta: the share of the noise that is fresh in each step; None draws the
    state from the posterior given x0, as algorithm 1 has it and as a prior of few large steps needs it. Going back adds
    noise to the last x0 that was predicted, uncorrected. Returns x_0 and that x0. Draw i is of the i-th pair of levels.
    """
    if eta is not None and not 0 <= eta <= 1:
        raise ValueError(f"eta must be in [0, 1], got {eta}")
    tables, times = chain.tables, jnp.asarray(chain.times)

    def after(x0: jax.Array, x: jax.Array, t: jax.Array, index: jax.Array, fresh: jax.Array) -> jax.Array:
        signal, level = at(tables.signal, index, x), at(tables.noise, index, x)
        if eta is None:
            return posterior_step(known, tables, x0, x, index, fresh)
        said = noise_of_x0(process, x0, x, t)
        if not exact:
            return noisy_step(known, x0, said, signal, level, fresh, eta)
        return signal * corrected(known, x0) + level * (eta * fresh + np.sqrt(1 - eta**2) * said)

    def fall(carry: tuple, i: jax.Array, index: jax.Array) -> tuple:
        x, _ = carry
        t = times[index]
        x0 = limit(predict(x, t, i)[0])
        return after(x0, x, t, index, noise(i)), x0

    def rise(carry: tuple, i: jax.Array, index: jax.Array) -> tuple:
        x, x0 = carry
        return at(tables.signal, index + 2, x) * x0 + at(tables.noise, index + 2, x) * noise(i), x0

    def body(carry: tuple, inputs: tuple) -> tuple[tuple, None]:
        i, level, falls = inputs
        return jax.lax.cond(falls, fall, rise, carry, i, jnp.full(carry[0].shape[:1], level)), None

    order = jnp.arange(len(levels) - 1), jnp.asarray(levels[:-1]), jnp.asarray(np.diff(levels) < 0)
    return jax.lax.scan(body, (x, jnp.zeros_like(x)), order)[0]
