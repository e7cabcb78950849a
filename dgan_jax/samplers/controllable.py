"""Controllable generation of a diffusion in continuous time: what is known is put into every state.

Song et al., arXiv 2011.13456, appendix I: of holes, see `predictor_corrector.replacing`; here of a grey picture.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import expand
from dgan_jax.process.sde import SDE
from dgan_jax.samplers.predictor_corrector import Put, State


def grey_part(x: jax.Array) -> jax.Array:
    """[B, H, W, 3] -> [B, H, W, 1]: the coordinate along the unit vector of grey."""
    return jnp.sum(x, axis=-1, keepdims=True) / np.sqrt(3.0)


def with_grey(x: jax.Array, grey: jax.Array) -> jax.Array:
    """x [B, H, W, 3] with another grey coordinate [B, H, W, 1]; its colours stay.

    The published code rotates to a basis whose first axis is grey and puts the first coordinate in: the other axes
    do not matter.
    """
    return x + (grey - grey_part(x)) / np.sqrt(3.0)


def colouring(sde: SDE, grey: jax.Array, *, literal: bool = False) -> Put:
    """The grey coordinate of `grey` [B, H, W, 3] is drawn anew from what the SDE makes of it at this t; the first
    channel of the noise serves. literal: the mean's colours are those of the noisy state, as in the published code."""
    known = grey_part(grey)

    def put(x: jax.Array, mean: jax.Array, t: jax.Array, fresh: jax.Array) -> State:
        signal, noise = (expand(value, x) for value in sde.marginal(t))
        placed = with_grey(x, signal * known + noise * fresh[..., :1])
        return placed, with_grey(placed if literal else mean, signal * known)

    return put
