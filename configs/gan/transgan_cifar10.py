"""TransGAN on CIFAR-10: dgan train transgan_cifar10 --data.name tfds:cifar10

Jiang et al., arXiv 2102.07074: 83,312,495 and 10,210,400 parameters, 500,000 updates of the critic, 4 for each of the
generator. Published: Inception Score 9.02, FID 9.26. Measured here: not yet run at this size; see
transgan_cifar10_small.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import transgan
from dgan_jax.tasks.generate import Generate

EPOCH = 50_000 // 256


def get_config() -> Experiment:
    return Experiment(
        system=transgan.Config(),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=256, crop="none"),
        train=Train(steps=125_000, epoch=EPOCH),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    return Experiment(
        system=transgan.Config(
            features=64,
            depths=(1, 1, 1),
            bottom=2,
            latent=4,
            critic_features=16,
            critic_depth=1,
            n_critic=1,
            generator_parts=1,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
