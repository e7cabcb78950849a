"""Diffusion-GAN that fills thin holes in photographs in one step, on 64x64 crops, for two CPU cores.

    dgan train diffusion_gan_noise_photos_inpaint --data.name FOLDER --train.steps 20000

Our reading of Diffusion-GAN for restoration: the paper has none. The generator corrects the cheap fill and learns that
by its error first; the critic then sees filled and whole photographs diffused. Stronger noise and a quicker pace than
published, because the run is short. Measured here, in 300 seconds: docs/results/restoration.md
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import diffusion_gan_noise
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=diffusion_gan_noise.Config(
            noise=0.5, pace_images=20_000, features=16, multipliers=(1, 2, 4), blocks=1, attention=(), latent=32,
            latent_layers=2, latent_embedding=64, critic_features=8, critic_embedding=64, residual=True,
            reconstruction=1.0, regression_share=0.8, learning_rate_generator=6e-4, learning_rate_critic=2e-4,
            learning_rate_end=2e-5, ema=0.98,
        ),
        task=Inpaint(hole="thin"),
        data=Data(name="bundled", size=64, batch=16),
        train=Train(steps=300, epoch=10, log_every=20, sample_every=0, checkpoint_every=100),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets, and a chain that moves at every step: for tests."""
    small = diffusion_gan_noise.Config(
        shortest=2, longest=20, noise=0.5, pace_batches=1, pace_images=40, features=8, multipliers=(1,), blocks=1,
        attention=(), latent=4, latent_layers=1, latent_embedding=8, critic_features=4, critic_embedding=8,
        residual=True, reconstruction=1.0, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Inpaint(hole="box", fill="pull_push"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
