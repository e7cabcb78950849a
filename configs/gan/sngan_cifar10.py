"""SNGAN on CIFAR-10, residual networks: dgan train sngan_cifar10 --data.name tfds:cifar10

Miyato et al., arXiv 1802.05957: 50,000 updates of the generator with 5 of the critic for each; 4,276,739 and
1,053,824 parameters. Published: Inception Score 8.22, FID 21.7. Measured here: not yet run at this size; see
sngan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import sngan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 384


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=384, crop="none", flip=False),
        train=Train(steps=50_000, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=sngan.Config(
            features=8, critic_features=8, bottom=1, latent=4, n_critic=1, critic_parts=2, generator_parts=1, ema=0.9
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
