"""SRDiff that enlarges photographs by 4 on 64x64 crops: dgan train srdiff_photos_x4 --data.name FOLDER

Small networks for two CPU cores, 10 steps. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import srdiff
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srdiff.Config(
            steps=10, features=24, multipliers=(1, 2, 2), encoder_features=32, encoder_blocks=5, encoder_share=0.4,
            learning_rate=1e-3, encoder_learning_rate=1e-3, ema=0.99,
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )  # fmt: skip


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    small = srdiff.Config(
        steps=3, features=4, multipliers=(1,), attention=True, see_enlarged=True, encoder_features=4, encoder_blocks=2,
        encoder_share=0.5, ema=0.9,
    )  # fmt: skip
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
