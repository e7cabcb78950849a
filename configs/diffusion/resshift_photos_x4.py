"""ResShift that enlarges photographs by 4, four steps in pixels on 64x64 crops, for two CPU cores.

    dgan train resshift_photos_x4 --data.name FOLDER

A small network without a perceptual term. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import resshift
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=resshift.Config(
            kappa=1.0, network="adm", features=24, multipliers=(1, 2, 2), blocks=1, attention=(), head_channels=24,
            groups=8, perceptual=0.0, autoencoder="none", learning_rate=1e-3, learning_rate_end=5e-5, warmup=50,
            clip=1.0, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=48, batch=2),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """In pixels, every part of it as small as it gets: for tests."""
    small = resshift.Config(
        steps=2, network="adm", features=4, multipliers=(1,), blocks=1, attention=(), head_channels=4, groups=2,
        perceptual=0.0, warmup=0, autoencoder="none",
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
