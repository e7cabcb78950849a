"""A small TransGAN on CIFAR-10, for two CPU cores.

    dgan train transgan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import transgan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=transgan.Config(
            features=128,
            depths=(2, 1, 1),
            latent=64,
            critic_features=64,
            critic_depth=1,
            critic_patch=4,
            n_critic=1,
            generator_parts=1,
            learning_rate_generator=5e-4,
            learning_rate_critic=5e-4,
            ema_images=2_000,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=1500, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
