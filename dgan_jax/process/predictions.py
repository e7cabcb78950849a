"""What a denoising network may predict, and what x0 that means: the one place where such quantities are translated.

`x` is the state that the network sees at the transition t, x_{t+1} in the words of `process.gaussian`, and t [B] lies
in 0 .. T-1; a fraction is allowed. Signal and noise are those of that state: x = signal x0 + noise n.

    noise      n itself (Ho et al., arXiv 2006.11239, equation 12)
    x0         the clean image
    previous   the mean of x_t, given x0 and x_{t+1} (ibid., equation 8)
    velocity   signal n - noise x0 (Salimans, Ho, arXiv 2202.00512, appendix D)
    score      the slope of the state's log-density, -n / noise (Song et al., arXiv 2011.13456)
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dgan_jax.process.gaussian import Tables, at, expand, step_log_variance


class Prediction(NamedTuple):
    """`target(process, x0, x, noise, t)` is what the network should say, `x0(process, said, x, t)` what it means."""

    target: Callable[[Tables, jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]
    x0: Callable[[Tables, jax.Array, jax.Array, jax.Array], jax.Array]


def level(process: Tables, t: jax.Array, like: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Signal and noise of the state that the network sees at t, ready to multiply `like`."""
    return at(process.signal, t + 1, like), at(process.noise, t + 1, like)


def x0_of_noise(process: Tables, said: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The clean image of a noise; said and x [B, ...], t [B]."""
    signal, noise = level(process, t, x)
    return (x - noise * said) / signal


def noise_of_x0(process: Tables, x0: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The noise that took x0 to x."""
    signal, noise = level(process, t, x)
    return (x - signal * x0) / noise


def x0_of_previous(process: Tables, said: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The clean image of a posterior mean of x_t; said and x [B, ...], t [B]."""
    return (said - at(process.mean_x, t, x) * x) / at(process.mean_x0, t, x)


def previous(process: Tables, x0: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The posterior's mean of x_t."""
    return at(process.mean_x0, t, x) * x0 + at(process.mean_x, t, x) * x


def x0_of_velocity(process: Tables, said: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The clean image of a velocity; said and x [B, ...], t [B]."""
    signal, noise = level(process, t, x)
    return signal * x - noise * said


def velocity(process: Tables, x0: jax.Array, noise: jax.Array, t: jax.Array) -> jax.Array:
    """What changes x when its level of noise does."""
    signal, deviation = level(process, t, x0)
    return signal * noise - deviation * x0


def x0_of_score(process: Tables, said: jax.Array, x: jax.Array, t: jax.Array) -> jax.Array:
    """The clean image of a score, by Tweedie's formula; said and x [B, ...], t [B]."""
    signal, noise = level(process, t, x)
    return (x + jnp.square(noise) * said) / signal


PREDICTIONS: Mapping[str, Prediction] = {
    "noise": Prediction(lambda process, x0, x, noise, t: noise, x0_of_noise),
    "x0": Prediction(lambda process, x0, x, noise, t: x0, lambda process, said, x, t: said),
    "previous": Prediction(lambda process, x0, x, noise, t: previous(process, x0, x, t), x0_of_previous),
    "velocity": Prediction(lambda process, x0, x, noise, t: velocity(process, x0, noise, t), x0_of_velocity),
    "score": Prediction(lambda process, x0, x, noise, t: -noise / at(process.noise, t + 1, noise), x0_of_score),
}


def share_of_large(process: Tables, log_variance: jax.Array, t: jax.Array) -> jax.Array:
    """Where between the small (0) and the large (1) log-variance of a step back one lies."""
    small, large = (jnp.asarray(step_log_variance(process, kind), jnp.float32)[t] for kind in ("small", "forward"))
    span = large - small
    return (log_variance - expand(small, log_variance)) / expand(span, log_variance)


def between(process: Tables, share: jax.Array, t: jax.Array) -> jax.Array:
    """The log-variance at a `share` of the way from the small to the large one (Nichol, Dhariwal, equation 15)."""
    small, large = (jnp.asarray(step_log_variance(process, kind), jnp.float32)[t] for kind in ("small", "forward"))
    return share * expand(large, share) + (1 - share) * expand(small, share)


VARIANCES: Mapping[str, Callable[[Tables, jax.Array, jax.Array], jax.Array]] = {
    "learned": lambda process, said, t: said,
    "learned_range": lambda process, said, t: between(process, (said + 1) / 2, t),
}
"""How the second half of a network's channels tells the log-variance of a step back: (process, said, t) -> [B, ...]."""
