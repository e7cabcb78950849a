"""A small SNGAN (DCGAN's layers) on CIFAR-10, for two CPU cores.

    dgan train sngan_cifar10_small --data.name cifar10.npz

Small enough for minutes of two CPU cores; nothing of it is published. Measured here, 2026-11-28, with rates of 1e-3:
after 396 steps, 70 seconds of a core, skies, horizons and dark shapes, but by then the critic's logits had become
constant, whence these lower rates; not yet run with them.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import sngan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=sngan.Config(
            network="dcgan",
            features=64,
            critic_features=64,
            latent=64,
            n_critic=1,
            critic_parts=1,
            generator_parts=1,
            learning_rate_generator=2e-4,
            learning_rate_critic=4e-4,
            decay=False,
            calibration_share=0.1,
            ema=0.98,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=1500, epoch=100, log_every=50, sample_every=500, checkpoint_every=500),
    )
