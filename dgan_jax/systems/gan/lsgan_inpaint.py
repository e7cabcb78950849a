"""A least-squares GAN that fills holes with a feature pyramid, sub-pixel convolutions and a penalty on gradients.

Our reading of a method that has no code and no text that could be had: a master's thesis of 2022, of which the review
of diffusion-GANs tells, in its section 2.2.2, that it is a least-squares GAN, its generator a feature pyramid network
with sub-pixel convolution, its discriminator one with a fully connected layer, and that a term of its loss regulates
the model's gradients. Everything else is ours. Networks follow DeblurGAN-v2 (Kupyn et al., arXiv 1908.03826), the
losses Mao et al., "Least Squares Generative Adversarial Networks", ICCV 2017, arXiv 1611.04076. That term may be a
penalty on the slope of the critic (`penalty`) or a loss of the image's own gradients (`differences`): both are here,
each with a weight of its own.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax.core import checks
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.feature_pyramid import DenseCritic, Generator
from dgan_jax.objectives import adversarial
from dgan_jax.objectives.diffir import weighted_l1
from dgan_jax.objectives.filling import filling
from dgan_jax.systems import adversaries

PAPER = "our reading of a thesis of 2022; Mao et al. 2017, arXiv 1611.04076; Kupyn et al. 2019, arXiv 1908.03826"
TASKS = ("inpaint",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Nothing of it is published."""

    features: int = 64
    """Width of the first level; it doubles with each, up to eight times."""
    levels: int = 4
    """Halvings; sides must be multiples of two to that power."""
    blocks: int = 2
    """Residual blocks of each level."""
    pyramid: int = 128
    """Width of the pyramid's maps."""
    critic_features: int = 64
    critic_levels: int = 5
    critic_dense: int = 1024
    """Width of the critic's fully connected layer."""
    missing: float = 100.0
    known: float = 20.0
    """Weights of the absolute errors of missing and of known pixels."""
    differences: float = 10.0
    """Weight of the absolute errors of differences of neighbours, the image's gradients."""
    penalty: float = 10.0
    """Weight of the penalty on the critic's slope between real and filled images."""
    learning_rate_generator: float = 2e-4
    learning_rate_critic: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.0

    def __post_init__(self) -> None:
        checks.at_least_one(
            self, "features", "levels", "blocks", "pyramid", "critic_features", "critic_levels", "critic_dense"
        )


def differences_apart(image: jax.Array, truth: jax.Array) -> jax.Array:
    """Mean absolute errors of differences to the pixel below and to the right, summed."""
    error = image - truth
    return jnp.mean(jnp.abs(jnp.diff(error, axis=1))) + jnp.mean(jnp.abs(jnp.diff(error, axis=2)))


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    generator = Generator(spec.channels, config.features, config.levels, config.blocks, config.pyramid)
    critic = DenseCritic(config.critic_features, config.critic_levels, config.critic_dense, axis_name=spec.axis_name)
    seen = lambda y: jnp.concatenate([y["image"], y["hole"]], axis=-1)

    def generate(params: Any, state: Any, y: Measurement) -> tuple[jax.Array, Any]:
        return adversaries.applied(generator, (), params, state, seen(y))

    def judge(params: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return adversaries.applied(critic, ("batch_stats",), params, state, x, True)

    def teach(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, dict, dict]:
        whole = task.project(image, y)
        scores, state = judge(params["critic"], context.model_state["critic"], whole)
        metrics = {
            "generator/adversarial": 0.5 * adversarial.least_squares_generator(scores),
            "generator/l1": weighted_l1(image, truth, y["hole"], known=config.known, missing=config.missing),
            "generator/differences": config.differences * differences_apart(whole, truth),
        }
        return jnp.sum(jnp.stack(list(metrics.values()))), metrics, {"critic": state}

    def learn(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement, place: jax.Array
    ) -> tuple[jax.Array, dict, dict]:
        whole, own, before = task.project(image, y), params["critic"], context.model_state["critic"]
        real, state = judge(own, before, truth)
        fake, state = judge(own, state, whole)
        loss = 0.5 * adversarial.least_squares(real, fake)
        metrics = {"critic/loss": loss}
        if config.penalty:
            score = lambda x: judge(own, before, x)[0]
            metrics["critic/penalty"] = config.penalty * adversarial.gradient_penalty(score, truth, whole, place)
            loss += metrics["critic/penalty"]
        return loss, metrics, {"critic": state}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        return task.project(generate(variables["params"]["generator"], {}, y)[0], y)

    def adam(rate: float) -> optax.GradientTransformation:
        half = spec.steps // 2
        falling = optax.linear_schedule(rate, 0.0, spec.steps - half, transition_begin=half)
        return optax.adam(falling, b1=config.beta1, b2=config.beta2)

    objective = filling(
        generate, teach, learn, measure=task.measure, critic_first=True, draw_look=lambda key: jax.random.uniform(key)
    )
    stage = Stage(
        "adversarial", spec.steps, objective,
        {"generator": adam(config.learning_rate_generator), "critic": adam(config.learning_rate_critic)},
    )  # fmt: skip
    players = {
        "generator": Player(generator, lambda y: (seen(y),), config.ema),
        "critic": Player(critic, lambda y: (y["image"],)),
    }
    return System(restore, players, (stage,), multiple=2**config.levels, calls=1)
