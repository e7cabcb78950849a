"""Residual shift: a chain that carries a clean image over to its damaged form y0, with a little noise on the way.

Yue, Wang, Loy, "ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting", NeurIPS 2023,
arXiv 2307.12348; also 2403.07319.

Time `t` counts as in `process.gaussian`: an integer in 0 .. T-1 that names the transition x_{t+1} -> x_t, x_0 is clean.
(The published t is 1 .. T, its code's t is our t.) `y0` is an image of the shape of x0, usually a task's first
estimate; with the default of 0 everything is in residuals x - y0.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from dgan_jax.core.parts import Array
from dgan_jax.process.gaussian import at, expand


@struct.dataclass
class ResidualShift:
    """Tables of a chain of T steps. The first five are [T+1], entry 0 is clean data; the posterior's are [T]."""

    signal: Array  # x_t = signal[t] x0 + shift[t] y0 + noise[t] n; signal + shift is 1
    shift: Array
    noise: Array
    step_shift: Array  # x_{t+1} = x_t + step_shift[t+1] (y0 - x0) + step_noise[t+1] n
    step_noise: Array
    mean_x0: Array  # E[x_t | x_{t+1}, x0] = mean_x0[t] x0 + mean_x[t] x_{t+1}
    mean_x: Array
    log_variance: Array

    @property
    def steps(self) -> int:
        return self.mean_x0.shape[0]


def shift_roots(
    steps: int, *, kappa: float = 2.0, least: float = 0.2, last: float = 0.99, power: float = 0.3
) -> np.ndarray:
    """[T] float64 square roots of the shifts of x_1 .. x_T: geometric, with exponents warped by `power`.

    The first is the smaller of `least` and least / kappa, so that x_1 has at most `least` of noise; the last is `last`.
    """
    if steps < 1:
        raise ValueError(f"a residual shift needs at least 1 step, got {steps}")
    first = min(least / kappa, least)
    if not 0 < first <= last <= 1:
        raise ValueError(f"square roots of shifts go up from more than 0 to at most 1, got {first} to {last}")
    if steps == 1:
        return np.asarray([last], np.float64)
    exponents = np.linspace(0.0, 1.0, steps, dtype=np.float64) ** power
    return first * (last / first) ** exponents


def residual_shift(roots: np.ndarray, *, kappa: float = 2.0) -> ResidualShift:
    """Tables from the [T] roots of the shifts; x_t has noise of deviation kappa times the root."""
    shift = np.concatenate([[0.0], np.square(np.asarray(roots, np.float64))])
    step = np.diff(shift)
    variance = kappa**2 * shift[:-1] * step / shift[1:]
    tables = ResidualShift(
        signal=1 - shift,
        shift=shift,
        noise=kappa * np.sqrt(shift),
        step_shift=np.concatenate([[0.0], step]),
        step_noise=kappa * np.sqrt(np.concatenate([[0.0], step])),
        mean_x0=step / shift[1:],
        mean_x=shift[:-1] / shift[1:],
        # At t = 0 the published table repeats the next entry; there the noise is masked.
        log_variance=np.log(np.append(variance[1:2], variance[1:]) if len(variance) > 1 else np.asarray([1e-20])),
    )
    return jax.tree.map(lambda table: np.asarray(table, np.float32), tables)


def diffuse(
    process: ResidualShift, x0: jax.Array, t: jax.Array, noise: jax.Array, y0: jax.Array | float = 0.0
) -> jax.Array:
    """x_t ~ q(x_t | x0, y0) (equation 2), t [B] in 0 .. T; t = 0 returns x0."""
    return at(process.signal, t, x0) * x0 + at(process.shift, t, x0) * y0 + at(process.noise, t, x0) * noise


def diffuse_step(
    process: ResidualShift, x: jax.Array, t: jax.Array, noise: jax.Array, x0: jax.Array, y0: jax.Array | float = 0.0
) -> jax.Array:
    """x_{t+1} ~ q(x_{t+1} | x_t, x0, y0) (equation 1), t [B] in 0 .. T-1: unlike in other chains x0 takes part."""
    return x + at(process.step_shift, t + 1, x) * (y0 - x0) + at(process.step_noise, t + 1, x) * noise


def diffuse_pair(
    process: ResidualShift, x0: jax.Array, t: jax.Array, noise_marginal: jax.Array, noise_step: jax.Array,
    y0: jax.Array | float = 0.0,
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
    """(x_t, x_{t+1}) ~ q, t [B] in 0 .. T-1."""
    x_t = diffuse(process, x0, t, noise_marginal, y0)
    return x_t, diffuse_step(process, x_t, t, noise_step, x0, y0)


def begin(process: ResidualShift, noise: jax.Array, y0: jax.Array | float = 0.0) -> jax.Array:
    """x_T as sampling starts it, without x0: y0 and the last noise."""
    return y0 + jnp.asarray(process.noise)[-1] * noise


def posterior_sample(
    process: ResidualShift, x0: jax.Array, x_next: jax.Array, t: jax.Array, noise: jax.Array
) -> jax.Array:
    """x_t ~ q(x_t | x_{t+1}, x0, y0), which needs no y0: it is in x_{t+1}. At t = 0 this is x0."""
    mean = at(process.mean_x0, t, x0) * x0 + at(process.mean_x, t, x0) * x_next
    std = jnp.where(t == 0, 0.0, jnp.exp(0.5 * jnp.asarray(process.log_variance)[t]))
    return mean + expand(std, x0) * noise


def scaled(process: ResidualShift, x: jax.Array, t: jax.Array, *, latent: bool = True) -> jax.Array:
    """x_t as the published networks see it: divided by its deviation if x0 has deviation 1 (`latent`), or else by about
    its largest value if x0 is an image in [-1, 1]. t: [B] in 0 .. T."""
    noise = at(process.noise, t, x)
    return x / (jnp.sqrt(jnp.square(noise) + 1) if latent else 3 * noise + 1)
