"""Discrete Gaussian diffusion: x_t = signal_t x0 + noise_t n, in the few large steps of a diffusion-GAN or in many.

Xiao, Kreis, Vahdat, "Tackling the Generative Learning Trilemma with Denoising Diffusion GANs", arXiv 2112.07804; Ho,
Jain, Abbeel, "Denoising Diffusion Probabilistic Models", arXiv 2006.11239.

Time `t` is an integer index in 0 .. T-1 everywhere and names the transition x_{t+1} -> x_t; networks receive that t.
Papers on diffusion in many steps call x_t what is x_{t+1} here, and have the same t for their networks.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Array, Tables


@struct.dataclass
class Gaussian:
    """Tables of a chain of T steps. `signal`, `noise`, `step_signal`, `step_noise` are [T+1]; entry 0 is clean data.
    The posterior's tables are [T]."""

    signal: Array  # x_t = signal[t] x0 + noise[t] n
    noise: Array
    step_signal: Array  # x_{t+1} = step_signal[t+1] x_t + step_noise[t+1] n
    step_noise: Array
    mean_x0: Array  # E[x_t | x_{t+1}, x0] = mean_x0[t] x0 + mean_x[t] x_{t+1}
    mean_x: Array
    log_variance: Array

    @property
    def steps(self) -> int:
        return self.mean_x0.shape[0]


def vp_betas(steps: int, *, beta_min: float = 0.1, beta_max: float = 20.0, geometric: bool = False) -> np.ndarray:
    """[T+1] float32 betas of a variance-preserving SDE cut into `steps` pieces; entry 0 (1e-8) stands for clean data.

    Everything is float64 up to the one cast at the end, as in the published schedule.
    """
    if steps < 1:
        raise ValueError(f"a diffusion needs at least 1 step, got {steps}")
    first = 1e-3
    s = np.arange(steps + 1, dtype=np.float64) / steps * (1.0 - first) + first
    if geometric:
        variance = beta_min * (beta_max / beta_min) ** s
        if variance.max() >= 1:
            raise ValueError(
                f"a geometric schedule needs beta_max below 1 (it is a variance), got beta_max {beta_max}; try 0.999"
            )
    else:
        variance = 1.0 - np.exp(-0.5 * s**2 * (beta_max - beta_min) - s * beta_min)
    alpha_bar = 1.0 - variance
    betas = 1.0 - alpha_bar[1:] / alpha_bar[:-1]
    return np.concatenate([[1e-8], betas]).astype(np.float32)


def gaussian(betas: np.ndarray) -> Gaussian:
    """Tables from [T+1] betas.

    The published code goes on in float32 from here: in float32 sqrt(1 - 1e-8) is exactly 1, so x_0 is noise-free.
    """
    one = np.float32(1)
    betas = np.asarray(betas, np.float32)
    step_signal = np.sqrt(one - betas)
    signal = np.cumprod(step_signal, dtype=np.float32)
    # The posterior's products leave entry 0 out; the forward ones keep it.
    beta = betas[1:]
    alpha = one - beta
    alpha_bar = np.cumprod(alpha, dtype=np.float32)
    alpha_bar_previous = np.concatenate([[one], alpha_bar[:-1]])
    variance = beta * (one - alpha_bar_previous) / (one - alpha_bar)
    tables = Gaussian(
        signal=signal,
        noise=np.sqrt(one - signal**2),
        step_signal=step_signal,
        step_noise=np.sqrt(betas),
        mean_x0=beta * np.sqrt(alpha_bar_previous) / (one - alpha_bar),
        mean_x=(one - alpha_bar_previous) * np.sqrt(alpha) / (one - alpha_bar),
        log_variance=np.log(np.maximum(variance, np.float32(1e-20))),
    )
    return cast32(tables)


def gaussian_of_betas(betas: np.ndarray, *, variance: str = "small") -> Gaussian:
    """Tables from [T] float64 betas, everything in float64 up to one cast at the end (Ho et al., equations 4 and 7).

    `variance` is that of a step back whose network does not tell one: "small", the posterior's, or "large", beta's. At
    t = 0, where both are of no use, the entry of t = 1 stands (of the small one), as published.
    """
    betas = np.asarray(betas, np.float64)
    alpha_bar = np.cumprod(1 - betas)
    before, after = np.concatenate([[1.0], alpha_bar[:-1]]), alpha_bar
    tables = Gaussian(
        signal=np.sqrt(np.concatenate([[1.0], alpha_bar])),
        noise=np.sqrt(np.concatenate([[0.0], 1 - alpha_bar])),
        step_signal=np.sqrt(np.concatenate([[1.0], 1 - betas])),
        step_noise=np.sqrt(np.concatenate([[0.0], betas])),
        mean_x0=betas * np.sqrt(before) / (1 - after),
        mean_x=(1 - before) * np.sqrt(1 - betas) / (1 - after),
        log_variance=np.zeros(len(betas)),
    )
    return cast32(dataclasses.replace(tables, log_variance=step_log_variance(tables, variance)))


