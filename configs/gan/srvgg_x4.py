"""The compact network x4 for photographs (Real-ESRGAN's general models), by the mean absolute error.

    dgan train srvgg_x4 --data.name FOLDER

After Wang et al., arXiv 2107.10833: 64 features, 32 convolutions between the first and the last, 1,213,296 parameters.
Published files of it come by dgan convert; they were trained on chains of random damage. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srvgg
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srvgg.Config(layers=32),
        task=SuperResolution(scale=4),
        data=Data(name="df2k", size=256, batch=48),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=srvgg.Config(features=4, layers=1, cycles=2, agree=True),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
