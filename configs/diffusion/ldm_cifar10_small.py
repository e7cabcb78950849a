"""Latent diffusion of CIFAR-10's classes, for two CPU cores: dgan train ldm_cifar10_small --data.name tfds:cifar10

Codes of 4x16x16 of a small autoencoder, which is trained first; classes by cross-attention. Measured here: not yet run
at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddim, ldm
from dgan_jax.tasks.generate import Generate


def get_config() -> Experiment:
    return Experiment(
        system=ldm.Config(
            features=32, multipliers=(1, 2), blocks=1, attention=(8,), head_channels=32, groups=8, context=64,
            learning_rate=5e-4, warmup=100, clip=1.0, ema=0.995, autoencoder="kl", code_channels=4, code_scale=0.0,
            code_log_variance=-6.0, autoencoder_features=16, autoencoder_multipliers=(1, 2), autoencoder_blocks=1,
            autoencoder_groups=0, autoencoder_share=0.3, autoencoder_learning_rate=1e-3, patch_features=16,
            patch_layers=2, adversarial_start=1500,
        ),
        task=Generate(classes=10),
        data=Data(name="tfds:cifar10", size=32, batch=32, crop="none", classes=10),
        train=Train(steps=10_000, sample_every=1_000, checkpoint_every=500, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. Classes are added to the time: where a context is one vector,
    nothing trains what it is compared by."""
    small = ldm.Config(
        steps=8, beta_last=0.6, restore_steps=2, eta=0.5, guidance=2.0, features=4, multipliers=(1,), blocks=1,
        attention=(), head_channels=4, groups=2, context=3, dropout=0.1, autoencoder="kl", code_channels=2,
        code_scale=0.0, autoencoder_features=4, autoencoder_multipliers=(1, 2), autoencoder_blocks=1,
        autoencoder_groups=2, autoencoder_share=0.5, patch_features=8, patch_layers=1, adversarial_start=0,
        class_dropped=0.5, classes_by="add",
    )  # fmt: skip
    return Experiment(
        system=small,
        task=Generate(classes=2),
        data=Data(name="tfds:cifar10", size=16, batch=8, crop="none", classes=2),
        train=Train(steps=4),
    )


def get_solver() -> ddim.Config:
    return ddim.Config(steps=2)
