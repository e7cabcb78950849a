"""SRDDGAN that enlarges photographs x4, 2 steps on 64x64 crops, for two CPU cores.

    dgan train srddgan_photos_x4 --data.name FOLDER

Our reading of the paper (see the system), as a correction of the first estimate, which is learned by its error first.
Measured here, not at this length: 235 steps of batch 8 (210 of them by the error alone) on 241 photographs, 10 minutes
of two busy CPU cores; on 128x128 centres of Set14, PSNR on Y 26.85 dB against 26.72 of the first estimate and 26.15 of
the bicubic, SSIM 0.690 against 0.684 and 0.658. A run as short as that shows nothing of what the critic does.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import srddgan
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srddgan.Config(
            steps=2, features=16, multipliers=(1, 2, 4), blocks=1, attention=(), encoder_features=32, encoder_blocks=4,
            latent=32, latent_layers=2, latent_embedding=64, critic="small", critic_features=8, critic_embedding=64,
            residual=True, r1_gamma=0.05, r1_every=15, regression_share=0.7, learning_rate_generator=6e-4,
            learning_rate_critic=2e-4, learning_rate_end=2e-5, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=16),
        train=Train(steps=1_000, epoch=20, log_every=20, sample_every=250, checkpoint_every=100),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    small = srddgan.Config(
        steps=2, features=8, multipliers=(1,), blocks=1, attention=(), encoder_features=4, encoder_blocks=1, latent=4,
        latent_layers=1, latent_embedding=8, critic="small", critic_features=4, critic_embedding=8, residual=True,
        r1_gamma=0.05, r1_every=2,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
