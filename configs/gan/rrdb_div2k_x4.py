"""RRDB x4 by the mean absolute error, as BasicSR trains it: dgan train rrdb_div2k_x4 --data.name FOLDER

Wang et al., arXiv 1809.00219: DIV2K sub-images (the paper: DF2K), crops of 128, batch 16, a million steps, 16,697,987
parameters. Published on Y: Set5 32.73 dB, 0.9011; Set14 28.99, 0.7917; BSD100 27.85, 0.7455; Urban100 27.03, 0.8153;
Manga109 31.66, 0.9196. --task.scale 2 has 16,703,171 parameters. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import rrdb
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=rrdb.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="div2k", size=128, batch=16),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=rrdb.Config(features=4, blocks=1, growth=4, cycles=2, agree=True),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
