"""Wavelet diffusion-GAN that fills brush strokes in photographs, 4 steps on 64x64 crops, for two CPU cores.

    dgan train wavediff_photos_inpaint

Our reading of WaveDiff for restoration: the paper has none. The generator sees the bands of the cheaply filled image
and of the hole beside those of x_t and predicts a correction of the fill; known pixels are put back at every step.
Measured here, in 300 seconds: docs/results/restoration.md
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import wavediff
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=wavediff.Config(
            features=32, multipliers=(1, 2, 4), blocks=1, attention=(), latent=32, latent_layers=2, latent_embedding=64,
            critic_layers=3, critic_features=16, critic_embedding=64, residual=True, reconstruction=10.0,
            regression_share=0.6, learning_rate_generator=4e-4, learning_rate_critic=1e-4, learning_rate_end=2e-5,
            ema=0.99,
        ),
        task=Inpaint(hole="brush"),
        data=Data(name="bundled", size=64, batch=16),
        train=Train(steps=500, epoch=50, log_every=10, sample_every=250, checkpoint_every=250),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = wavediff.Config(
        steps=2, features=8, multipliers=(1, 2), blocks=1, attention=(), latent=4, latent_layers=1, latent_embedding=8,
        critic="large", critic_layers=3, critic_features=4, critic_embedding=8, residual=True, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small, task=Inpaint(hole="box", fill="pull_push"), data=Data(name="bundled", size=16, batch=8),
        train=Train(steps=4),
    )  # fmt: skip
