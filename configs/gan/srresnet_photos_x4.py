"""SRResNet that enlarges photographs x4, 64x64 crops, batch 2, small enough for two CPU cores.

    dgan train srresnet_photos_x4 --data.name FOLDER

Our sizes, the published loss. Measured here: not yet run at this size.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srresnet
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srresnet.Config(features=32, blocks=6, start=1.0, learning_rate=1e-3, cycles=1, ema=0.99),
        task=SuperResolution(scale=4),
        data=Data(name="bundled", size=64, batch=2),
        train=Train(steps=2_000, epoch=100, sample_every=250, checkpoint_every=250, log_every=25),
    )
