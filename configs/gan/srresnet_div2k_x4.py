"""SRResNet x4 in its form of today, as BasicSR trains it: dgan train srresnet_div2k_x4 --data.name FOLDER

After Ledig et al., arXiv 1609.04802: DIV2K sub-images, crops of 128, batch 16, a million steps by the mean absolute
error, 1,517,571 parameters. Published, RGB, 4 pixels cut off: Set5 30.25 dB, 0.8651; Set14 26.78, 0.7451; DIV2K100
29.00, 0.8195. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srresnet
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srresnet.Config(),
        task=SuperResolution(scale=4),
        data=Data(name="div2k", size=128, batch=16),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=srresnet.Config(features=4, blocks=1, cycles=2, agree=True),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
