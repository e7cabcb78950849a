"""Image-to-image Schroedinger bridge: Brownian motion pinned at a clean image x0 and at its damaged form y0.

Liu et al., "I2SB: Image-to-Image Schroedinger Bridge", ICML 2023, arXiv 2302.05872.

Time `t` counts as in `process.gaussian`: an integer in 0 .. T-1 that names the transition x_{t+1} -> x_t; a state has
an index in 0 .. T. `y0` (the paper's x_1) is an image of the shape of x0, usually a task's first estimate; with the
default of 0 everything is in residuals x - y0. Unlike in the other processes x_T is (almost) y0 itself, without noise.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Array
from dgan_jax.process.gaussian import at


@struct.dataclass
class Bridge:
    """Tables of a chain of T steps. The first four and the step's are [T+1], entry 0 is the clean end; the posterior's
    are [T]. `from_clean` is the deviation that the motion has gathered since x0."""

    from_clean: Array
    signal: Array  # x_t = signal[t] x0 + shift[t] y0 + noise[t] n
    shift: Array
    noise: Array
    step_signal: Array  # x_{t+1} = step_signal[t+1] x_t + (1 - step_signal[t+1]) y0 + step_noise[t+1] n
    step_noise: Array
    mean_x0: Array  # E[x_t | x_{t+1}, x0] = mean_x0[t] x0 + mean_x[t] x_{t+1}
    mean_x: Array
    deviation: Array

    @property
    def steps(self) -> int:
        return self.mean_x0.shape[0]


def bridge_betas(count: int, *, beta_max: float = 0.3, beta_first: float = 1e-4) -> np.ndarray:
    """[count] float64: a schedule whose square root is linear up to beta_max / count, its first half and its mirror."""
    if count < 2 or count % 2:
        raise ValueError(f"a bridge's schedule has an even number of entries, got {count}; try 1000")
    betas = np.linspace(np.sqrt(beta_first), np.sqrt(beta_max / count), count, dtype=np.float64) ** 2
    return np.concatenate([betas[: count // 2], betas[: count // 2][::-1]])


def evenly(count: int, steps: int) -> np.ndarray:
    """[steps + 1] indices from 0 to count - 1, as even as rounding lets them be: the states of a short chain."""
    if not 1 <= steps < count:
        raise ValueError(f"a bridge of {count} states can be crossed in 1 to {count - 1} steps, got {steps}")
    stride = (count - 1) / steps
    place, places = 0.0, []
    for _ in range(steps + 1):
        places.append(round(place))  # summed up and rounded half to even, as published
        place += stride
    return np.asarray(places)


def product(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of two means and the deviation of the product of two Gaussians with these deviations."""
    total = np.square(first) + np.square(second)
    return np.square(second) / total, np.square(first) / total, first * second / np.sqrt(total)


def bridge(betas: np.ndarray, states: np.ndarray, *, clean: bool = True, noisy: bool = True) -> Bridge:
    """Tables of the chain through `states` (ascending indices of `betas`, the first being x_0).

    `clean`: x_0 is the image itself, which a chain needs whose pairs a critic judges; as published index 0 has one
    beta of noise. `noisy=False` is the limit without noise (optimal transport).
    """
    forward = np.sqrt(np.cumsum(betas))[states]
    backward = np.sqrt(np.cumsum(betas[::-1])[::-1])[states]
    if clean:
        forward[0] = 0.0
    signal, shift, noise = product(forward, backward)
    step = np.sqrt(np.square(forward[1:]) - np.square(forward[:-1]))
    # The posterior: from x0 as far as x_t, then from x_t as far as x_{t+1}.
    mean_x0, mean_x, deviation = product(forward[:-1], step)
    deviation[0] = 0.0  # the last step of sampling adds no noise
    step_signal, _, step_noise = product(step, backward[1:])
    tables = Bridge(
        from_clean=forward,
        signal=signal,
        shift=shift,
        noise=noise * noisy,
        step_signal=np.concatenate([[1.0], step_signal]),
        step_noise=np.concatenate([[0.0], step_noise]) * noisy,
        mean_x0=mean_x0,
        mean_x=mean_x,
        deviation=deviation * noisy,
    )
    return jax.tree.map(lambda table: np.asarray(table, np.float32), tables)


def diffuse(process: Bridge, x0: jax.Array, t: jax.Array, noise: jax.Array, y0: jax.Array | float = 0.0) -> jax.Array:
    """x_t ~ q(x_t | x0, y0), t [B] in 0 .. T."""
    return at(process.signal, t, x0) * x0 + at(process.shift, t, x0) * y0 + at(process.noise, t, x0) * noise


def diffuse_step(
    process: Bridge, x: jax.Array, t: jax.Array, noise: jax.Array, x0: jax.Array, y0: jax.Array | float = 0.0
) -> jax.Array:
    """x_{t+1} ~ q(x_{t+1} | x_t, y0), t [B] in 0 .. T-1: on from x_t towards y0, whatever x0 was."""
    del x0
    kept = at(process.step_signal, t + 1, x)
    return kept * x + (1 - kept) * y0 + at(process.step_noise, t + 1, x) * noise


def diffuse_pair(
    process: Bridge, x0: jax.Array, t: jax.Array, noise_marginal: jax.Array, noise_step: jax.Array,
    y0: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
    """(x_t, x_{t+1}) ~ q, t [B] in 0 .. T-1."""
    x_t = diffuse(process, x0, t, noise_marginal, y0)
    return x_t, diffuse_step(process, x_t, t, noise_step, x0, y0)


def begin(process: Bridge, noise: jax.Array, y0: jax.Array | float = 0.0) -> jax.Array:
    """x_T as sampling starts it: y0, without noise."""
    del process
    return y0 + jnp.zeros_like(noise)


def posterior_sample(process: Bridge, x0: jax.Array, x_next: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x_{t+1}, x0) (the paper's tractable posterior). In a `clean` chain this is x0 at t = 0."""
    mean = at(process.mean_x0, t, x0) * x0 + at(process.mean_x, t, x0) * x_next
    return mean + at(process.deviation, t, x0) * noise


def direction(process: Bridge, x_t: jax.Array, x0: jax.Array, t: jax.Array) -> jax.Array:
    """What the published networks predict: x_t - x0 in units of the deviation since x0; t: [B], no clean state."""
    return (x_t - x0) / at(process.from_clean, t, x_t)


def clean_image(process: Bridge, x_t: jax.Array, predicted: jax.Array, t: jax.Array) -> jax.Array:
    """x0 from a predicted `direction`."""
    return x_t - at(process.from_clean, t, x_t) * predicted
