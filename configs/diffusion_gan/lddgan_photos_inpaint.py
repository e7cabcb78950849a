"""Latent denoising diffusion-GAN that fills holes in photographs, 2 steps on 64x64 crops, for two CPU cores.

    dgan train lddgan_photos_inpaint

Our reading of LDDGAN for restoration: the paper has none. Codes are 4x32x32; the generator sees the code of the cheaply
filled image and the hole, and predicts a correction of that code; known pixels are put back after decoding. The
autoencoder has no norms and little noise at first: with them, twelve minutes of one core do not teach it colours,
without them one minute does. Measured here: docs/results/restoration.md.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion_gan import lddgan
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=lddgan.Config(
            steps=2, features=32, multipliers=(1, 2, 2), blocks=1, latent=32, latent_layers=2, latent_embedding=64,
            critic_features=16, critic_embedding=64, residual=True, reconstruction=10.0, learning_rate_generator=4e-4,
            learning_rate_critic=1e-4, ema=0.99, autoencoder_features=16, autoencoder_multipliers=(1, 2),
            autoencoder_blocks=1, autoencoder_attention=(), autoencoder_middle_attention=False, autoencoder_groups=0,
            autoencoder_dropout=0.0, code_log_variance=-6.0, autoencoder_share=0.6, autoencoder_learning_rate=1e-3,
            patch_features=16, patch_layers=2, adversarial_start=1500,
        ),
        task=Inpaint(hole="brush"),
        data=Data(name="bundled", size=64, batch=4),
        train=Train(steps=4_000, epoch=400, sample_every=1000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    # The small critic starts as a constant, so that rounding alone would tell the signs of its first steps.
    small = lddgan.Config(
        steps=2, features=8, multipliers=(1,), blocks=1, latent=4, latent_layers=1, latent_embedding=8, critic="large",
        critic_features=4, critic_embedding=8, residual=True, r1_every=2, autoencoder_features=8, autoencoder_blocks=1,
        autoencoder_groups=4, autoencoder_attention=(), autoencoder_dropout=0.1, autoencoder_share=0.5,
        patch_features=16, patch_layers=1, adversarial_start=0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Inpaint(hole="box", fill="pull_push"),
        data=Data(name="bundled", size=16, batch=8, crop="none"),
        train=Train(steps=4),
    )
