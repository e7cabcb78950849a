"""Latent diffusion that fills holes in photographs, on 64x64 crops, for two CPU cores: dgan train ldm_inpaint_photos

Codes of 3x32x32 of a small autoencoder, which is trained first. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ldm_inpaint
from dgan_jax.tasks.inpaint import Inpaint


def get_config() -> Experiment:
    return Experiment(
        system=ldm_inpaint.Config(
            features=32, multipliers=(1, 2, 2), blocks=1, attention=(8,), heads=4, groups=8, learning_rate=5e-4,
            warmup=100, clip=1.0, ema=0.995, book=1024, code_scale=0.0, autoencoder_features=16,
            autoencoder_multipliers=(1, 2), autoencoder_blocks=1, autoencoder_groups=0, autoencoder_share=0.5,
            autoencoder_learning_rate=1e-3, patch_features=16, patch_layers=2, adversarial_start=1500,
        ),
        task=Inpaint(hole="brush", fill="none"),
        data=Data(name="bundled", size=64, batch=4),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = ldm_inpaint.Config(
        steps=8, beta_last=0.6, restore_steps=2, features=4, multipliers=(1,), blocks=1, attention=(), heads=1,
        groups=2, book=16, code_channels=2, code_scale=0.0, autoencoder_features=4, autoencoder_multipliers=(1, 2),
        autoencoder_blocks=1, autoencoder_groups=2, autoencoder_share=0.5, patch_features=8, patch_layers=1,
        adversarial_start=0,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Inpaint(hole="box", fill="none"),
        data=Data(name="bundled", size=16, batch=8, crop="none"),
        train=Train(steps=4),
    )
