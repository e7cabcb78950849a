"""SR3: a diffusion that sees the enlarged image and is told the level of noise, at any scale and for any task.

Saharia, Ho, Chan, Salimans, Fleet, Norouzi, "Image Super-Resolution via Iterative Refinement", arXiv 2104.07636. The
authors released no code: networks and schedules are those of the common re-implementation, which differ from the
paper's (BigGAN blocks, 550 to 625 million parameters). Levels are drawn for each image by itself, where that draws one
step for a whole batch.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Denoiser, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.sr3_unet import SR3UNet
from dgan_jax.objectives.conditional import Draws, denoising
from dgan_jax.objectives.errors import ERRORS
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.told_levels import between, noisy
from dgan_jax.samplers import pasting
from dgan_jax.systems import conditional, levelled

PAPER = "Saharia et al. 2021, arXiv 2104.07636"
TASKS = conditional.TASKS
LENDS = (Denoiser,)
WHEN_RESTORING = levelled.WHEN_RESTORING


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(levelled.Schedules, conditional.Training):
    """Defaults are the re-implementation's for 16 -> 128."""

    features: int = 64
    """Width of the first level."""
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 8)
    """Width of each level, in units of `features`."""
    blocks: int = 2
    """Residual blocks per level."""
    attention: tuple[int, ...] = (16,)
    """Side lengths of features (at the training size) that have self-attention; the middle always has."""
    groups: int = 32
    """Groups of the norms; must divide all widths."""
    dropout: float = 0.2
    loss: str = "l1"
    """Error of the predicted noise: l1 or l2."""
    ema: float = 0.0
    """The re-implementation keeps no average; the paper's is 0.9999."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()
        checks.at_least_one(self, "features", "blocks", "groups")
        lookup("loss", self.loss, ERRORS)


def build(config: Config, task: Task, spec: Spec) -> System:
    """The U-Net "denoiser"."""
    train, walk = levelled.trained(config), levelled.restoring(config)
    network = SR3UNet(
        image_size=spec.height, out_channels=spec.channels, features=config.features, multipliers=config.multipliers,
        blocks=config.blocks, attention=config.attention, groups=config.groups, dropout=config.dropout,
        dtype=jnp.dtype(config.dtype), remat=config.remat,
    )  # fmt: skip

    def say(
        params: Any, x: jax.Array, signal: jax.Array, y: Measurement, dropout: jax.Array | None = None
    ) -> jax.Array:
        seen = jnp.concatenate([task.condition(y), x], axis=-1)
        return conditional.says(network, params, (seen, signal), dropout)

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context
        signal = between(train, draws.t, draws.share, squared=False)
        said = say(params["denoiser"], noisy(signal, image, draws.noise), signal, y, draws.key)
        error = ERRORS[config.loss](said, draws.noise)
        return error, {"error": error}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        noise = conditional.draws(y, keys, y["image"].shape[1:])

        def predict(x: jax.Array, t: jax.Array) -> jax.Array:
            signal = jnp.asarray(walk.signal)[t + 1]
            return jnp.clip(x0_of_noise(walk, say(variables["params"]["denoiser"], x, signal, y), x, t), -1, 1)

        return conditional.finished(task, y, pasting.sample(predict, walk, noise(conditional.START), noise))

    def inputs(y: Measurement) -> tuple:
        return jnp.concatenate([task.condition(y), y["image"]], axis=-1), jnp.ones(y["image"].shape[0])

    objective = denoising(loss=loss, measure=task.measure, shape=lambda image: image, times=(0, config.steps - 1))
    stage = Stage("denoising", spec.steps, objective, {"denoiser": conditional.optimizer_of(config, spec.steps)})
    return System(
        restore, {"denoiser": Player(network, inputs, config.ema)}, (stage,),
        multiple=2 ** (len(config.multipliers) - 1), calls=config.restore_steps, draws=True,
        prior=levelled.lent(lambda params, x, signal, y, keys: say(params, x, signal, y), walk),
    )  # fmt: skip
