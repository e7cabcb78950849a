"""Sampling of a diffusion in continuous time: at each level a corrector's Langevin steps, then a predictor's step back.

Song et al., arXiv 2011.13456, algorithms 1 to 3 and appendix G; with `put` its replacement method for inpainting.
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.process.gaussian import expand
from dgan_jax.process.sde import SDE, Score
from dgan_jax.samplers.ancestral import Noise

State = tuple[jax.Array, jax.Array]
"""(x, the same without the noise that was added last)."""
Put = Callable[[jax.Array, jax.Array, jax.Array, jax.Array], State]
"""(x, its mean, t [B], standard normal) -> both with what is known put in its place."""


def euler(score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, flow: bool) -> State:
    """Euler-Maruyama on the reverse SDE; `flow`: Euler on its probability-flow ODE."""
    diffusion = expand(sde.diffusion(t), x)
    drift = expand(sde.drift(t), x) * x - diffusion**2 * score(x, t) * (0.5 if flow else 1.0)
    mean = x - drift / sde.steps
    return (mean if flow else mean + diffusion * fresh * sde.steps**-0.5), mean


def reverse(score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, flow: bool) -> State:
    """Reverse diffusion: the forward step of the discrete chain, turned round."""
    drift, diffusion = (expand(value, x) for value in sde.piece(t))
    mean = x - (drift * x - diffusion**2 * score(x, t) * (0.5 if flow else 1.0))
    return (mean if flow else mean + diffusion * fresh), mean


def ancestral(score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, flow: bool) -> State:
    """One step of the discrete chain's own reverse, ancestral sampling. A ValueError as a flow."""
    if flow:
        raise ValueError("ancestral steps have no probability flow; try the predictor 'reverse'")
    scale, step, std = (expand(value, x) for value in sde.ancestral(t))
    mean = scale * (x + step * score(x, t))
    return mean + std * fresh, mean


def still(score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, flow: bool) -> State:
    """No step at all: the published 'none'."""
    del score, sde, t, fresh, flow
    return x, x


PREDICTORS: Mapping[str, Callable[..., State]] = {
    "euler": euler,
    "reverse": reverse,
    "ancestral": ancestral,
    "none": still,
}


def size(x: jax.Array, coupled: bool) -> jax.Array:
    """[B, 1, 1, 1]: each image's norm or, as published, the mean over the batch."""
    norms = jnp.sqrt(jnp.sum(jnp.square(x), axis=(1, 2, 3)))
    return expand(jnp.full_like(norms, jnp.mean(norms)) if coupled else norms, x)


def langevin(
    score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, snr: float, coupled: bool
) -> State:
    """A Langevin step whose length makes the step's noise 1 / snr of its slope."""
    slope = score(x, t)
    step = 2 * expand(sde.alpha(t), x) * jnp.square(snr * size(fresh, coupled) / size(slope, coupled))
    mean = x + step * slope
    return mean + jnp.sqrt(2 * step) * fresh, mean


def annealed(
    score: Score, sde: SDE, x: jax.Array, t: jax.Array, fresh: jax.Array, *, snr: float, coupled: bool
) -> State:
    """A Langevin step in proportion to the level's variance (annealed Langevin dynamics)."""
    del coupled
    step = 2 * expand(sde.alpha(t), x) * jnp.square(snr * expand(sde.marginal(t)[1], x))
    mean = x + step * score(x, t)
    return mean + jnp.sqrt(2 * step) * fresh, mean


CORRECTORS: Mapping[str, Callable[..., State]] = {"langevin": langevin, "annealed": annealed}


def replacing(sde: SDE, image: jax.Array, known: jax.Array, *, literal: bool = False) -> Put:
    """Known pixels (`known` 1) are drawn anew from what the SDE makes of them at this t.

    literal: the mean's unknown pixels are those of the noisy state, as in the published code.
    """

    def put(x: jax.Array, mean: jax.Array, t: jax.Array, fresh: jax.Array) -> State:
        signal, noise = (expand(value, x) for value in sde.marginal(t))
        placed = jnp.where(known > 0, signal * image + noise * fresh, x)
        return placed, jnp.where(known > 0, signal * image, placed if literal else mean)

    return put


def sample(
    score: Score,
    sde: SDE,
    x: jax.Array,
    noise: Noise,
    *,
    predictor: str = "euler",
    corrector: str = "none",
    corrections: int = 1,
    snr: float = 0.16,
    flow: bool = False,
    coupled: bool = False,
    end: float = 1e-3,
    put: Put | None = None,
) -> State:
    """From the prior x [B, H, W, C] at t = 1 to `end` in `sde.steps` steps: (the sample, the same without last noise).

    `corrections`: corrector steps a level. `coupled`: their length from the means over the batch, as published; else
    each image has its own, so that it does not depend on its neighbours. `put` follows corrector and predictor. Draws
    are numbered in the order of use.
    """
    step_back = lookup("predictor", predictor, PREDICTORS)
    correct = lookup("corrector", corrector, {**CORRECTORS, "none": None})
    rounds = corrections if correct else 0
    each = rounds + 1 + 2 * (put is not None)

    def body(carry: State, inputs: tuple) -> tuple[State, None]:
        (x, mean), (i, time) = carry, inputs
        t, number = jnp.full(x.shape[:1], time), i * each
        if correct:
            for _ in range(rounds):
                x, mean = correct(score, sde, x, t, noise(number), snr=snr, coupled=coupled)
                number += 1
        if put is not None:
            x, mean = put(x, mean, t, noise(number))
            number += 1
        x, mean = step_back(score, sde, x, t, noise(number), flow=flow)
        if put is not None:
            x, mean = put(x, mean, t, noise(number + 1))
        return (x, mean), None

    times = jnp.linspace(1.0, end, sde.steps)
    return jax.lax.scan(body, (x, x), (jnp.arange(sde.steps), times))[0]
