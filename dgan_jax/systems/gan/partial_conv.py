"""Partial convolutions: a U-Net whose layers look at known pixels only, trained without a critic.

Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", ECCV 2018, arXiv 1804.07723. It stands
among the GANs as the network that they are compared with.

Images are normalised as for ImageNet, the hole is 0. Losses look at the raw image and at the one with its known pixels
put back. The second stage goes on at a lower rate, while the encoder normalises by what it has noted, so that holes
no longer disturb its statistics. Features are VGG16's, whose weights are read from the folder that DGAN_WEIGHTS names;
with `perceptual` and `style` 0 the network trains without them.
"""

import dataclasses
import functools
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dgan_jax import pretrained
from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.partial_conv import UNet
from dgan_jax.nets.vgg import MEAN, STD
from dgan_jax.objectives import partial_conv as losses
from dgan_jax.objectives.diffir import weighted_l1
from dgan_jax.objectives.filling import filling

PAPER = "Liu et al. 2018, arXiv 1804.07723"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values."""

    features: int = 64
    """Width of the first level; it doubles with each, up to eight times."""
    levels: int = 8
    """Halvings; sides must be multiples of two to that power."""
    known: float = 1.0
    missing: float = 6.0
    """Weights of the mean absolute errors of known and of missing pixels."""
    perceptual: float = 0.05
    style: float = 120.0
    """Weights of VGG16's features and of their Gram matrices."""
    variation: float = 0.1
    """Weight of differences of neighbours in and around the hole."""
    fine_share: float = 0.1
    """Part of the training that is the second stage."""
    learning_rate: float = 2e-4
    learning_rate_fine: float = 5e-5
    ema: float = 0.0

    def __post_init__(self) -> None:
        checks.at_least_one(self, "features", "levels")
        if not 0 <= self.fine_share < 1:
            raise ValueError(f"system.fine_share must be in [0, 1), got {self.fine_share}")


def scales(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation, [C] each, of images in [0, 1] of one or three channels, as networks for ImageNet see them."""
    mean, deviation = (np.asarray(values, np.float32) for values in (MEAN, STD))
    return (mean, deviation) if channels == 3 else (mean.mean(keepdims=True), deviation.mean(keepdims=True))


def build(config: Config, task: Task, spec: Spec) -> System:
    """One player, "generator"."""
    network = UNet(config.features, config.levels, spec.channels, spec.axis_name)
    mean, deviation = scales(spec.channels)
    eye = config.perceptual > 0 or config.style > 0
    read = functools.partial(pretrained.read, "vgg16", None)

    def inputs(y: Measurement) -> tuple[jax.Array, jax.Array]:
        return (0.5 * (y["image"] + 1) - mean) / deviation * (1 - y["hole"]), y["hole"]

    def generate(params: Any, state: Any, y: Measurement, *, frozen: bool) -> tuple[jax.Array, Any]:
        """The raw image in [0, 1], or somewhat beyond."""
        own = {"params": params, **state}
        made, state = network.apply(own, *inputs(y), True, frozen, mutable=["batch_stats"])
        return made * deviation + mean, state

    def teach(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, dict, dict]:
        del params
        truth, hole = 0.5 * (truth + 1), y["hole"]
        whole = jnp.where(hole > 0, image, truth)
        metrics = {
            "generator/l1": weighted_l1(image, truth, hole, known=config.known, missing=config.missing),
            "generator/variation": config.variation * losses.variation(whole, hole),
        }
        if eye:
            ours, put_back, theirs = (losses.seen(context.frozen["vgg16"], x) for x in (image, whole, truth))
            apart = lambda distance: distance(ours, theirs) + distance(put_back, theirs)
            metrics["generator/perceptual"] = config.perceptual * apart(losses.content)
            metrics["generator/style"] = config.style * apart(losses.style)
        return jnp.sum(jnp.stack(list(metrics.values()))), metrics, {}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        own = {"params": variables["params"]["generator"], **variables["model_state"]["generator"]}
        image = cast(jax.Array, network.apply(own, *inputs(y))) * deviation + mean
        return task.project(jnp.clip(2 * image - 1, -1, 1), y)

    def stage(name: str, steps: int, rate: float, frozen: bool) -> Stage:
        objective = filling(functools.partial(generate, frozen=frozen), teach, measure=task.measure)
        return Stage(name, steps, objective, {"generator": optax.adam(rate)}, check=read if eye else lambda: None)

    fine = round(spec.steps * config.fine_share)
    stages = (
        stage("first", spec.steps - fine, config.learning_rate, False),
        stage("fine", fine, config.learning_rate_fine, True),
    )
    return System(
        restore, {"generator": Player(network, inputs, config.ema)}, tuple(each for each in stages if each.steps),
        multiple=2**config.levels, calls=1, frozen={"vgg16": lambda: read().params} if eye else {},
    )  # fmt: skip
