"""Palette: one diffusion for every task, that sees what was measured and is told the level of noise.

Saharia, Chan, Chang, Lee, Ho, Salimans, Fleet, Norouzi, "Palette: Image-to-Image Diffusion Models", SIGGRAPH 2022,
arXiv 2111.05826. The authors released no code: networks and schedules are those of the common re-implementation.

Of an image with a hole the network sees the known pixels twice, and in the hole noise beside the state; what is known
stays clean at every level, and errors count in the hole alone.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core import noise as fields
from dgan_jax.core.parts import Context, Denoiser, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.objectives.conditional import Draws, denoising, missing_error
from dgan_jax.objectives.errors import mean_squared
from dgan_jax.process.predictions import x0_of_noise
from dgan_jax.process.told_levels import between, noisy
from dgan_jax.samplers import pasting
from dgan_jax.systems import conditional, levelled, walking

PAPER = "Saharia et al. 2022, arXiv 2111.05826"
TASKS = conditional.TASKS
LENDS = (Denoiser,)
WHEN_RESTORING = levelled.WHEN_RESTORING
BESIDE = conditional.START + 1
"""The number of the draw that lies in the hole beside the state: one for a whole restoration."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(levelled.Schedules, conditional.UNet):
    """Defaults are the re-implementation's: its attention is in the middle alone."""

    restore_steps: int = 1000
    restore_beta_first: float = 1e-4
    restore_beta_last: float = 0.09
    features: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    attention: tuple[int, ...] = ()
    head_channels: int = 32
    dropout: float = 0.2
    learning_rate: float = 5e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()


def build(config: Config, task: Task, spec: Spec) -> System:
    """The U-Net "denoiser", which is averaged."""
    train, walk = levelled.trained(config), levelled.restoring(config)
    network = conditional.unet_of(config, spec.height, spec.channels)

    def beside(y: Measurement, noise: jax.Array) -> jax.Array:
        """What the network sees beside the state."""
        return jnp.where(y["hole"] > 0, noise, y["image"]) if "hole" in y else task.condition(y)

    def paste(x: jax.Array, y: Measurement) -> jax.Array:
        """Known pixels as they are."""
        return jnp.where(y["hole"] > 0, x, y["image"]) if "hole" in y else x

    def say(
        params: Any, x: jax.Array, signal: jax.Array, y: Measurement, noise: jax.Array, keys: jax.Array | None = None
    ) -> jax.Array:
        seen = jnp.concatenate([beside(y, noise), paste(x, y)], axis=-1)
        return conditional.says(network, params, (seen, jnp.square(signal)), keys)

    def loss(
        params: dict, context: Context, image: jax.Array, y: Measurement, draws: Draws
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        del context
        signal = between(train, draws.t, draws.share, squared=True)
        x = noisy(signal, image, draws.noise)
        said = say(params["denoiser"], x, signal, y, draws.spare, draws.key)
        error = missing_error(said, draws.noise, y["hole"]) if "hole" in y else mean_squared(said, draws.noise)
        return error, {"error": error}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        noise, params = conditional.draws(y, keys, y["image"].shape[1:]), variables["params"]["denoiser"]
        condition = noise(BESIDE)

        def predict(x: jax.Array, t: jax.Array) -> jax.Array:
            signal = jnp.asarray(walk.signal)[t + 1]
            return jnp.clip(x0_of_noise(walk, say(params, x, signal, y, condition), x, t), -1, 1)

        start = paste(noise(conditional.START), y)
        x = pasting.sample(predict, walk, start, noise, paste=lambda x: paste(x, y))
        return conditional.finished(task, y, x)

    def lent(params: Any, x: jax.Array, signal: jax.Array, y: Measurement, keys: jax.Array) -> jax.Array:
        shape = y["image"].shape[1:]
        noise = fields.normals(walking.folded(keys, BESIDE), shape, fields.places(y, shape[0]))
        return say(params, x, signal, y, noise)

    def inputs(y: Measurement) -> tuple:
        return jnp.concatenate([beside(y, y["image"]), y["image"]], axis=-1), jnp.ones(y["image"].shape[0])

    # The published t begins with the second step.
    times = (min(1, config.steps - 1), config.steps - 1)
    objective = denoising(loss=loss, measure=task.measure, shape=lambda image: image, times=times)
    stage = Stage("denoising", spec.steps, objective, {"denoiser": conditional.optimizer_of(config, spec.steps)})
    return System(
        restore, {"denoiser": Player(network, inputs, config.ema)}, (stage,),
        multiple=2 ** (len(config.multipliers) - 1), calls=config.restore_steps, draws=True,
        prior=levelled.lent(lent, walk),
    )  # fmt: skip
