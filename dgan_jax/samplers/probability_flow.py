"""The probability-flow ODE: images from noise, noise from images, and an image's density.

Song et al., arXiv 2011.13456, section 4.3 and appendix D: a deterministic way between the two whose states have the
diffusion's law at every t. Densities by the change of variables along it, with the trace of Skilling and Hutchinson.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dgan_jax.process.gaussian import Tables, expand
from dgan_jax.process.predictions import noise_of_x0
from dgan_jax.process.sde import SDE, Score
from dgan_jax.samplers.runge_kutta import solve


class Flow(NamedTuple):
    """velocity(x [B, h, w, c], t [B]) -> dx / dt, from `clean` to `noisy` times; `prior_std`: the deviation there."""

    velocity: Callable[[jax.Array, jax.Array], jax.Array]
    clean: float
    noisy: float
    prior_std: float


def of_sde(sde: SDE, score: Score, clean: float) -> Flow:
    """Of an SDE and the score of its states (equation 13)."""

    def velocity(x: jax.Array, t: jax.Array) -> jax.Array:
        drift, diffusion = (expand(value, x) for value in (sde.drift(t), sde.diffusion(t)))
        return drift * x - 0.5 * diffusion**2 * score(x, t)

    return Flow(velocity, clean, 1.0, sde.prior_std)


def of_tables(process: Tables, predict: Callable[[jax.Array, jax.Array], jax.Array]) -> Flow:
    """Of a discrete chain whose network, predict(x, t) -> x0, takes fractions: t counts levels, which are joined by
    straight lines of signal and noise: dx/dt = signal' x0 + noise' n."""
    signal, noise = (np.asarray(table, np.float32)[1:] for table in (process.signal, process.noise))

    def velocity(x: jax.Array, t: jax.Array) -> jax.Array:
        t = jnp.clip(t, 0, len(signal) - 1)
        below = jnp.clip(jnp.floor(t).astype(jnp.int32), 0, len(signal) - 2)
        rise = lambda table: expand(jnp.asarray(np.diff(table))[below], x)
        x0 = predict(x, t)
        return rise(signal) * x0 + rise(noise) * noise_of_x0(process, x0, x, t)

    return Flow(velocity, 0.0, len(signal) - 1.0, float(noise[-1]))


def flat(velocity: Callable[[jax.Array, jax.Array], jax.Array], shape: tuple[int, ...]) -> Any:
    return lambda y, t: velocity(y.reshape(shape), t).reshape(shape[0], -1)


def carried(
    flow: Flow, x: jax.Array, *, to_noise: bool = False, rtol: float = 1e-5, atol: float = 1e-5
) -> tuple[jax.Array, jax.Array]:
    """x [B, h, w, c] at one end of the flow -> (x at the other end, calls [B])."""
    ends = (flow.clean, flow.noisy) if to_noise else (flow.noisy, flow.clean)
    solution = solve(flat(flow.velocity, x.shape), x.reshape(len(x), -1), *ends, rtol=rtol, atol=atol)
    return solution.y.reshape(x.shape), solution.calls


def stepped(flow: Flow, x: jax.Array, steps: int, *, middle: bool = True) -> jax.Array:
    """x [B, h, w, c] at the noisy end of the flow -> at the clean one, in equally long steps, each by the velocity in
    its middle (two calls), or by that at its beginning (Euler's; one call)."""
    size = (flow.clean - flow.noisy) / steps

    def step(x: jax.Array, number: jax.Array) -> tuple[jax.Array, None]:
        t = jnp.full(x.shape[:1], flow.noisy + size * number)
        slope = flow.velocity(x, t)
        if middle:
            slope = flow.velocity(x + 0.5 * size * slope, t + 0.5 * size)
        return x + size * slope, None

    return jax.lax.scan(step, x, jnp.arange(steps))[0]


def log_density(
    flow: Flow, x: jax.Array, probe: jax.Array, *, rtol: float = 1e-5, atol: float = 1e-5
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(log p(x) [B] in nats, the noise that x is, calls [B]); probe: of x's shape, -1 or 1.

    Appendix D.2; the trace of the velocity's slope is that of one probe, unbiased.
    """
    shape, size = x.shape, x[0].size

    def velocity(y: jax.Array, t: jax.Array) -> jax.Array:
        state = y[:, :-1].reshape(shape)
        moved, turned = jax.jvp(lambda x: flow.velocity(x, t), (state,), (probe,))
        trace = jnp.sum(turned * probe, axis=(1, 2, 3))
        return jnp.concatenate([moved.reshape(len(y), -1), trace[:, None]], axis=1)

    start = jnp.concatenate([x.reshape(len(x), -1), jnp.zeros((len(x), 1), x.dtype)], axis=1)
    y, calls = solve(velocity, start, flow.clean, flow.noisy, rtol=rtol, atol=atol)
    z, gained = y[:, :-1], y[:, -1]
    normal = -0.5 * jnp.sum(jnp.square(z / flow.prior_std), axis=1) - size * np.log(flow.prior_std * np.sqrt(2 * np.pi))
    return normal + gained, z.reshape(shape), calls


def between(a: jax.Array, b: jax.Array, share: float | jax.Array) -> jax.Array:
    """Noise [B, h, w, c] on the great circle from a (share 0) to b (1), which keeps its length."""
    product = jnp.sum(a * b, axis=(1, 2, 3)) / jnp.sqrt(
        jnp.sum(jnp.square(a), axis=(1, 2, 3)) * jnp.sum(jnp.square(b), axis=(1, 2, 3))
    )
    angle = expand(jnp.arccos(jnp.clip(product, -1 + 1e-6, 1 - 1e-6)), a)
    return (jnp.sin((1 - share) * angle) * a + jnp.sin(share * angle) * b) / jnp.sin(angle)
