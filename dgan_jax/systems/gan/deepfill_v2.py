"""DeepFill v2: two stages of gated convolutions, which learn which pixels are valid, and a critic with spectral norms.

Yu et al., "Free-Form Image Inpainting with Gated Convolution", ICCV 2019, arXiv 1806.03589. The critic sees the image
with its known pixels put back, and the hole; it learns before the generator. As published, the losses are the hinge and
the mean absolute error of both stages over the whole image. Each image attends with its own hole, where the released
code takes the first one's for the whole batch.
"""

import dataclasses
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.deepfill import Critic, Generator
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.filling import filling
from dgan_jax.systems import adversaries

PAPER = "Yu et al. 2019, arXiv 1806.03589"
TASKS = ("inpaint",)
WHEN_RESTORING = ("fuse",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are the published values."""

    width: int = 48
    """Channels of the first layer before its gates take half of them."""
    fuse: bool = True
    """Let neighbours attend to neighbours, as the original code does; its PyTorch port does not."""
    critic_width: int = 64
    critic_layers: int = 6
    l1: float = 1.0
    """Weight of the mean absolute errors of both stages."""
    adversarial: float = 1.0
    learning_rate_generator: float = 1e-4
    learning_rate_critic: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        checks.at_least_one(self, "critic_width", "critic_layers")
        if self.width < 4 or self.width % 4:
            raise ValueError(f"system.width must be a multiple of 4, got {self.width}; published: 48")


def inputs(y: Measurement) -> tuple[jax.Array, jax.Array]:
    """What the generator is given: the image, 0 in the hole, beside ones and the hole; and the hole."""
    hole = y["hole"]
    return jnp.concatenate([y["image"], jnp.ones_like(hole), hole], axis=-1), hole


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    generator = Generator(config.width, spec.channels, config.fuse)
    critic = Critic(config.critic_width, config.critic_layers)

    def generate(params: Any, state: Any, y: Measurement) -> tuple[tuple[jax.Array, jax.Array], Any]:
        return cast(tuple, generator.apply({"params": params}, *inputs(y))), state

    def judge(params: Any, state: Any, *images: jax.Array) -> tuple[list[jax.Array], Any]:
        """Scores of images and holes [B, H, W, C + 1] that are judged together."""
        together = jnp.concatenate(images)
        scores, state = adversaries.applied(critic, ("spectral",), params, state, together, True)
        return jnp.split(scores, len(images)), state

    def beside(image: jax.Array, y: Measurement) -> jax.Array:
        return jnp.concatenate([image, y["hole"]], axis=-1)

    def teach(
        params: dict, context: Context, made: tuple[jax.Array, jax.Array], truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, dict, dict]:
        coarse, refined = made
        whole = beside(task.project(refined, y), y)
        (scores,), state = judge(params["critic"], context.model_state["critic"], whole)
        metrics = {
            "generator/coarse": config.l1 * jnp.mean(jnp.abs(coarse - truth)),
            "generator/refined": config.l1 * jnp.mean(jnp.abs(refined - truth)),
            "generator/adversarial": config.adversarial * adversarial.raised(scores),
        }
        return jnp.sum(jnp.stack(list(metrics.values()))), metrics, {"critic": state}

    def learn(
        params: dict, context: Context, made: tuple[jax.Array, jax.Array], truth: jax.Array, y: Measurement, look: Any
    ) -> tuple[jax.Array, dict, dict]:
        del look
        pair = beside(truth, y), beside(task.project(made[1], y), y)
        (real, fake), state = judge(params["critic"], context.model_state["critic"], *pair)
        loss = 0.5 * adversarial.hinge(real, fake)
        return loss, {"critic/loss": loss, "critic/gap": jnp.mean(real) - jnp.mean(fake)}, {"critic": state}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        return task.project(generate(variables["params"]["generator"], {}, y)[0][1], y)

    adam = lambda rate: optax.adam(rate, b1=config.beta1, b2=config.beta2)
    stage = Stage(
        "adversarial", spec.steps, filling(generate, teach, learn, measure=task.measure, critic_first=True),
        {"generator": adam(config.learning_rate_generator), "critic": adam(config.learning_rate_critic)},
    )  # fmt: skip
    players = {
        "generator": Player(generator, inputs, config.ema),
        "critic": Player(critic, lambda y: (beside(y["image"], y),)),
    }
    return System(restore, players, (stage,), multiple=8, calls=1)
