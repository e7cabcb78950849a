"""Denoising score matching: what is said of the noise, its squared error, weighted by the level.

Song et al., arXiv 2011.13456, equation 7; Song, Ermon, arXiv 1907.05600, equation 6; with the likelihood's weight: Song
et al., arXiv 2101.09258, equation 7. A score s at a level of noise sigma says the noise -sigma s, so all the published
losses (continuous, SMLD, DDPM, NCSN) are one.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Objective, Phase, Report
from dgan_jax.process.gaussian import expand

REDUCTIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "mean": lambda errors: jnp.mean(errors, axis=tuple(range(1, errors.ndim))),
    "half_sum": lambda errors: 0.5 * jnp.sum(errors, axis=tuple(range(1, errors.ndim))),
}
"""[B, ...] -> [B]."""


@struct.dataclass
class Draws:
    """Randomness of one update; shapes are for one example, a batch axis comes first after vmap."""

    t: jax.Array  # [] a time, or the number of a level
    noise: jax.Array  # [H, W, C]
    key: jax.Array  # of dropout


def denoising_error(
    said: jax.Array, noise: jax.Array, *, weight: jax.Array | float = 1.0, reduce: str = "mean"
) -> jax.Array:
    """[B]: the squared error of the noise that was said, reduced as REDUCTIONS name, times weight [B]."""
    return REDUCTIONS[reduce](jnp.square(said - noise)) * weight


def score_matching(
    *,
    say: Callable[[Any, jax.Array, jax.Array, jax.Array | None], jax.Array],
    marginal: Callable[[jax.Array], tuple[jax.Array, jax.Array]],
    draw_time: Callable[[jax.Array], jax.Array],
    weight: Callable[[jax.Array], jax.Array | float] = lambda t: 1.0,
    reduce: str = "mean",
    dropout: bool = False,
    player: str = "denoiser",
) -> Objective:
    """One player, told x = signal x0 + noise n and t, says the noise n.

    say(parameters, x, t [B], keys of dropout [B] or None) -> n; marginal(t) -> (signal [B], noise [B]); draw_time(key)
    -> t of one example, whatever `say` and `marginal` understand by it.
    """

    def draw(key: jax.Array, example: Example) -> Draws:
        time, noise, dropped = jax.random.split(key, 3)
        return Draws(draw_time(time), jax.random.normal(noise, example["image"].shape), dropped)

    def denoise(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        del context
        signal, noise = (expand(value, draws.noise) for value in marginal(draws.t))
        x = signal * batch["image"] + noise * draws.noise
        said = say(params[player], x, draws.t, draws.key if dropout else None)
        error = jnp.mean(denoising_error(said, draws.noise, weight=weight(draws.t), reduce=reduce))
        return error, Report({f"{player}/error": error})

    return Objective(draw, (Phase((player,), denoise),))