def step_log_variance(process: Tables, variance: str) -> np.ndarray:
    """[T] float64: log-variance of steps back: "small" (the posterior's), "forward" (beta, the step's forward), or
    "large" (the same but for t = 0)."""
    signal, noise = (np.asarray(table, np.float64) for table in (process.signal, process.noise))
    forward = np.square(noise[1:]) - np.square(signal[1:] / signal[:-1] * noise[:-1])
    posterior = forward * np.square(noise[:-1] / noise[1:])
    # The posterior's first is 0, whose logarithm is of no use: the second stands for it. One step has no second.
    posterior[0] = posterior[1] if len(posterior) > 1 else forward[0]
    kinds = {"small": posterior, "forward": forward, "large": np.concatenate([posterior[:1], forward[1:]])}
    return np.log(np.maximum(lookup("variance of a step back", variance, kinds), 1e-20))


def cast32(tables: Gaussian) -> Gaussian:
    """Tables that were computed in float64, in float32."""
    return jax.tree.map(lambda table: np.asarray(table, np.float32), tables)


def expand(values: jax.Array, like: jax.Array) -> jax.Array:
    """[B] -> [B, 1, 1, 1], ready to multiply `like`."""
    return values.reshape(values.shape + (1,) * (like.ndim - values.ndim))


class Chain(NamedTuple):
    """A chain through some states of a process, and the t [S] by which its network knows each transition."""

    tables: Gaussian
    times: np.ndarray


def thinned(process: Tables, count: int) -> Chain:
    """The chain through `count` evenly chosen of T transitions; count = T is the chain itself."""
    if not 1 <= count <= process.steps or process.steps % count:
        raise ValueError(f"a chain of {process.steps} steps can be run in a divisor of that, got {count}")
    return through(process, np.arange(0, process.steps, process.steps // count) + process.steps // count - 1)


def through(process: Tables, times: np.ndarray, *, variance: str = "small") -> Chain:
    """The chain through the noisy sides x_{t+1} of the transitions `times` [S], ascending, and clean data.

    x_{t+1} of a kept transition is as noisy as before; what lies between is passed over (Song et al., arXiv 2010.02502,
    equation 7 with the variance of the posterior). `variance` as in `gaussian_of_betas`.
    """
    times = np.asarray(times)
    states = np.concatenate([[0], times + 1])
    if times.ndim != 1 or not times.size or states[1] < 1 or states[-1] > process.steps or np.any(np.diff(times) < 0):
        raise ValueError(f"steps of a chain must ascend from 0 to at most {process.steps - 1}, got {times}")
    signal, noise = (np.asarray(table, np.float64)[states] for table in (process.signal, process.noise))
    tables = gaussian_of(signal, noise)
    if variance == "small":
        return Chain(tables, times)
    return Chain(cast32(dataclasses.replace(tables, log_variance=step_log_variance(tables, variance))), times)


def gaussian_of(signal: np.ndarray, noise: np.ndarray) -> Gaussian:
    """The Markov chain with x_t = signal[t] x0 + noise[t] n as tables of `process.gaussian`; both [T+1], from (1, 0).

    With the `signal` and `noise` of a chain towards y0 this is a chain of residuals x - y0 whose every x_t is
    distributed as there, so all that is written for Gaussian diffusion serves. Its x_T starts at noise[T] n.
    Residual shift is not a Markov chain, so there the law of a pair (x_t, x_{t+1}), and with it the posterior, differ;
    a bridge is one, and nothing differs.
    """
    signal, noise = (np.asarray(table, np.float64) for table in (signal, noise))
    if (signal[0], noise[0]) != (1, 0) or not np.all(noise[1:] > 0):
        raise ValueError(
            f"x_0 must be clean data (signal 1, noise 0) and the rest noisy, got signal {signal} and noise {noise}"
        )
    step_signal = np.concatenate([[1.0], signal[1:] / signal[:-1]])
    before, after = np.square(noise[:-1]), np.square(noise[1:])
    variance = np.maximum(after - np.square(step_signal[1:]) * before, 0)
    tables = Gaussian(
        signal=signal,
        noise=noise,
        step_signal=step_signal,
        step_noise=np.sqrt(np.concatenate([[0.0], variance])),
        mean_x0=signal[:-1] * variance / after,
        mean_x=step_signal[1:] * before / after,
        log_variance=np.log(np.maximum(before * variance / after, 1e-20)),
    )
    return cast32(tables)


def at(table: Array, t: jax.Array, like: jax.Array) -> jax.Array:
    """The table's entry for each example, ready to multiply `like`; t may be a fraction, and lies between two then."""
    values = jnp.asarray(table)
    if jnp.issubdtype(t.dtype, jnp.floating):
        return expand(jnp.interp(t, jnp.arange(len(values), dtype=t.dtype), values), like)
    return expand(values[t], like)


def diffuse(process: Tables, x0: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x0), t [B] in 0 .. T; t = 0 returns x0."""
    return at(process.signal, t, x0) * x0 + at(process.noise, t, x0) * noise


def diffuse_step(process: Gaussian, x: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_{t+1} ~ q(x_{t+1} | x_t), t [B] in 0 .. T-1."""
    return at(process.step_signal, t + 1, x) * x + at(process.step_noise, t + 1, x) * noise


def posterior_sample(process: Tables, x0: jax.Array, x_next: jax.Array, t: jax.Array, noise: jax.Array) -> jax.Array:
    """x_t ~ q(x_t | x_{t+1}, x0) (equation 4). At t = 0 this is x0: the noise is masked."""
    mean = at(process.mean_x0, t, x0) * x0 + at(process.mean_x, t, x0) * x_next
    std = jnp.where(t == 0, 0.0, jnp.exp(0.5 * jnp.asarray(process.log_variance)[t]))
    return mean + expand(std, x0) * noise
