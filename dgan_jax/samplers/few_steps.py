"""Solvers of the probability-flow ODE in few steps, through the levels of a chain.

Lu et al., "DPM-Solver++", arXiv 2211.01095, algorithm 2 (2M); Karras et al., "Elucidating the Design Space of
Diffusion-Based Generative Models", NeurIPS 2022, arXiv 2206.00364, algorithm 1 (Heun) and equation 5 (the levels).

x / signal and sigma = noise / signal are the coordinates in which every Gaussian diffusion has the same ODE.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Chain, Tables
from dgan_jax.process.schedules import STEPS, check_count
from dgan_jax.samplers.ancestral import Limit, Predict, unlimited


def sigmas_of(tables: Tables) -> np.ndarray:
    """[T] float64: noise over signal of the noisy states, ascending."""
    return np.asarray(tables.noise[1:], np.float64) / np.asarray(tables.signal[1:], np.float64)


def nearest(sigmas: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The transitions whose states are as noisy as is wanted, or nearly; each once, so there may be fewer."""
    log = np.log(sigmas)
    return np.unique(np.argmin(np.abs(log[None] - np.log(wanted)[:, None]), axis=1))


def karras(least: float, most: float, count: int, rho: float = 7.0) -> np.ndarray:
    """[count] levels of noise, ascending, dense where there is little (arXiv 2206.00364, equation 5)."""
    return np.linspace(least ** (1 / rho), most ** (1 / rho), count) ** rho


def karras_steps(process: Tables, count: int) -> np.ndarray:
    sigmas = sigmas_of(process)
    return nearest(sigmas, karras(sigmas[0], sigmas[-1], count))


def even_steps(process: Tables, count: int) -> np.ndarray:
    """Evenly in the logarithm of sigma (arXiv 2211.01095)."""
    sigmas = sigmas_of(process)
    return nearest(sigmas, np.geomspace(sigmas[0], sigmas[-1], count))


def counted(spacing: Callable[[int, int], np.ndarray]) -> Callable[[Tables, int], np.ndarray]:
    """A spacing of numbers, as one of a process's."""
    return lambda process, count: spacing(process.steps, count)


SPACINGS: Mapping[str, Callable[[Tables, int], np.ndarray]] = {
    "karras": karras_steps,
    "log_sigma": even_steps,
    **{name: counted(spacing) for name, spacing in STEPS.items()},
}


def steps_of(process: Tables, wanted: int, default: int, spacing: str) -> np.ndarray:
    """`wanted` of the process's transitions (0: `default`, or all where it has fewer), ascending."""
    count = wanted or min(default, process.steps)
    check_count(process.steps, count)
    if count == 1:
        return np.asarray([process.steps - 1])
    return np.unique(SPACINGS[spacing](process, count))  # two levels that are the same have no slope between


def multistep_weights(tables: Tables, order: int) -> np.ndarray:
    """[3, S] float32: of the state, of the predicted image, and how far this is carried on from the one before, for
    the steps to x_0 .. x_{S-1}."""
    signal, noise = (np.asarray(table, np.float64) for table in (tables.signal, tables.noise))
    kept = noise[:-1] / noise[1:]
    added = signal[:-1] - kept * signal[1:]
    further = np.zeros(len(kept))
    if order == 2 and len(kept) > 2:
        height = -np.diff(np.log(sigmas_of(tables)))  # of the step to x_1, x_2, ...
        # The first step has none before it; the last goes to no noise, infinitely far.
        further[1:-1] = 0.5 * height[:-1] / height[1:]
    return np.stack([kept, added, further]).astype(np.float32)


def multistep(predict: Predict, chain: Chain, x: jax.Array, *, order: int = 2, limit: Limit = unlimited) -> jax.Array:
    """DPM-Solver++(2M), or with order 1 DDIM: from the noisiest state x [B, h, w, c] to x_0, a call a step."""
    steps = len(chain.times)

    def body(carry: tuple, inputs: tuple) -> tuple[tuple, None]:
        (x, before), (i, time, weight) = carry, inputs
        x0 = limit(predict(x, jnp.full(x.shape[:1], time), i)[0])
        further = x0 + weight[2] * (x0 - before)
        return (weight[0] * x + weight[1] * further, x0), None

    weights = jnp.asarray(multistep_weights(chain.tables, order).T[::-1])
    order_of_use = jnp.arange(steps), jnp.asarray(chain.times[::-1]), weights
    return jax.lax.scan(body, (x, jnp.zeros_like(x)), order_of_use)[0][0]


def heun(predict: Predict, chain: Chain, x: jax.Array, *, limit: Limit = unlimited) -> jax.Array:
    """Heun's method: from the noisiest state x [B, h, w, c] to x_0, two calls a step but for the last."""
    signal, sigma = jnp.asarray(chain.tables.signal), jnp.asarray(sigmas_of(chain.tables), jnp.float32)
    times, steps = jnp.asarray(chain.times), len(chain.times)

    def slope(scaled: jax.Array, index: jax.Array, number: jax.Array) -> jax.Array:
        """d (x / signal) / d sigma at the noisy side of a step."""
        t = jnp.full(x.shape[:1], times[index])
        x0 = limit(predict(signal[index + 1] * scaled, t, number)[0])
        return (scaled - x0) / sigma[index]

    def body(scaled: jax.Array, inputs: tuple) -> tuple[jax.Array, None]:
        i, index = inputs
        first = slope(scaled, index, 2 * i)
        span = sigma[index - 1] - sigma[index]
        second = slope(scaled + span * first, index - 1, 2 * i + 1)
        return scaled + 0.5 * span * (first + second), None

    order_of_use = jnp.arange(steps - 1), jnp.arange(1, steps)[::-1]
    scaled = jax.lax.scan(body, x / signal[-1], order_of_use)[0]
    # Down to no noise there is no second slope.
    first = jnp.zeros((), jnp.int32)
    return scaled - sigma[0] * slope(scaled, first, first + 2 * (steps - 1))
