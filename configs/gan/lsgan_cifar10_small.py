"""A small LSGAN on CIFAR-10, for two CPU cores.

    dgan train lsgan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import lsgan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=lsgan.Config(
            features=16,
            critic_features=16,
            latent=64,
            ema=0.98,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=4000, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
