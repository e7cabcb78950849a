"""A small StyleGAN2 on CIFAR-10, for two CPU cores.

    dgan train stylegan2_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import stylegan2
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=stylegan2.Config(
            latent=64,
            styles=64,
            features=1024,
            most_features=64,
            group=8,
            clamp=0.0,
            r1_gamma=0.1,
            learning_rate=4e-3,
            ema_images=2_000,
            ema_ramp=0.0,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=16, crop="none"),
        train=Train(steps=1500, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
