"""Denoising diffusion-GAN that fills holes in CIFAR-10 images, 4 steps, small enough for two CPU cores.

    dgan train ddgan_cifar10_inpaint --data.name cifar10.npz

Our reading of DDGAN for restoration: the paper has none. The generator sees the cheaply filled image and the hole beside x_t and
predicts a correction of the fill; known pixels are put back at every step. Measured here: see docs/cifar10-inpainting.md.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import ddgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ddgan.Config(
            features=32, latent_layers=3, critic_features=32, residual=True, reconstruction=10.0, regression_share=0.4,
            learning_rate_generator=3e-4, learning_rate_critic=1.25e-4, learning_rate_end=2e-5, ema=0.999,
        ),
        task=Inpaint(hole="lama_thick"),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none"),
        train=Train(steps=12_000, epoch=1_562, sample_every=1_000, checkpoint_every=500, log_every=50),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = ddgan.Config(
        steps=2, features=8, multipliers=(1, 2), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8, critic_features=4,
        critic_embedding=8, residual=True, reconstruction=1.0, regression_share=0.5, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small, task=Inpaint(hole="box", fill="pull_push"), data=Data(name="tfds:cifar10", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )  # fmt: skip
