"""A conditional GAN on CIFAR-10, labels as planes: dgan train cgan_cifar10 --data.name tfds:cifar10

Mirza, Osindero, arXiv 1411.1784, on DCGAN's networks. Then: dgan sample RUN --label 3. Measured here: not yet run at
this size; see cgan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import cgan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 128


def get_config() -> Experiment:
    return Experiment(
        system=cgan.Config(),
        task=Generate(classes=10),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none", classes=10),
        train=Train(steps=25 * EPOCH, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=cgan.Config(features=4, critic_features=4, levels=1, latent=4, ema=0.9),
        task=Generate(classes=2),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none", classes=2),
        train=Train(steps=4),
    )
