"""I2SB that enlarges photographs by 4, six steps on 64x64 crops: dgan train i2sb_photos_x4 --data.name FOLDER

A small network for two CPU cores. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import i2sb
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=i2sb.Config(
            restore_steps=6, features=24, multipliers=(1, 2, 2), blocks=1, attention=(), head_channels=24, groups=8,
            learning_rate=1e-3, warmup=50, clip=1.0, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=48, batch=2),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    small = i2sb.Config(
        steps=10, restore_steps=3, features=4, multipliers=(1,), blocks=1, attention=(), head_channels=4, groups=2,
        see_condition=True,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
