"""The conditional GAN: both players are told the class.

Mirza, Osindero, "Conditional Generative Adversarial Nets", arXiv 1411.1784, equation 2. There the label joins the input
of two dense networks; here, as in its convolutional followers, it does so in DCGAN's (`how = "planes"`): one-hot beside
z, and one plane a class beside the image. `how = "projection"` is today's way on SNGAN's networks: a normalisation of
each class in the generator (arXiv 1610.07629) and a projection in the critic (Miyato, Koyama, arXiv 1802.05637).
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dgan_jax.core.names import lookup
from dgan_jax.core.parts import Generator, Measurement, Player, Spec, System, Task
from dgan_jax.nets import dcgan, sngan
from dgan_jax.objectives.adversarial import GAMES
from dgan_jax.objectives.gan import Networks, gan
from dgan_jax.systems import adversaries

PAPER = "Mirza, Osindero 2014, arXiv 1411.1784"
TASKS = ("generate",)
LENDS = (Generator,)
WAYS = ("planes", "projection")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(adversaries.Options):
    """Defaults: DCGAN's networks and training for 32x32 images, labels as planes."""

    how: str = "planes"
    """How labels enter: planes (beside the inputs), or projection (normalised by class, and projected)."""
    loss: str = "non_saturating"
    """non_saturating, minimax, least_squares, hinge (published with projection) or wasserstein."""
    features: int = 64
    """Of planes: the generator's last hidden level, each one before it being twice as wide; of projection: all."""
    critic_features: int = 64
    levels: int = 3
    """Doublings of a 4x4 image: 3 for 32x32, which is what projection draws."""
    latent: int = 100

    def __post_init__(self) -> None:
        lookup("way of a label", self.how, dict.fromkeys(WAYS))
        lookup("loss", self.loss, GAMES)
        super().__post_init__()
        if self.how == "projection" and self.levels != 3:
            raise ValueError(f"system.how projection draws 32x32 images, that is levels 3; got {self.levels}")


def by_planes(config: Config, spec: Spec) -> tuple[Networks, dict[str, Player]]:
    """DCGAN's networks on (z, one-hot label) and on (image, planes)."""
    generator = dcgan.Generator(config.features, config.levels, spec.channels, spec.axis_name)
    critic = dcgan.Critic(config.critic_features, config.levels, spec.axis_name)
    statistics = ("batch_stats",)
    plain = adversaries.functions(generator, critic, config.latent, generator_state=statistics, critic_state=statistics)

    def beside(z: jax.Array, y: Measurement) -> jax.Array:
        return jnp.concatenate([z, jax.nn.one_hot(y["label"], spec.classes)], axis=1)

    def above(x: jax.Array, y: Measurement) -> jax.Array:
        planes = jax.nn.one_hot(y["label"], spec.classes)[:, None, None, :]
        return jnp.concatenate([x, jnp.broadcast_to(planes, (*x.shape[:3], spec.classes))], axis=-1)

    def generate(params: Any, state: Any, z: jax.Array, y: Measurement, train: bool) -> tuple[jax.Array, Any]:
        return plain.generate(params, state, beside(z, y), y, train)

    def judge(params: Any, state: Any, x: jax.Array, y: Measurement, look: Any, train: bool) -> tuple[jax.Array, Any]:
        return plain.judge(params, state, above(x, y), y, look, train)

    z = lambda y: jnp.zeros((len(y["image"]), config.latent + spec.classes))
    planes = lambda y: jnp.zeros((*y["image"].shape[:3], spec.channels + spec.classes))
    players = {
        "generator": Player(generator, lambda y: (z(y),), config.ema),
        "critic": Player(critic, lambda y: (planes(y),)),
    }
    return Networks(generate, judge, config.latent), players


def by_projection(config: Config, spec: Spec) -> tuple[Networks, dict[str, Player]]:
    """SNGAN's networks with classes."""
    generator = sngan.Generator(config.features, channels=spec.channels, classes=spec.classes, axis_name=spec.axis_name)
    critic = sngan.Critic(config.critic_features, spec.classes)
    networks = adversaries.functions(
        generator,
        critic,
        config.latent,
        generator_state=("batch_stats",),
        critic_state=("spectral",),
        label=lambda y: (y["label"],),
    )
    players = {
        "generator": Player(generator, lambda y: (jnp.zeros((len(y["image"]), config.latent)), y["label"]), config.ema),
        "critic": Player(critic, lambda y: (y["image"], y["label"])),
    }
    return networks, players


def build(config: Config, task: Task, spec: Spec) -> System:
    """Players "generator" and "critic". To train, the data must have classes, and the task must tell them."""
    adversaries.side_of(spec, 4 * 2**config.levels, "system.levels")

    def check() -> None:
        if not spec.classes or not getattr(task, "classes", 0):
            raise ValueError(
                "cgan draws images of classes, got none; try --data.classes 10 --task.classes 10, or system gan"
            )

    pace = adversaries.pace_of(config, spec.batch)
    networks, players = (by_planes if config.how == "planes" else by_projection)(config, spec)
    objective = gan(networks, lookup("loss", config.loss, GAMES), measure=task.measure, pace=pace)
    return adversaries.assembled(networks, objective, adversaries.optimizers(config, spec), spec, players, check)
