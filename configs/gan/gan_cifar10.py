"""DCGAN on CIFAR-10: dgan train gan_cifar10 --data.name tfds:cifar10

Radford et al., arXiv 1511.06434: Adam 2e-4 with beta 0.5, batch 128, 25 epochs in PyTorch's example. Three levels in
the place of its four, for 32x32 images. Measured here: not yet run at this size; see gan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import gan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 128


def get_config() -> Experiment:
    return Experiment(
        system=gan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=128, crop="none"),
        train=Train(steps=25 * EPOCH, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=gan.Config(loss="minimax", features=4, critic_features=4, levels=1, latent=4, ema=0.9),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
