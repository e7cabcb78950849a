"""IR-SDE that enlarges photographs by 4 on 64x64 crops, for two CPU cores: dgan train irsde_photos_x4

A small network and 10 steps. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.diffusion import irsde
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=irsde.Config(
            steps=10, sampler="posterior", features=16, depth=3, heads=2, head_channels=8, learning_rate=1e-3, ema=0.99
        ),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=4_000, sample_every=1_000, checkpoint_every=400, log_every=20),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests."""
    small = irsde.Config(steps=3, features=4, depth=1, heads=1, head_channels=4)
    return Experiment(
        system=small,
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
