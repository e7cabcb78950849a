"""Denoising diffusion-GAN that fills holes in CIFAR-10 images, 2 steps, small enough for two CPU cores.

    dgan train ddgan_cifar10_inpaint --data.name cifar10.npz

Our reading of DDGAN for restoration: the paper has none. The generator sees the cheaply filled image and the hole
beside x_t and predicts a correction of the fill; known pixels are put back at every step. Measured here: see
docs/cifar10-inpainting.md.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            steps=2, features=24, multipliers=(1, 2, 2), latent_layers=2, latent_embedding=128, critic_features=16,
            residual=True, reconstruction=1.0, regression_share=0.7,
            learning_rate_generator=6e-4, learning_rate_critic=2e-4, learning_rate_end=2e-5, ema=0.99,
        ),
        task=Inpaint(hole="thick"),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=1_500, epoch=30, sample_every=300, checkpoint_every=100, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = ddgan.Config(
        steps=2, features=8, multipliers=(1,), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
        critic_features=4, critic_embedding=8, residual=True, reconstruction=1.0, regression_share=0.5, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small, task=Inpaint(hole="box", fill="pull_push"),
        data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"), train=Train(steps=4),
    )  # fmt: skip
