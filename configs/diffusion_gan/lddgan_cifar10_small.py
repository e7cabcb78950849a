"""A small LDDGAN on CIFAR-10, 4 steps in codes of 4x16x16.

    dgan train lddgan_cifar10_small --data.name cifar10.npz

A small part of the published network, for two CPU cores; nothing of it is published. On a CPU a small batch costs in
proportion: 8 images rather than 256 give several times the steps. Measured: docs/results/cifar10.md (300 seconds).
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=lddgan.Config(
            features=24, multipliers=(1, 2, 2), latent_layers=2, latent_embedding=128, critic_features=16, ema=0.99,
            autoencoder_features=32, patch_features=16, autoencoder_share=0.4, autoencoder_learning_rate=1e-3,
            autoencoder_dropout=0.0,
        ),
        task=Generate(),
        data=Data(name="tfds:cifar10", size=32, batch=8, crop="none"),
        train=Train(steps=4_000, epoch=30, sample_every=1_000, checkpoint_every=500),
    )  # fmt: skip
