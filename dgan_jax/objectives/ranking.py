"""How a ranker learns which of two pictures looks better by a figure, and how an enlarging network learns by it.

Zhang et al., "RankSRGAN: Generative Adversarial Networks with Ranker for Image Super-Resolution", ICCV 2019, arXiv
1908.06382, section 3. A ranker's score is the higher, the worse the picture (figures as NIQE are low where
pictures look good). Images are in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives.enlarging import Distance, Judge, Seen, to_unit_range

BOUND = 5.0
"""Scores beyond it count as it."""
PAIRS = ((0, 1), (0, 2), (1, 2))
"""Of three levels."""


def margin(first: jax.Array, second: jax.Array, worse: jax.Array, wanted: float = 0.5) -> jax.Array:
    """Scores [B] or [B, 1] that should be `wanted` apart, first above second where `worse` is 1, below where it is -1.

    Equation 2 with bounded scores.
    """
    first, second = (jnp.clip(score, -BOUND, BOUND) for score in (first, second))
    return jnp.mean(jnp.maximum(0, wanted - worse * (first - second)))


def content(scores: jax.Array, axis_name: str | None = None) -> jax.Array:
    """The sum over the batch, of all devices of `axis_name`, of the sigmoid of a ranker's scores."""
    own = jnp.sum(jax.nn.sigmoid(scores))
    # Losses are averaged over devices, which makes a sum of what is as many times as large.
    return own if axis_name is None else own * jax.lax.psum(1, axis_name)


def by_ranker(judge: Judge, axis_name: str | None) -> Distance:
    """`content` of the player "ranker", by the statistics of the batch, as in the published code."""

    def distance(seen: Seen) -> jax.Array:
        params = jax.lax.stop_gradient(seen.params["ranker"])
        return content(judge(params, seen.context.model_state["ranker"], seen.image)[0], axis_name)

    return distance


@struct.dataclass
class Draws:
    """Randomness of one step; shapes are for one example."""

    y: Measurement
    pair: jax.Array  # [] int32, an index of PAIRS


def ranking(
    *, judge: Judge, levels: Callable[[dict, Context, Example, Measurement], jax.Array],
    figure: Callable[[jax.Array], jax.Array], measure: Callable[[jax.Array, Example], Measurement], wanted: float,
) -> Objective:  # fmt: skip
    """ "ranker" alone, on one pair of three levels of each image, by the sign of the difference of their figures.

    levels: -> [3, B, H, W, C]; figure: images -> [B], lower is better. Both pictures of a pair pass the ranker in calls
    of their own.
    """

    def draw(key: jax.Array, example: Example) -> Draws:
        task, pair = jax.random.split(key)
        return Draws(measure(task, example), jax.random.randint(pair, (), 0, len(PAIRS)))

    def loss(params: dict, context: Context, batch: Example, draws: Draws) -> tuple[jax.Array, Report]:
        made = jax.lax.stop_gradient(levels(params, context, batch, draws.y))
        own = jnp.arange(made.shape[1])
        first, second = (made[side[draws.pair], own] for side in map(jnp.asarray, zip(*PAIRS, strict=True)))
        worse = jnp.where(figure(first) >= figure(second), 1.0, -1.0)
        state: Any = context.model_state["ranker"]
        ahead, state = judge(params["ranker"], state, first)
        behind, state = judge(params["ranker"], state, second)
        value = margin(ahead, behind, worse, wanted)
        right = jnp.mean((jnp.sign(ahead - behind) == worse).astype(jnp.float32))
        return value, Report({"ranker/margin": value, "ranker/right": right}, {"ranker": state})

    return Objective(draw, (Phase(("ranker",), loss),))


def mixtures(params: dict, context: Context, batch: Example, y: Measurement) -> jax.Array:
    """Three levels where no trained networks are at hand: the original, its enlarged reduction, and halfway."""
    del params, context
    truth, soft = (to_unit_range(x) for x in (batch["image"], y["image"]))
    return jnp.stack([soft, 0.5 * (soft + truth), truth])
