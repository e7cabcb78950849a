"""The compact network x4 on photographs, 64x64 crops, batch 2, small enough for two CPU cores.

    dgan train srvgg_photos_x4 --data.name FOLDER

Our sizes. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srvgg
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srvgg.Config(features=32, layers=8, learning_rate=1e-3, cycles=1, ema=0.99),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=2_000, epoch=100, sample_every=250, checkpoint_every=250, log_every=25),
    )
