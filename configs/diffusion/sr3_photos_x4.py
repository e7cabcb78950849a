"""SR3 that enlarges photographs by 4, 50 steps on 64x64 crops, for two CPU cores: dgan train sr3_photos_x4

A small network. Measured here: not yet run at this size.

On CPUs, jaxlib 0.10.2 cannot compile its training with the flag that dgan sets to make convolutions faster
("unsupported layout in YNN fusion"); without it, it does: XLA_FLAGS= dgan train sr3_photos_x4
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ddim, sr3
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=sr3.Config(
            restore_steps=50, restore_beta_last=0.35, features=32, multipliers=(1, 2, 2), blocks=1, attention=(),
            groups=8, dropout=0.0, learning_rate=1e-3, warmup=50, clip=1.0, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=8),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    small = sr3.Config(
        restore_steps=4, restore_beta_last=0.9, features=4, multipliers=(1,), blocks=1, attention=(), groups=2,
        ema=0.9,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )


def get_solver() -> ddim.Config:
    return ddim.Config(steps=2)
