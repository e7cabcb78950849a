"""Mixtures of discretised logistics as the law of a colour picture's pixels.

Salimans, Karpathy, Chen, Kingma, "PixelCNN++", ICLR 2017, arXiv 1701.05517, equations 1 to 3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

LEAST_LOG_SCALE = -7.0
EDGE = 0.999
"""Values beyond it have the whole tail."""
CHANNELS = 3


class Mixture(NamedTuple):
    """Of each pixel: `logits` [..., K]; the others [..., 3, K]."""

    logits: jax.Array
    means: jax.Array
    log_scales: jax.Array
    coefficients: jax.Array  # green of red, blue of red, blue of green


def mixture_of(params: jax.Array) -> Mixture:
    """[..., 10 K] as a network says it: K logits, then for each channel K means, log scales and coefficients."""
    if params.shape[-1] % (1 + 3 * CHANNELS):
        raise ValueError(f"mixtures of colours take ten numbers a logistic, got {params.shape[-1]} channels")
    count = params.shape[-1] // (1 + 3 * CHANNELS)
    rest = params[..., count:].reshape(*params.shape[:-1], CHANNELS, 3, count)
    means, log_scales, coefficients = (rest[..., i, :] for i in range(3))
    return Mixture(params[..., :count], means, jnp.maximum(log_scales, LEAST_LOG_SCALE), jnp.tanh(coefficients))


def coupled(means: jax.Array, coefficients: jax.Array, red: jax.Array, green: jax.Array) -> jax.Array:
    """[..., 3, K]: means once red and green are known ([..., 1] or [..., K])."""
    c = coefficients
    second = means[..., 1, :] + c[..., 0, :] * red
    third = means[..., 2, :] + c[..., 1, :] * red + c[..., 2, :] * green
    return jnp.stack([means[..., 0, :], second, third], axis=-2)


def log_probability(params: jax.Array, image: jax.Array, *, bits: int = 8) -> jax.Array:
    """[..., H, W]: log-probability of an image [..., H, W, 3] in [-1, 1] of 2^bits levels."""
    mixture, half = mixture_of(params), (2**bits - 1) / 2
    x = image[..., None]
    centred = x - coupled(mixture.means, mixture.coefficients, x[..., 0, :], x[..., 1, :])
    sharp = jnp.exp(-mixture.log_scales)
    above, below = sharp * (centred + 0.5 / half), sharp * (centred - 0.5 / half)
    inside = jax.nn.sigmoid(above) - jax.nn.sigmoid(below)
    middle = sharp * centred
    density = middle - mixture.log_scales - 2 * jax.nn.softplus(middle) - np.log(half)
    log = jnp.where(inside > 1e-5, jnp.log(jnp.maximum(inside, 1e-10)), density)
    log = jnp.where(x > EDGE, -jax.nn.softplus(below), log)
    log = jnp.where(x < -EDGE, above - jax.nn.softplus(above), log)
    return jax.nn.logsumexp(log.sum(-2) + jax.nn.log_softmax(mixture.logits), axis=-1)


def mean_image(params: jax.Array) -> jax.Array:
    """[..., H, W, 3] in [-1, 1]: the mixture's mean, channel by channel, each in range before the next sees it."""
    mixture = mixture_of(params)
    share = jax.nn.softmax(mixture.logits)[..., None, :]
    mean, c = jnp.sum(mixture.means * share, -1), jnp.sum(mixture.coefficients * share, -1)
    limit = lambda x: jnp.clip(x, -1, 1)
    red = limit(mean[..., 0])
    green = limit(mean[..., 1] + c[..., 0] * red)
    blue = limit(mean[..., 2] + c[..., 1] * red + c[..., 2] * green)
    return jnp.stack([red, green, blue], axis=-1)
