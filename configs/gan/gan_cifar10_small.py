"""A small DCGAN on CIFAR-10, for two CPU cores.

    dgan train gan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here, 2026-11-28, with rates of 2e-4
and a batch of 64: after 183 steps, 20 seconds of a core, soft light and dark shapes in few colours; not yet run to
its end.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import gan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=gan.Config(
            features=16,
            critic_features=16,
            latent=64,
            ema=0.98,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=4000, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
