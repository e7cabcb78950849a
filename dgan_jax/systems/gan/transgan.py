"""TransGAN: both networks are transformers over the whole grid, without convolutions; they need augmentation to learn.

Jiang, Chang, Wang, "TransGAN: Two Pure Transformers Can Make One Strong GAN", NeurIPS 2021, arXiv 2102.07074, with the
published code's losses (Wasserstein with a gradient penalty and a drift, "wgangp-eps") and augmentation, whose cutout
is drawn for each image here, not for the batch.
"""

import dataclasses
import math
from typing import Any

import jax
import optax

from dgan_jax.core.parts import Generator, Measurement, Spec, System, Task
from dgan_jax.core.rates import half_life
from dgan_jax.nets import transgan
from dgan_jax.objectives.adversarial import GAMES
from dgan_jax.objectives.gan import Networks, Penalties, gan
from dgan_jax.ops import diffaugment
from dgan_jax.systems import adversaries

PAPER = "Jiang, Chang, Wang 2021, arXiv 2102.07074"
TASKS = ("generate",)
LENDS = (Generator,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults are the published CIFAR-10 values: its script takes 64 real images and 128 generated ones over 8 GPUs,
    which is a batch of 256, cut into 4 and 2."""

    features: int = 1024
    """Of the generator's first stage, a multiple of 64; each later one has a fourth."""
    depths: tuple[int, ...] = (5, 4, 2)
    """Blocks at each stage."""
    bottom: int = 8
    """Side of the first stage; the image is 4 times as large."""
    latent: int = 256
    critic_features: int = 384
    critic_depth: int = 3
    """Blocks at each of the critic's two stages."""
    critic_patch: int = 2
    """Side of the patches of its first stage."""
    norm: str = "ln"
    """ln, bn, in, pn or none, of both networks."""
    policy: str = "translation,cutout,color"
    """Augmentations of all images that the critic sees; "" for none."""
    gradient_penalty: float = 10.0
    slope: float = 1.0
    """phi: the slope that the penalty wants."""
    drift: float = 1e-3
    n_critic: int = 4
    """Updates of the critic for one of the generator."""
    generator_parts: int = 2
    """Parts that a batch is cut into for the generator, which takes one."""
    clip: float = 5.0
    """Largest norm of a gradient."""
    learning_rate_generator: float = 1e-4
    learning_rate_critic: float = 1e-4
    beta1: float = 0.0
    beta2: float = 0.99
    ema_images: float = 500_000
    """Half-life of the generator's average, in images."""
    ema_ramp: float = 0.1
    """Share of the images seen that the half-life is at most; 0: no such limit."""
    ema: float = 0.0
    """A constant decay in the place of the half-life; 0: the half-life."""

    def __post_init__(self) -> None:
        super().__post_init__()
        diffaugment.steps(self.policy)
        if self.features % 64:
            raise ValueError(f"system.features must be a multiple of 64, got {self.features}")


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic"."""
    adversaries.side_of(spec, 4 * config.bottom, "system.bottom")
    pace = adversaries.pace_of(config, spec.batch)
    generator = transgan.Generator(
        config.features, config.bottom, config.depths, norm=config.norm, channels=spec.channels,
        axis_name=spec.axis_name,
    )  # fmt: skip
    critic = transgan.Critic(
        config.critic_features, config.critic_depth, config.critic_patch, config.norm, axis_name=spec.axis_name
    )

    changing = ("batch_stats",) if config.norm == "bn" else ()
    plain = adversaries.functions(generator, critic, config.latent, generator_state=changing, critic_state=())

    def draw_look(key: jax.Array, shape: tuple[int, ...]) -> Any:
        first, second = jax.random.split(key)
        noise = jax.random.normal(first, (critic.noise_size(shape[0]),))
        return noise, diffaugment.draw(second, shape, diffaugment.TRANSGAN)

    def judge(params: Any, state: Any, x: jax.Array, y: Measurement, look: Any, train: bool) -> tuple[jax.Array, Any]:
        del y
        noise, draws = (None, None) if look is None else look
        x = x if draws is None else diffaugment.augment(x, draws, config.policy, diffaugment.TRANSGAN)
        return adversaries.applied(critic, changing if train else (), params, state, x, noise, train)

    networks = Networks(plain.generate, judge, config.latent, draw_look)
    penalties = Penalties(config.gradient_penalty, config.slope, config.drift)
    objective = gan(
        networks, GAMES["wasserstein"], measure=task.measure, pace=pace, penalties=penalties, axis_name=spec.axis_name
    )
    trained = {
        name: optax.chain(optax.clip_by_global_norm(config.clip), own)
        for name, own in adversaries.optimizers(config, spec).items()
    }
    share = math.ceil(spec.batch / config.generator_parts)
    ema = config.ema or half_life(share, config.ema_images, config.ema_ramp)
    players = adversaries.players(generator, critic, config.latent, ema)
    return adversaries.assembled(networks, objective, trained, spec, players)
