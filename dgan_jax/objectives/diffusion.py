"""What diffusion models are trained by: the error of a prediction, the variational bound, or both together.

Ho, Jain, Abbeel, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239; Nichol, Dhariwal, "Improved Denoising
Diffusion Probabilistic Models", arXiv 2102.09672.
"""

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Tables, at, expand, step_log_variance
from dgan_jax.process.predictions import previous


def kl_divergence(mean: jax.Array, log_variance: jax.Array, other: jax.Array, other_log: jax.Array) -> jax.Array:
    """KL of two diagonal Gaussians, elementwise, in nats."""
    apart = log_variance - other_log
    return 0.5 * (jnp.expm1(apart) - apart + jnp.square(mean - other) * jnp.exp(-other_log))


def logit_of_cdf(x: jax.Array) -> jax.Array:
    """The normal distribution function as a sigmoid of this: the published approximation, whose tanh is a sigmoid."""
    return 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)


def decoder_log_likelihood(x0: jax.Array, mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """log p(x0 | x_1) of images of 8 bits in [-1, 1], elementwise: the Gaussian's share of each value's bin.

    The bins of the darkest and the brightest value go on for ever (Ho et al., equation 13).
    """
    scale = jnp.exp(-0.5 * log_variance)
    above, below = logit_of_cdf((x0 - mean + 1 / 255) * scale), logit_of_cdf((x0 - mean - 1 / 255) * scale)
    # sigmoid(a) - sigmoid(b) in logarithms: far from the mean the difference itself is lost in float32.
    inside = jax.nn.log_sigmoid(above) + jax.nn.log_sigmoid(-below) + jnp.log(-jnp.expm1(below - above))
    edge = jnp.where(x0 < -0.999, jax.nn.log_sigmoid(above), jax.nn.log_sigmoid(-below))
    return jnp.maximum(jnp.where(jnp.abs(x0) > 0.999, edge, inside), np.log(1e-12))


def bits(values: jax.Array) -> jax.Array:
    """[B, ...] in nats -> [B], bits per dimension."""
    return jnp.mean(values, axis=tuple(range(1, values.ndim))) / np.log(2)


def bound(
    process: Tables, x0: jax.Array, x: jax.Array, t: jax.Array, mean: jax.Array, log_variance: jax.Array
) -> jax.Array:
    """[B], bits per dimension: the term of the variational bound for the step from x = x_{t+1} back to x_t, t [B].

    `mean` and `log_variance` are those of the network's step (Ho et al., equation 5).
    """
    small = jnp.asarray(step_log_variance(process, "small"), jnp.float32)[t]
    kl = bits(kl_divergence(previous(process, x0, x, t), expand(small, x), mean, log_variance))
    return jnp.where(t == 0, -bits(decoder_log_likelihood(x0, mean, log_variance)), kl)


def prior_bound(process: Tables, x0: jax.Array) -> jax.Array:
    """[B], bits per dimension: what the noisiest state still tells of x0."""
    end = jnp.full(x0.shape[:1], process.steps)
    mean = at(process.signal, end, x0) * x0
    log_variance = jnp.broadcast_to(2 * jnp.log(at(process.noise, end, x0)), x0.shape)
    return bits(kl_divergence(mean, log_variance, jnp.zeros_like(x0), jnp.zeros_like(x0)))


def reduced(errors: jax.Array, how: str) -> jax.Array:
    """[B, ...] -> [B]: the mean over an image (Ho et al.) or the sum (DDIM)."""
    axes = tuple(range(1, errors.ndim))
    return jnp.sum(errors, axes) if how == "sum" else jnp.mean(errors, axes)
