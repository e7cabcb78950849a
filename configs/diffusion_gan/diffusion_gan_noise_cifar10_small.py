"""A small Diffusion-GAN with DDGAN's networks on CIFAR-10, one step.

    dgan train diffusion_gan_noise_cifar10_small --data.name cifar10.npz

A small part of the published network, for two CPU cores; nothing of it is published. On a CPU a small batch costs in
proportion: 8 images rather than 256 give several times the steps. Measured: docs/results/cifar10.md (300 seconds).
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffusion_gan_noise
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=diffusion_gan_noise.Config(
            features=24, multipliers=(1, 2, 2), latent_layers=2, latent_embedding=128, critic_features=16, ema=0.99,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=8, crop="none"),
        train=Train(steps=4_000, epoch=30, sample_every=1_000, checkpoint_every=500),
    )  # fmt: skip
