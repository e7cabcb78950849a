"""RePaint: an unconditional diffusion inpaints, going back to noisier states again and again to harmonise.

Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic Models", CVPR 2022, arXiv 2201.09865. Here
for every linear measurement, and with `replace="after"` for the plain replacement method.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Chain, Tables, at, diffuse_step
from dgan_jax.samplers.ancestral import Limit, Noise, Predict, log_variance_in, step, unlimited
from dgan_jax.samplers.known import Known, inject


def sample(
    predict: Predict,
    process: Tables,
    chain: Chain,
    levels: np.ndarray,
    known: Known,
    x: jax.Array,
    noise: Noise,
    *,
    limit: Limit = unlimited,
    replace: str = "before",
) -> jax.Array:
    """From the chain's noisiest state x [B, h, w, c] along `levels` (`samplers.travel.schedule`) to x_0.

    replace: what is measured is put into a state "before" the network sees it (the published code, which leaves the
    first one out), or into each state "after" it was drawn (algorithm 1, and replacement as Song et al. have it). Draws
    2 i and 2 i + 1 are of the i-th pair of levels.
    """
    if replace not in ("before", "after"):
        raise ValueError(f"replace is 'before' or 'after', got {replace!r}")
    tables, times = chain.tables, jnp.asarray(chain.times)

    def put(x: jax.Array, state: jax.Array, fresh: jax.Array) -> jax.Array:
        return inject(known, x, at(tables.signal, state, x), at(tables.noise, state, x), fresh)

    def fall(x: jax.Array, i: jax.Array, index: jax.Array) -> jax.Array:
        if replace == "before":
            x = jnp.where(i == 0, x, put(x, index + 1, noise(2 * i + 1)))
        t = times[index]
        x0, log_variance = predict(x, t, i)
        log_variance = log_variance_in(process, chain, log_variance, t, index, x)
        x = step(tables, limit(x0), x, log_variance, index, noise(2 * i))
        return put(x, index, noise(2 * i + 1)) if replace == "after" else x

    def rise(x: jax.Array, i: jax.Array, index: jax.Array) -> jax.Array:
        return diffuse_step(tables, x, index + 1, noise(2 * i))

    def body(x: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, level, falls = inputs
        return jax.lax.cond(falls, fall, rise, x, i, jnp.full(x.shape[:1], level)), None

    order = jnp.arange(len(levels) - 1), jnp.asarray(levels[:-1]), jnp.asarray(np.diff(levels) < 0)
    return jax.lax.scan(body, x, order)[0]
