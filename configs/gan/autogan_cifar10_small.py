"""A narrow AutoGAN on CIFAR-10, for two CPU cores.

    dgan train autogan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import autogan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=autogan.Config(
            features=24,
            critic_features=24,
            latent=64,
            n_critic=1,
            critic_parts=1,
            generator_parts=1,
            learning_rate_generator=2e-4,
            learning_rate_critic=4e-4,
            ema=0.98,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=1500, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
