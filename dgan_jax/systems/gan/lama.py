"""LaMa: one pass of a network that sees the whole image in every block, trained on large holes.

Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022, arXiv 2109.07161.

Networks see images in [0, 1], the hole black, and the hole beside them. Losses look at the raw image; what is restored
has its known pixels put back. The critic learns after the generator, from images that are made anew, as published. The
perceptual term looks through a segmentation network, whose weights are read from the folder that DGAN_WEIGHTS names;
`perceptual_network` "vgg19" is a substitute of ours for whoever lacks them, and a weight of 0 does without either.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dgan_jax import pretrained
from dgan_jax.core import checks
from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Context, Measurement, Player, Spec, Stage, System, Task
from dgan_jax.nets.lama import Generator
from dgan_jax.nets.pix2pixhd_critic import PatchCritic
from dgan_jax.nets.resnet_dilated import ResNetDilated
from dgan_jax.objectives import adversarial, lama
from dgan_jax.objectives.diffir import feature_matching, weighted_l1
from dgan_jax.objectives.filling import filling
from dgan_jax.objectives.perceptual import REAL_ESRGAN, features_apart, stages_apart
from dgan_jax.systems import adversaries

PAPER = "Suvorov et al. 2022, arXiv 2109.07161"
TASKS = ("inpaint",)
EYES = ("resnet50_ade20k", "vgg19")
STATISTICS = ("batch_stats",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Defaults are "lama-fourier" as published; "big-lama" has 18 blocks."""

    features: int = 64
    """Width of the first level; it doubles with each."""
    levels: int = 3
    """Halvings in front of the blocks."""
    blocks: int = 9
    ratio: float = 0.75
    """Share of the channels that are convolved among frequencies; 0 is a plain residual network."""
    gated: bool = False
    """Gates between local and global channels; no released network has them."""
    quarters: bool = False
    """Local Fourier units, for square images; no released network has them."""
    critic_features: int = 64
    critic_layers: int = 4
    known: float = 10.0
    """Weight of the absolute error of known pixels."""
    missing: float = 0.0
    """Weight of the absolute error in the hole; 0 as published, where all that is drawn is the critic's and the
    perceptual loss's affair."""
    adversarial: float = 10.0
    feature_matching: float = 100.0
    r1: float = 1e-3
    known_is_real: bool = True
    """Patches of a filled image that lie outside the hole count as real."""
    perceptual: float = 30.0
    """Weight of the perceptual loss; 0 does without it and its weights."""
    perceptual_network: str = "resnet50_ade20k"
    """resnet50_ade20k, as published, or vgg19 with the layers of Real-ESRGAN, which is not."""
    learning_rate_generator: float = 1e-3
    learning_rate_critic: float = 1e-4
    beta1: float = 0.9
    beta2: float = 0.999
    clip: float = 1.0
    """Largest norm of a player's gradient; 0 does not clip."""
    ema: float = 0.0
    """Averaging of the generator; 0 restores by the last weights, as the released networks do."""

    def __post_init__(self) -> None:
        lookup("perceptual network", self.perceptual_network, dict.fromkeys(EYES))
        checks.at_least_one(self, "features", "levels", "blocks", "critic_features", "critic_layers")
        if not 0 <= self.ratio < 1:
            raise ValueError(f"system.ratio must be in [0, 1), got {self.ratio}; published: 0.75")


def seen(y: Measurement) -> jax.Array:
    """What the generator sees: [B, H, W, C + 1], the image in [0, 1], 0 in the hole, and the hole."""
    return jnp.concatenate([0.5 * (y["image"] + 1) * (1 - y["hole"]), y["hole"]], axis=-1)


def perceptual(config: Config, image: jax.Array, truth: jax.Array, frozen: Any) -> jax.Array:
    """The distance of what a network that is not trained makes of both images, [B, H, W, 3] in [0, 1]."""
    params = frozen[config.perceptual_network]
    if config.perceptual_network == "vgg19":
        return features_apart(params, REAL_ESRGAN, image, truth)
    return jnp.sum(stages_apart(ResNetDilated(), params, image, truth)[0])


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    generator = Generator(
        spec.channels, config.features, config.levels, config.blocks, config.ratio, gated=config.gated,
        quarters=config.quarters, axis_name=spec.axis_name,
    )  # fmt: skip
    critic = PatchCritic(config.critic_features, config.critic_layers, spec.axis_name)

    def generate(params: Any, state: Any, y: Measurement) -> tuple[jax.Array, Any]:
        return adversaries.applied(generator, STATISTICS, params, state, seen(y), True)

    def judge(params: Any, state: Any, x: jax.Array) -> tuple[jax.Array, Any, Any]:
        (logits, features), state = adversaries.applied(critic, STATISTICS, params, state, x)
        return logits, features, state

    def teach(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement
    ) -> tuple[jax.Array, dict, dict]:
        truth, own = 0.5 * (truth + 1), params["critic"]
        _, theirs, state = judge(own, context.model_state["critic"], truth)
        logits, ours, state = judge(own, state, image)
        metrics = {
            "generator/l1": weighted_l1(image, truth, y["hole"], known=config.known, missing=config.missing),
            "generator/adversarial": config.adversarial * adversarial.non_saturating(logits),
            "generator/features": config.feature_matching * feature_matching(ours, theirs),
        }
        if config.perceptual:
            metrics["generator/perceptual"] = config.perceptual * perceptual(config, image, truth, context.frozen)
        return jnp.sum(jnp.stack(list(metrics.values()))), metrics, {"critic": state}

    def learn(
        params: dict, context: Context, image: jax.Array, truth: jax.Array, y: Measurement, look: Any
    ) -> tuple[jax.Array, dict, dict]:
        del look
        truth, own = 0.5 * (truth + 1), params["critic"]

        def look_at(x: jax.Array) -> tuple[jax.Array, Any]:
            logits, _, state = judge(own, context.model_state["critic"], x)
            return logits, state

        # One pass for the logits and their slopes.
        real, back, state = jax.vjp(look_at, truth, has_aux=True)
        slopes = jnp.sum(jnp.square(back(jnp.ones_like(real))[0]), axis=(1, 2, 3))
        fake, _, state = judge(own, state, image)
        loss, metrics = lama.critic_loss(
            real, fake, slopes, y["hole"], r1=config.r1, known_is_real=config.known_is_real
        )
        return loss, metrics, {"critic": state}

    def restore(variables: dict, y: Measurement, keys: jax.Array) -> jax.Array:
        del keys
        own = variables["params"]["generator"], variables["model_state"]["generator"]
        return task.project(2 * adversaries.applied(generator, (), *own, seen(y))[0] - 1, y)

    def adam(rate: float) -> optax.GradientTransformation:
        optimizer = optax.adam(rate, b1=config.beta1, b2=config.beta2)
        return optax.chain(optax.clip_by_global_norm(config.clip), optimizer) if config.clip else optimizer

    eye = config.perceptual_network
    read = functools.partial(pretrained.read, eye, None)
    stage = Stage(
        "adversarial", spec.steps, filling(generate, teach, learn, measure=task.measure),
        {"generator": adam(config.learning_rate_generator), "critic": adam(config.learning_rate_critic)},
        check=read if config.perceptual else lambda: None,
    )  # fmt: skip
    players = {
        "generator": Player(generator, lambda y: (seen(y),), config.ema),
        "critic": Player(critic, lambda y: (y["image"],)),
    }
    frozen = {eye: lambda: read().params} if config.perceptual else {}
    return System(restore, players, (stage,), multiple=2**config.levels, calls=1, frozen=frozen)
