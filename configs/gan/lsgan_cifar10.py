"""LSGAN on CIFAR-10: dgan train lsgan_cifar10 --data.name tfds:cifar10

Mao et al., arXiv 1611.04076: codes 0, 1, 1, Adam 1e-3 with beta 0.5, batch 64. Measured here: not yet run at this
size; see lsgan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lsgan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 64


def get_config() -> Experiment:
    return Experiment(
        system=lsgan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=64, crop="none"),
        train=Train(steps=25 * EPOCH, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=lsgan.Config(
            code_fake=-1.0, code_wanted=0.0, features=4, critic_features=4, levels=1, latent=4, n_critic=2, ema=0.9
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
