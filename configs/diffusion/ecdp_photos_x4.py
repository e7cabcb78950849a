"""ECDP that enlarges photographs by 4 on 64x64 crops, for two CPU cores: dgan train ecdp_photos_x4 --data.name FOLDER

Small networks, without VGG19's features. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import ecdp
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=ecdp.Config(
            features=24, multipliers=(1, 2, 2), blocks=1, time_features=32, encoder_features=32, encoder_blocks=4,
            encoder_growth=16, shown=(1, 3), encoder_share=0.4, encoder_rate=1e-3, learning_rate=1e-3,
            learning_rate_encoder=1e-4, warmup=50, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    small = ecdp.Config(
        features=4, multipliers=(1,), blocks=1, time_features=4, encoder_features=4, encoder_blocks=1,
        encoder_growth=2, shown=(0,), encoder_share=0.5, warmup=1, ema=0.9, sampler="ddim", restore_steps=2,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
