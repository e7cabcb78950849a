"""How enlarging networks are trained: by distances from the original alone, or against a critic as well.

Ledig et al., arXiv 1609.04802, equation 3; Wang et al., arXiv 1809.00219, equation 3. Images are in [0, 1] here, as
published. Generator and critic move at once: each learns from what the other was before the step, as in BasicSR.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dgan_jax.core.parts import Context, Example, Measurement, Objective, Phase, Report
from dgan_jax.objectives import adversarial as plain
from dgan_jax.objectives import relativistic
from dgan_jax.objectives.errors import Error, mean_absolute, mean_squared
from dgan_jax.objectives.perceptual import features_apart

Metrics = dict[str, jax.Array]
Enlarge = Callable[[Any, Any, Measurement, bool], tuple[jax.Array, Any]]
"""(parameters, model state, y, train) -> (images in [0, 1], without a bound on their range; new model state)."""
Judge = Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]
"""(critic parameters, its model state, images in [0, 1]) -> (logits [B], new model state)."""


class Seen(NamedTuple):
    """What a distance may look at: images [B, H, W, C] in [0, 1], the measurement, all parameters by player."""

    image: jax.Array
    truth: jax.Array
    y: Measurement
    params: Mapping[str, Any]
    context: Context


Distance = Callable[[Seen], jax.Array]
"""A scalar that is to become small."""
Distances = Mapping[str, tuple[float, Distance]]
"""Weights and distances by name; what weighs nothing is not computed."""


def absolute(seen: Seen) -> jax.Array:
    """The mean absolute error of pixels."""
    return mean_absolute(seen.image, seen.truth)


def squared(seen: Seen) -> jax.Array:
    """The mean squared error of pixels."""
    return mean_squared(seen.image, seen.truth)


def charbonnier(seen: Seen) -> jax.Array:
    """The mean of sqrt(error^2 + 1e-12), absolute but for its corner."""
    return jnp.mean(jnp.sqrt(jnp.square(seen.image - seen.truth) + 1e-12))


def through_vgg19(layers: Mapping[str, float], distance: Error = mean_absolute) -> Distance:
    """Distances of VGG19's features, weights by layer; `Context.frozen` holds its parameters as "vgg19"."""
    return lambda seen: features_apart(seen.context.frozen["vgg19"], layers, seen.image, seen.truth, distance=distance)


def weighed(distances: Distances, seen: Seen) -> tuple[jax.Array, Metrics]:
    """(sum of the weighted distances, each of them)."""
    found = {name: (weight, distance(seen)) for name, (weight, distance) in distances.items() if weight}
    total = jnp.sum(jnp.stack([weight * value for weight, value in found.values()])) if found else jnp.zeros(())
    return total, {f"generator/{name}": value for name, (_, value) in found.items()}


class Game(NamedTuple):
    """(real, fake) logits -> the generator's loss, and the critic's."""

    generator: Callable[[jax.Array, jax.Array], jax.Array]
    critic: Callable[[jax.Array, jax.Array], jax.Array]


def vanilla() -> Game:
    """Cross-entropy, the generator's not saturating; the critic's loss is a sum, not halved."""
    return Game(lambda real, fake: plain.non_saturating(fake), plain.logistic)


def relativistic_average(axis_name: str | None = None) -> Game:
    """As ESRGAN plays; means over all devices."""
    return Game(
        lambda real, fake: relativistic.generator(real, fake, axis_name),
        lambda real, fake: relativistic.critic(real, fake, axis_name),
    )


def to_unit_range(x: jax.Array) -> jax.Array:
    """[-1, 1] -> [0, 1]."""
    return 0.5 * (x + 1)


def regression(
    *, enlarge: Enlarge, measure: Callable[[jax.Array, Example], Measurement], distances: Distances
) -> Objective:
    """ "generator" alone, by distances."""

    def loss(params: dict, context: Context, batch: Example, y: Measurement) -> tuple[jax.Array, Report]:
        image, state = enlarge(params["generator"], context.model_state["generator"], y, True)
        total, metrics = weighed(distances, Seen(image, to_unit_range(batch["image"]), y, params, context))
        return total, Report(metrics, {"generator": state})

    return Objective(measure, (Phase(("generator",), loss),))


def adversarial(
    *, enlarge: Enlarge, judge: Judge, measure: Callable[[jax.Array, Example], Measurement], distances: Distances,
    game: Game, weight: float, shown: Callable[[jax.Array, Measurement], jax.Array] = lambda image, y: image,
) -> Objective:  # fmt: skip
    """ "generator" and "critic" in one joint step; `weight` of the game in the generator's loss.

    shown: what the critic is shown of an image. Real and generated images pass it in calls of their own, so that each
    has its own statistics of the batch; they pass twice, but the same arithmetic is computed once.
    """
    still = jax.lax.stop_gradient

    def loss(params: dict, context: Context, batch: Example, y: Measurement) -> tuple[jax.Array, Report]:
        truth = to_unit_range(batch["image"])
        image, state = enlarge(params["generator"], context.model_state["generator"], y, True)
        total, metrics = weighed(distances, Seen(image, truth, y, params, context))
        real_shown, fake_shown = shown(truth, y), shown(image, y)

        def logits(own: Any, kept: Any, fake: jax.Array) -> tuple[jax.Array, jax.Array, Any]:
            real, kept = judge(own, kept, real_shown)
            fake, kept = judge(own, kept, fake)
            return real, fake, kept

        real, fake, kept = logits(still(params["critic"]), context.model_state["critic"], fake_shown)
        taught = game.generator(real, fake)
        real, fake, kept = logits(params["critic"], kept, still(fake_shown))
        learned = game.critic(real, fake)
        metrics |= {
            "generator/adversarial": taught, "critic/loss": learned,
            "critic/real": jnp.mean(real), "critic/fake": jnp.mean(fake),
        }  # fmt: skip
        return total + weight * taught + learned, Report(metrics, {"generator": state, "critic": kept})

    return Objective(measure, (Phase(("generator", "critic"), loss),))
