"""A small conditional GAN on CIFAR-10, for two CPU cores.

    dgan train cgan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import cgan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=cgan.Config(
            features=16,
            critic_features=16,
            latent=64,
            ema=0.98,
        ),
        task=Generate(classes=10),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none", classes=10),
        train=Train(steps=4000, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
