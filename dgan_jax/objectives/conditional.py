"""One denoiser that is told what was measured of an image: what a step draws, and the one phase that trains it."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report


@struct.dataclass
class Draws:
    """Randomness of one update; shapes are for one example, a batch axis comes first after vmap."""

    t: jax.Array  # [] integer in first .. last
    share: jax.Array  # [] in [0, 1), for levels of noise that are continuous
    noise: jax.Array  # [h, w, c]
    spare: jax.Array  # [h, w, c], a second field of noise
    key: jax.Array  # of dropout


Loss = Callable[[dict[str, Any], Context, jax.Array, Measurement, Draws], tuple[jax.Array, dict[str, jax.Array]]]
"""(parameters by player, context, images [B, H, W, C] in [-1, 1], y, draws) -> (scalar, metrics)."""


def denoising(
    *, loss: Loss, measure: Callable[[jax.Array, Example], Measurement],
    shape: Callable[[tuple[int, ...]], Sequence[int]], times: tuple[int, int], player: str = "denoiser",
    along: tuple[str, ...] = (),
) -> Objective:  # fmt: skip
    """`shape`: of an image's shape, that of what is diffused. `times`: the least and the largest t that are drawn.
    `along`: players that learn by the same gradient as `player`, after which metrics are named."""
    first, last = times

    def draw(key: jax.Array, example: Example) -> dict[str, Any]:
        own, time, share, noise, spare, dropped = jax.random.split(key, 6)
        code = tuple(shape(example["image"].shape))
        update = Draws(
            jax.random.randint(time, (), first, last + 1), jax.random.uniform(share), jax.random.normal(noise, code),
            jax.random.normal(spare, code), dropped,
        )  # fmt: skip
        return {"y": measure(own, example), "update": update}

    def denoise(params: dict, context: Context, batch: Example, draws: dict) -> tuple[jax.Array, Report]:
        value, metrics = loss(params, context, batch["image"], draws["y"], draws["update"])
        return value, Report({f"{player}/{name}": each for name, each in metrics.items()})

    return Objective(draw, (Phase((player, *along), denoise),))


def missing_error(said: jax.Array, noise: jax.Array, hole: jax.Array) -> jax.Array:
    """Squared error where pixels are missing (`hole` [B, H, W, 1]), its mean over all pixels: Palette's."""
    return jnp.mean(jnp.square(hole * (said - noise)))
