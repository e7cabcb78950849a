"""SRResNet x4 as first published, with batch norms: dgan train srresnet_original_x4 --data.name FOLDER

Ledig et al., arXiv 1609.04802: 350,000 images of ImageNet, crops of 96, batch 16, a million steps by the squared error
at a rate of 1e-4. Measured here: not yet run.
"""

from dgan_jax.core.experiment import Data, Experiment, Train
from dgan_jax.systems.gan import srresnet
from dgan_jax.tasks.superres import SuperResolution


def get_config() -> Experiment:
    return Experiment(
        system=srresnet.Config(network="original", distance="l2", learning_rate=1e-4, cycles=0, beta2=0.999, ema=0.0),
        task=SuperResolution(scale=4),
        data=Data(name="imagenet", size=96, batch=16),
        train=Train(steps=1_000_000, epoch=10_000, sample_every=5_000, checkpoint_every=5_000),
    )


def get_tiny() -> Experiment:
    """Every part of it, as small as it gets: for tests. What every second pixel is, is known exactly."""
    return Experiment(
        system=srresnet.Config(network="original", features=4, blocks=1, distance="l2", cycles=0, agree=True),
        task=SuperResolution(scale=2, reduce="nearest"),
        data=Data(name="bundled", size=8, batch=8, crop="none"),
        train=Train(steps=4),
    )
